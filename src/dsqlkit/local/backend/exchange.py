"""One exchange with the backend: what is sent up to a Sync or a Query, and all that answers it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from dsqlkit.local.dialect.refusal import Refusal
from dsqlkit.local.wire.messages import (
    INT32,
    MAX_BACKEND_FRAME,
    RUN,
    STATEMENT,
    SYNC,
    Backend,
    Field,
    FrameCutter,
    Frontend,
    decode_fields,
    encode_fields,
    message,
)

IDLE, IN_TRANSACTION, FAILED = b"ITE"
"""The states of a ReadyForQuery."""
READY_IDLE: Final = message(Backend.READY_FOR_QUERY, bytes((IDLE,)))
READY_FAILED: Final = message(Backend.READY_FOR_QUERY, bytes((FAILED,)))

HELD_BYTES: Final = 16 * 1024 * 1024
"""What is held back of an answer. More than the 10 MiB that a transaction may change on DSQL; what
is longer goes on to its client before it is known to have met no conflict."""

_OURS: Final = b"dsqlkit_question\0"


Rows: TypeAlias = list[tuple[str | None, ...]]
"""Rows of an answer, in text."""


class Refused(Exception):
    """The backend answered a question of ours with an error."""

    def __init__(self, sqlstate: str, message: str, *, given_way: bool) -> None:
        super().__init__(f"{sqlstate}: {message}")
        self.sqlstate = sqlstate
        self.given_way = given_way


@dataclass(slots=True)
class Exchange:
    """An exchange under way.

    `forward`: answers go to the client as they come; else they are held in `pieces`, up to
    HELD_BYTES if it is `bounded`. `hide_ready`: the client sent no Sync of its own, so it gets no
    ReadyForQuery. `holds_end`: from the end of its first statement on they are held all the same.
    `changed` counts the rows that its statements changed. `gives_way`: the adjudicator cancels it,
    for another transaction to go on; `given_way`: that is why it failed; `cancelled_as`: it cancels
    it for another reason, which is what to tell. `guarded`: a savepoint of ours comes before it.
    `before` counts the characters of the client's text that come before the text that was sent.
    `copies`: it is a COPY with its data, of whose answers the client has had those up to the start
    of the data. `on_copy` hears of that start. `unheard` is what is still to come of an answer that
    comes first and that nobody gets.
    """

    forward: bool
    bounded: bool = False
    hide_ready: bool = False
    is_query: bool = False
    holds_end: bool = False
    guarded: bool = False
    copies: bool = False
    before: int = 0
    on_done: "Callable[[Exchange], None] | None" = None
    on_copy: Callable[[bytes], None] | None = None
    pieces: list[tuple[int, bytes]] = field(default_factory=list)
    size: int = 0
    error: bytes | None = None
    gives_way: bool = False
    given_way: bool = False
    cancelled_as: Refusal | None = None
    tag: bytes = b""
    changed: int = 0
    copies_in: bool = False
    data_ended: bool = False
    unheard: bytes = b""
    status: int = IDLE

    @property
    def sqlstate(self) -> str | None:
        """The SQLSTATE of the backend's error, if there was one."""
        return None if self.error is None else _field(self.error, Field.SQLSTATE)

    def heard(self, data: bytes) -> bytes | None:
        """More of the answer, without what is unheard of it; None if something else came first."""
        size = min(len(data), len(self.unheard))
        if not data.startswith(self.unheard[:size]):
            return None
        self.unheard = self.unheard[size:]
        return data[size:]

    def held(self) -> bytes:
        """What was held back, as the client is to get it."""
        pieces = self.pieces
        if self.copies:
            kinds = [kind for kind, _ in pieces]
            if Backend.COPY_IN_RESPONSE in kinds:
                pieces = pieces[kinds.index(Backend.COPY_IN_RESPONSE) + 1 :]
        return b"".join(piece for _, piece in pieces)

    def placed(self, error: bytes) -> bytes:
        """An error whose position is one in the client's text."""
        fields = decode_fields(error)
        if not self.before or Field.POSITION not in fields:
            return error
        fields[Field.POSITION] = str(int(fields[Field.POSITION]) + self.before).encode()
        return encode_fields(Backend.ERROR_RESPONSE, fields)

    def rows(self) -> Rows:
        """The rows that were held back, in text. Raises Refused when the answer was an error."""
        if self.error is not None:
            code, text = _field(self.error, Field.SQLSTATE), _field(self.error, Field.MESSAGE)
            raise Refused(code, text, given_way=self.given_way)
        stream = self.held()
        cutter = FrameCutter({Backend.DATA_ROW}, limit=MAX_BACKEND_FRAME)
        return [_values(frame) for kind, frame in cutter.feed(stream) if kind != RUN]


def question(sql: str, parameters: Sequence[str | None] = ()) -> bytes:
    """The frames that run one statement of ours, with parameters and rows in text.

    Under a name of its own, as the unnamed statement is the client's, who may have filled it in an
    earlier message. An unnamed portal of the client's is bound again after questions (`Step.bind`).
    """
    values = b"".join(_value(parameter) for parameter in parameters)
    # No parameter formats (text), the parameters, no result formats (text).
    bind = b"\0" + _OURS + b"\0\0" + len(parameters).to_bytes(2, "big") + values + b"\0\0"
    # Closed before too, as it is left over when the one before failed.
    close = message(Frontend.CLOSE, STATEMENT + _OURS)
    return (
        close
        + message(Frontend.PARSE, _OURS + sql.encode() + b"\0\0\0")
        + message(Frontend.BIND, bind)
        + message(Frontend.EXECUTE, bytes(5))
        + close
        + SYNC
    )


def _value(parameter: str | None) -> bytes:
    if parameter is None:
        return b"\xff\xff\xff\xff"
    text = parameter.encode()
    return INT32.pack(len(text)) + text


def _values(frame: bytes) -> tuple[str | None, ...]:
    count = int.from_bytes(frame[5:7], "big")
    values: list[str | None] = []
    position = 7
    for _ in range(count):
        (length,) = INT32.unpack_from(frame, position)
        position += 4
        if length == 0xFFFFFFFF:
            values.append(None)
        else:
            values.append(frame[position : position + length].decode())
            position += length
    return tuple(values)


def _field(error: bytes, name: int) -> str:
    return decode_fields(error).get(name, b"").decode(errors="replace")

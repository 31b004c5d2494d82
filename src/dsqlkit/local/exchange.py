"""One exchange with the backend: what is sent up to a Sync or a Query, and all that answers it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dsqlkit.local import wire

IDLE, IN_TRANSACTION, FAILED = b"ITE"
"""The states of a ReadyForQuery."""

_CODE, _TEXT = b"CM"


class Refused(Exception):
    """The backend answered a question of ours with an error."""

    def __init__(self, sqlstate: str, message: str, *, given_way: bool) -> None:
        super().__init__(f"{sqlstate}: {message}")
        self.sqlstate = sqlstate
        self.given_way = given_way


@dataclass(slots=True)
class Exchange:
    """An exchange under way. `forward`: answers go to the client as they come; else they are held
    in `pieces`. `hide_ready`: the client sent no Sync of its own, so it gets no ReadyForQuery.
    `holds_end`: from the end of its first statement on they are held all the same. `changed` counts
    the rows that its statements changed. `given_way`: the adjudicator cancelled it, for another
    transaction to go on.
    """

    forward: bool
    hide_ready: bool = False
    is_query: bool = False
    holds_end: bool = False
    on_done: "Callable[[Exchange], None] | None" = None
    pieces: list[tuple[int, bytes]] = field(default_factory=list)
    error: bytes | None = None
    given_way: bool = False
    tag: bytes = b""
    changed: int = 0
    copies_in: bool = False
    status: int = IDLE

    @property
    def sqlstate(self) -> str | None:
        """The SQLSTATE of the backend's error, if there was one."""
        return None if self.error is None else _field(self.error, _CODE)

    def held(self) -> bytes:
        """What was held back, as the client is to get it."""
        return b"".join(piece for _, piece in self.pieces)

    def rows(self) -> list[tuple[str | None, ...]]:
        """The rows that were held back, in text. Raises Refused when the answer was an error."""
        if self.error is not None:
            code, text = _field(self.error, _CODE), _field(self.error, _TEXT)
            raise Refused(code, text, given_way=self.given_way)
        stream = self.held()
        cutter = wire.FrameCutter({ord("D")}, limit=wire.MAX_BACKEND_FRAME)
        return [_values(frame) for kind, frame in cutter.feed(stream) if kind != wire.RUN]


def question(sql: str, parameters: Sequence[str | None] = ()) -> bytes:
    """The frames that run one statement of ours, with parameters and rows in text."""
    values = b"".join(_value(parameter) for parameter in parameters)
    # Two empty names, no parameter formats (text), the parameters, no result formats (text).
    bind = b"\0\0" + b"\0\0" + len(parameters).to_bytes(2, "big") + values + b"\0\0"
    return (
        wire.message(b"P", b"\0" + sql.encode() + b"\0\0\0")
        + wire.message(b"B", bind)
        + wire.message(b"E", b"\0\0\0\0\0")
        + b"S\x00\x00\x00\x04"
    )


def _value(parameter: str | None) -> bytes:
    if parameter is None:
        return b"\xff\xff\xff\xff"
    text = parameter.encode()
    return wire.INT32.pack(len(text)) + text


def _values(frame: bytes) -> tuple[str | None, ...]:
    count = int.from_bytes(frame[5:7], "big")
    values: list[str | None] = []
    position = 7
    for _ in range(count):
        (length,) = wire.INT32.unpack_from(frame, position)
        position += 4
        if length == 0xFFFFFFFF:
            values.append(None)
        else:
            values.append(frame[position : position + length].decode())
            position += length
    return tuple(values)


def _field(error: bytes, name: int) -> str:
    return wire.decode_fields(error).get(name, b"").decode(errors="replace")

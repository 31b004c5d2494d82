"""One exchange with the backend: what is sent up to a Sync or a Query, and all that answers it."""

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple

from dsqlkit.local.backend.question import Rows, row_of
from dsqlkit.local.backend.savepoint import without_savepoint_between
from dsqlkit.local.dialect.limits import TOO_MANY_ROWS
from dsqlkit.local.dialect.refusal import Refusal
from dsqlkit.local.wire.messages import (
    MAX_BACKEND_FRAME,
    Backend,
    Field,
    FrameCutter,
    decode_fields,
    encode_fields,
    message,
)
from dsqlkit.quotas import MAX_ROWS

IDLE, IN_TRANSACTION, FAILED = b"ITE"
"""The states of a ReadyForQuery."""
READY_IDLE: Final = message(Backend.READY_FOR_QUERY, bytes((IDLE,)))
READY_IN_TRANSACTION: Final = message(Backend.READY_FOR_QUERY, bytes((IN_TRANSACTION,)))
READY_FAILED: Final = message(Backend.READY_FOR_QUERY, bytes((FAILED,)))

HELD_BYTES: Final = 16 * 1024 * 1024
"""What is held back of an answer. More than the 10 MiB that a transaction may change on DSQL; what
is longer goes on to its client before it is known to have met no conflict."""


class Refused(Exception):
    """The backend answered a question of ours with an error."""

    def __init__(self, sqlstate: str, message: str, *, given_way: bool) -> None:
        super().__init__(f"{sqlstate}: {message}")
        self.sqlstate = sqlstate
        self.message = message
        self.given_way = given_way


class Request(NamedTuple):
    """What is wanted of an exchange.

    `forward`: answers go to the client as they come; else they are held back, up to HELD_BYTES if
    it is `bounded`. `hide_ready`: the client sent no Sync of its own, so it gets no ReadyForQuery;
    `goes_on`: nor does it wait for this answer, which may come with the next. `holds_end`: from the
    end of its first statement on they are held all the same. `guarded`: a savepoint of ours comes
    before it. `before` counts the characters of the client's text that come before the text that
    was sent. `begins`: it is a BEGIN and statements, with a savepoint of ours between them.
    `copies`: it is a COPY with its data, of whose answers the client
    has had those up to the start of the data. `on_copy` hears of that start.
    """

    forward: bool = False
    bounded: bool = False
    hide_ready: bool = False
    goes_on: bool = False
    is_query: bool = False
    holds_end: bool = False
    guarded: bool = False
    copies: bool = False
    before: int = 0
    begins: bool = False
    on_copy: Callable[[bytes], None] | None = None


FORWARDED: Final = Request(forward=True)
HELD: Final = Request()


class Verdict:
    """What an exchange came to. `changed` counts the rows that its statements changed, those since
    the last COMMIT or ROLLBACK where its answer does not come in one piece, `skipped`
    what IF EXISTS or IF NOT EXISTS let them pass over.

    `given_way`: it failed because the adjudicator cancelled it, for another transaction to go on.
    """

    # Of the class until they change: one is made for every step.
    error: bytes | None = None
    tag = b""
    changed = 0
    skipped = 0
    status: int = IDLE
    given_way = False

    @property
    def sqlstate(self) -> str | None:
        """The SQLSTATE of the backend's error, if there was one."""
        return None if self.error is None else _field(self.error, Field.SQLSTATE)


class Exchange:
    """An exchange under way: what is wanted of it, how far it has come, and its verdict so far.

    `forwards`: its answers go to the client; `begun`: some of them have. `pieces` are those that
    were held back. `copies_in`: the backend has begun a COPY; `data_ended`: the client has sent the
    end of its data. `unheard` is what is still to come of an answer that comes first and that
    nobody gets; `fell_short`: it ended in an error, as the client's request to cancel met what is
    ours before its statement. `counts`: its client has sent no Sync yet, and hears of no more rows
    changed than a transaction may: then of an error, and of nothing more (`is_over`). `ended`
    counts the statements that have been answered; `each`, where it is not None, gets how many rows
    each of them changed. `gives_way`: the adjudicator cancels it, for another transaction to go on;
    `cancelled_as`: it cancels it for another reason, which is what to tell.
    """

    # Of the class until they change: one is made for every step.
    begun = False
    size = 0
    copies_in = False
    data_ended = False
    fell_short = False
    gives_way = False
    cancelled_as: Refusal | None = None
    counts = False
    is_over = False
    ended = 0
    each: list[int] | None = None
    _told_after: "tuple[int, asyncio.Future[bool]] | None" = None

    def __init__(
        self,
        request: Request,
        on_done: "Callable[[Exchange], None] | None" = None,
        unheard: bytes = b"",
    ) -> None:
        self.request = request
        self.on_done = on_done
        self.verdict = Verdict()
        self.forwards = request.forward
        self.pieces: list[tuple[int, bytes]] = []
        self.unheard = unheard

    def tell_after(self, statements: int, known: "asyncio.Future[bool]") -> None:
        """Have `known` say, once so many statements have been answered or one has failed, whether
        more rows were changed than a transaction may."""
        self._told_after = statements, known
        self._tell()

    def counted(self, kind: int, piece: bytes) -> bytes:
        """A piece of the answer as its client is to get it, where its rows are counted."""
        if self.is_over:
            piece = piece if kind == Backend.READY_FOR_QUERY else b""
        elif kind == Backend.COMMAND_COMPLETE and self.verdict.changed > MAX_ROWS:
            self.is_over = True
            piece = TOO_MANY_ROWS.as_error()
        self._tell()
        return piece

    def _tell(self) -> None:
        if self._told_after is None:
            return
        statements, known = self._told_after
        is_known = self.is_over or self.verdict.error is not None or self.ended >= statements
        if is_known and not known.done():
            known.set_result(self.is_over)

    def __repr__(self) -> str:
        """Without what was asked and answered: that may hold data."""
        wanted = self.request
        marks = [name for name in ("guarded", "copies", "holds_end") if getattr(wanted, name)]
        marks.append("forwarded" if self.forwards else "held back")
        if self.gives_way or self.cancelled_as is not None:
            marks.append("being cancelled")
        if self.copies_in:
            marks.append("COPY")
        if self.verdict.error is not None:
            marks.append(f"failed with {self.verdict.sqlstate}")
        return f"<exchange {', '.join(marks)}>"

    def heard(self, data: bytes) -> bytes | None:
        """More of the answer, without what is unheard of it; None if something else came first.

        After an error in its place nothing more goes to the client until all has been answered.
        """
        size = min(len(data), len(self.unheard))
        if not data.startswith(self.unheard[:size]):
            pairs = zip(data, self.unheard, strict=False)
            size = next(at for at, (came, awaited) in enumerate(pairs) if came != awaited)
            if data[size] != Backend.ERROR_RESPONSE or self.gives_way:
                return None
            self.unheard = b""
            self.fell_short, self.forwards = True, False
        self.unheard = self.unheard[size:]
        return data[size:]

    def held(self) -> bytes:
        """The answers that were held back, as the client is to get them."""
        pieces = self.pieces
        if self.request.copies:
            kinds = [kind for kind, _ in pieces]
            if Backend.COPY_IN_RESPONSE in kinds:
                pieces = pieces[kinds.index(Backend.COPY_IN_RESPONSE) + 1 :]
        answers = b"".join(piece for _, piece in pieces)
        return without_savepoint_between(answers) if self.request.begins else answers

    def errors(self) -> bytes:
        """The errors among the answers that were held back."""
        return b"".join(piece for kind, piece in self.pieces if kind == Backend.ERROR_RESPONSE)

    def placed(self, error: bytes) -> bytes:
        """An error whose position is one in the client's text."""
        fields = decode_fields(error)
        if not self.request.before or Field.POSITION not in fields:
            return error
        position = int(fields[Field.POSITION]) + self.request.before
        fields[Field.POSITION] = str(position).encode()
        return encode_fields(Backend.ERROR_RESPONSE, fields)

    def rows(self) -> Rows:
        """The rows that were held back, in text. Raises Refused when the answer was an error."""
        return [row for rows in self.answers() for row in rows]

    def answers(self) -> list[Rows]:
        """The rows that were held back, in text, statement by statement. Raises Refused when one
        was answered with an error."""
        error = self.verdict.error
        if error is not None:
            code, text = _field(error, Field.SQLSTATE), _field(error, Field.MESSAGE)
            raise Refused(code, text, given_way=self.verdict.given_way)
        answers: list[Rows] = [[]]
        cutter = FrameCutter({Backend.DATA_ROW, Backend.COMMAND_COMPLETE}, limit=MAX_BACKEND_FRAME)
        for kind, frame in cutter.feed(self.held()):
            if kind == Backend.DATA_ROW:
                answers[-1].append(row_of(frame))
            elif kind == Backend.COMMAND_COMPLETE:
                answers.append([])
        return answers if answers[-1] else answers[:-1]


def _field(error: bytes, name: int) -> str:
    return decode_fields(error).get(name, b"").decode(errors="replace")

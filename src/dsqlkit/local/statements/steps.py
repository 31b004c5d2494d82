"""Cutting what a client sends into steps: one executed statement each, with what belongs to it.

A step is a Query, or the frames up to and including an Execute and whatever closes it. The steps of
a pipeline end without a Sync; the last one has it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from itertools import chain
from typing import Any, Final, NamedTuple

from dsqlkit.local.statements.statement import OTHER, Kind, Statement
from dsqlkit.local.wire.messages import STATEMENT, SYNC, Frontend, message

# Looked up once: every frame is compared with some of these.
_QUERY: Final = Frontend.QUERY
_PARSE: Final = Frontend.PARSE
_BIND: Final = Frontend.BIND
_EXECUTE: Final = Frontend.EXECUTE
_CLOSE: Final = Frontend.CLOSE
_SYNC: Final = Frontend.SYNC
_FLUSH: Final = Frontend.FLUSH
WANTED: Final = frozenset(Frontend) - {
    *(Frontend.COPY_DATA, Frontend.COPY_DONE, Frontend.COPY_FAIL),
    *(Frontend.PASSWORD, Frontend.TERMINATE),
}
"""The kinds of frames that make steps. All others are COPY's, and pass by."""

_MOST_BYTES: Final = 16 * 1024 * 1024
"""What a step without an Execute gathers before it is sent on: more than one frame can have."""
_FRAME_BYTES: Final = 64
_COPY_IN: Final = Kind.COPY_IN
_CACHED_BYTES: Final = 512


class End(Enum):
    """What ends a step in the client's stream."""

    QUERY = auto()
    PART = auto()
    """A Query made of one statement of the client's Query; a step that is a Sync ends them."""
    SYNC = auto()
    FLUSH = auto()
    NEXT = auto()


_QUERIES: Final = (End.QUERY, End.PART)
_WITHOUT_READY: Final = (End.NEXT, End.FLUSH, End.PART)
_GOING_ON: Final = (End.NEXT, End.PART)


class Step(NamedTuple):
    """Frames to send together. `statement` is None where nothing is executed.

    `again` runs the statement once more by itself, Sync included, naming only prepared statements
    that the backend keeps; `parse` is the Parse of such a statement, empty for a Query. `bind` is
    the Bind of the unnamed portal where it was sent in an earlier step. `fetches` is set when a
    named portal is left with rows to come. `before` counts the characters of the client's text that
    stand before this part of it. `copied` has the client's data of a COPY. `binds`: it has a Bind.
    """

    data: bytes
    end: End
    statement: Statement | None
    again: bytes = b""
    parse: bytes = b""
    bind: bytes = b""
    fetches: bool = False
    before: int = 0
    copied: bytes = b""
    binds: bool = False

    @property
    def is_query(self) -> bool:
        """Whether its frame is a Query."""
        return self.end in _QUERIES

    @property
    def hides_ready(self) -> bool:
        """Whether the client expects no ReadyForQuery after its answer."""
        return self.end in _WITHOUT_READY

    @property
    def goes_on(self) -> bool:
        """Whether more of the client's comes after it, before which it waits for no answer."""
        return self.end in _GOING_ON


TEXT_END: Final = Step(SYNC, End.SYNC, None)
"""The end of a text whose statements go one by one. A Sync of the client's is another."""


class Part(NamedTuple):
    """A statement of a text whose statements go one by one: how many characters come before it,
    what it is, and what to run for it."""

    before: int
    statement: Statement
    run: bytes


@dataclass(slots=True, eq=False)
class Reading:
    """What a client's text is, and what to run for it. `parts` has its statements where it is
    MIXED."""

    statement: Statement
    run: bytes
    parts: tuple[Part, ...] = ()
    _steps: tuple[Step, ...] = ()

    def steps(self) -> Iterable[Step]:
        """The steps of a Query with this text, made as they are taken where it is long."""
        if self._steps:
            return self._steps
        if len(self.run) > _CACHED_BYTES:
            return self._made()
        self._steps = steps = tuple(self._made())
        return steps

    def _made(self) -> Iterator[Step]:
        if self.statement.kind is not Kind.MIXED:
            frame = message(Frontend.QUERY, self.run + b"\0")
            yield Step(frame, End.QUERY, self.statement, again=frame, before=-self.statement.longer)
            return
        for part in self.parts:
            frame = message(Frontend.QUERY, part.run + b"\0")
            yield Step(frame, End.PART, part.statement, again=frame, before=part.before)
        yield TEXT_END


@dataclass(frozen=True, slots=True)
class _Prepared:
    statement: Statement
    parse: bytes


_UNKNOWN: Final = _Prepared(OTHER, b"")


def text_in(kind: int, frame: bytes) -> bytes | None:
    """The text of SQL in a Query or a Parse; None in others, and in one that is not what its kind
    says."""
    if kind == _QUERY:
        end = frame.find(b"\0", 5)
        return frame[5:end] if end == len(frame) - 1 else None
    if kind == _PARSE:
        start = frame.find(b"\0", 5) + 1
        end = frame.find(b"\0", start)
        return frame[start:end] if start and end >= 0 else None
    return None


class StepCutter:
    """Turns the frames of one client into steps. `read` reads a text of the client's."""

    def __init__(self, read: Callable[[bytes], Reading]) -> None:
        self._read = read
        self._prepared: dict[bytes, _Prepared] = {}
        self._portals: dict[bytes, tuple[_Prepared, bytes]] = {}
        self._frames: list[bytes] = []
        self._gathered = 0
        self._executed: Statement | None = None
        self._again = b""
        self._parsed = b""
        self._bound = b""
        self._fetches = False
        self._before = 0
        self._binds = False
        self._in_transaction = False

    def feed(self, kind: int, frame: bytes, reading: Reading | None = None) -> Iterable[Step]:
        """Take the next frame; give the steps that it completes. `reading` is what its text is,
        where that is known.

        A frame that is not what its kind says executes nothing: PostgreSQL answers it (08P01).
        """
        if kind == _QUERY:
            unfinished = self._finish(End.NEXT)
            steps = self._query(frame, reading)
            return chain(unfinished, steps) if unfinished else steps
        before: tuple[Step, ...] = ()
        if self._executed is not None and kind not in (_SYNC, _FLUSH, _CLOSE):
            before = self._finish(End.NEXT)
        if kind == _PARSE:
            frame = self._parse(frame, reading)
        elif kind == _BIND:
            self._bind(frame)
        elif kind == _EXECUTE:
            self._execute(frame)
            if self._executed is not None and self._executed.kind is _COPY_IN:
                # What comes next is its data, or is ignored. PostgreSQL asks for it at once.
                self._frames.append(frame)
                return before + self._finish(End.NEXT)
        elif kind == _CLOSE:
            self._close(frame)
        self._frames.append(frame)
        self._gathered += len(frame) + _FRAME_BYTES
        if kind == _SYNC:
            if not self._in_transaction:
                self._portals.clear()
            return before + self._finish(End.SYNC)
        if kind == _FLUSH or self._gathered > _MOST_BYTES:
            return before + self._finish(End.FLUSH)
        return before

    @property
    def begun(self) -> int | None:
        """The kind of the first frame of a step that is not complete."""
        return self._frames[0][0] if self._frames else None

    def cut(self) -> tuple[Step, ...]:
        """What came of a step that is not complete, as one that is."""
        return self._finish(End.NEXT)

    def _query(self, frame: bytes, reading: Reading | None) -> Iterable[Step]:
        sql = text_in(_QUERY, frame)
        if sql is None:
            return (Step(frame, End.QUERY, None),)
        if reading is None:
            reading = self._read(sql)
        self._follow(reading.statement)
        return reading.steps()

    def _parse(self, frame: bytes, reading: Reading | None) -> bytes:
        sql = text_in(_PARSE, frame)
        if sql is None:
            return frame
        if reading is None:
            reading = self._read(sql)
        start = frame.find(b"\0", 5) + 1
        name = frame[5 : start - 1]
        if reading.run != sql:
            rest = frame[start + len(sql) :]
            frame = message(Frontend.PARSE, frame[5:start] + reading.run + rest)
        self._before = -reading.statement.longer
        self._prepared[name] = _Prepared(reading.statement, frame)
        return frame

    def _bind(self, frame: bytes) -> None:
        first = frame.find(b"\0", 5)
        second = frame.find(b"\0", first + 1)
        if first < 0 or second < 0:
            return
        portal, name = frame[5:first], frame[first + 1 : second]
        self._portals[portal] = (self._prepared.get(name, _UNKNOWN), frame)
        self._binds = True
        self._fetches = portal != b""

    def _execute(self, frame: bytes) -> None:
        end = frame.find(b"\0", 5)
        if end < 0 or len(frame) != end + 5:
            return
        bound = self._portals.get(frame[5:end])
        # Of the unnamed portal nobody fetches more: some drivers merely limit what they get.
        self._fetches = end > 5 and frame[end + 1 :] != b"\0\0\0\0"
        if bound is None:
            self._executed = OTHER
            return
        prepared, bind = bound
        self._executed = prepared.statement
        self._follow(prepared.statement)
        self._parsed = prepared.parse
        # A named portal is kept as cursors are.
        self._bound = bind if end == 5 and bind not in self._frames else b""
        unnamed = prepared.parse[5:6] == b"\0"
        self._again = (prepared.parse if unnamed else b"") + bind + frame + SYNC

    def _close(self, frame: bytes) -> None:
        """Forget what the client gives up. Closing what is not there is no error."""
        if len(frame) < 7 or frame.find(b"\0", 6) != len(frame) - 1:
            return
        named: dict[bytes, Any] = self._prepared if frame[5:6] == STATEMENT else self._portals
        named.pop(frame[6:-1], None)

    def _follow(self, statement: Statement) -> None:
        """Keep up with the transaction, as far as portals go: they live as long as it does."""
        if statement.kind in (Kind.BEGIN, Kind.MIXED):
            self._in_transaction = True
        elif statement.kind in (Kind.COMMIT, Kind.ROLLBACK):
            self._in_transaction = False

    def _finish(self, end: End) -> tuple[Step, ...]:
        if not self._frames:
            return ()
        step = Step(
            b"".join(self._frames),
            end,
            self._executed,
            self._again,
            self._parsed,
            self._bound,
            self._fetches,
            self._before,
            binds=self._binds,
        )
        self._before = 0
        self._binds = False
        self._frames = []
        self._gathered = 0
        self._executed = None
        self._again = self._parsed = self._bound = b""
        self._fetches = False
        return (step,)

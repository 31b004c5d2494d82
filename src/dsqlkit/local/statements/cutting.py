"""Cutting what a client sends into steps, and keeping up with what it has prepared and bound."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from dsqlkit.local.statements.statement import ENDS, OTHER, Kind, Statement
from dsqlkit.local.statements.steps import End, Reading, Step
from dsqlkit.local.wire.messages import INT32, STATEMENT, SYNC, Frontend, message

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
_COPY_IN, _WRITE = Kind.COPY_IN, Kind.WRITE
_ALL_ROWS: Final = bytes(4)
"""What an Execute without a limit ends in."""
_SYNCED: Final = End.SYNC
_FLUSHED: Final = End.FLUSH
_GOES_ON: Final = End.NEXT
_BEGINS: Final = (Kind.BEGIN, Kind.MIXED)


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


_MORE_OF_A_WRITE: Final = Statement(Kind.READ, (Kind.READ,), verb="FETCH")
"""Executing a portal again whose write was done at the first time: it hands out what came of it."""


class StepCutter:
    """Turns the frames of one client into steps. `read` reads a text of the client's."""

    def __init__(self, read: Callable[[bytes], Reading]) -> None:
        self._read = read
        self._prepared: dict[bytes, _Prepared] = {}
        self._portals: dict[bytes, tuple[_Prepared, bytes]] = {}
        self._asked: dict[bytes, int] = {}
        """How many rows of a portal were asked for, 0 for all of them; not known of an unnamed one
        that was asked for all at once."""
        self._frames: list[bytes] = []
        self._gathered = 0
        self._executed: Statement | None = None
        self._again = b""
        self._parsed = b""
        self._bound = b""
        self._fetches = False
        self._before = 0
        self._binds = False
        self._flushed = False
        self._in_transaction = False

    def feed(self, kind: int, frame: bytes, reading: Reading | None = None) -> Iterable[Step]:
        """Take the next frame; give the steps that it completes. `reading` is what its text is,
        where that is known.

        A frame that is not what its kind says executes nothing: PostgreSQL answers it (08P01).
        """
        if kind == _QUERY:
            self._flushed = False
            unfinished = self._finish(_GOES_ON)
            steps = self._query(frame, reading)
            return chain(unfinished, steps) if unfinished else steps
        if kind == _FLUSH and not self._frames:
            return (Step(frame, _FLUSHED, None),)
        before: tuple[Step, ...] = ()
        if self._executed is not None and kind not in (_SYNC, _FLUSH, _CLOSE):
            before = self._finish(_GOES_ON)
        if kind == _PARSE:
            frame = self._parse(frame, reading)
        elif kind == _BIND:
            self._bind(frame)
        elif kind == _EXECUTE:
            self._execute(frame)
            if self._executed is not None and self._executed.kind is _COPY_IN:
                # What comes next is its data, or is ignored. PostgreSQL asks for it at once.
                self._frames.append(frame)
                return before + self._finish(_GOES_ON)
        elif kind == _CLOSE:
            self._close(frame)
        self._frames.append(frame)
        self._gathered += len(frame) + _FRAME_BYTES
        if kind == _SYNC:
            self._flushed = False
            if not self._in_transaction:
                self._portals.clear()
            return before + self._finish(_SYNCED)
        if kind == _FLUSH:
            self._flushed = True
        if self._gathered > _MOST_BYTES:
            return before + self._finish(_FLUSHED)
        return before

    def pause(self) -> tuple[Step, ...]:
        """What came of a step, where the client may wait for an answer now: it has sent a Flush,
        and no Sync after it."""
        if not self._flushed:
            return ()
        self._flushed = False
        return self._finish(_FLUSHED)

    @property
    def begun(self) -> int | None:
        """The kind of the first frame of a step that is not complete."""
        return self._frames[0][0] if self._frames else None

    def cut(self) -> tuple[Step, ...]:
        """What came of a step that is not complete, as one that is."""
        return self._finish(_GOES_ON)

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
        if self._asked:
            self._asked.pop(portal, None)
        self._binds = True
        self._fetches = portal != b""

    def _execute(self, frame: bytes) -> None:
        end = frame.find(b"\0", 5)
        if end < 0 or len(frame) != end + 5:
            return
        portal = frame[5:end]
        bound, asked = self._portals.get(portal), self._asked.get(portal)
        # Of the unnamed portal nobody fetches more: some drivers merely limit what they get.
        is_whole = frame[end + 1 :] == _ALL_ROWS
        self._fetches = end > 5 and not is_whole
        if bound is None:
            self._executed = OTHER
            return
        prepared, bind = bound
        if asked is not None and prepared.statement.kind is _WRITE:
            self._executed = _MORE_OF_A_WRITE
            return
        is_usual = end == 5 and is_whole
        again = bind + frame if is_usual else self._again_unnamed(portal, bind, frame)
        self._executed = prepared.statement
        self._follow(prepared.statement)
        self._parsed = prepared.parse
        # A named portal is kept as cursors are.
        self._bound = bind if end == 5 and bind not in self._frames else b""
        unnamed = prepared.parse[5:6] == b"\0"
        self._again = (prepared.parse if unnamed else b"") + again + SYNC

    def _again_unnamed(self, portal: bytes, bind: bytes, execute: bytes) -> bytes:
        """Note what a portal is asked for. Gives the frames that bind what it was bound to, and
        fetch all that it was asked for by now; they leave its name alone, which may be taken."""
        rows, asked = INT32.unpack(execute[-4:])[0], self._asked.get(portal)
        asked = 0 if rows == 0 or asked == 0 else (asked or 0) + rows
        self._asked[portal] = asked
        values = bind[bind.find(b"\0", 5) :]
        return message(Frontend.BIND, values) + message(Frontend.EXECUTE, b"\0" + INT32.pack(asked))

    def _close(self, frame: bytes) -> None:
        """Forget what the client gives up. Closing what is not there is no error."""
        if len(frame) < 7 or frame.find(b"\0", 6) != len(frame) - 1:
            return
        named: dict[bytes, Any] = self._prepared if frame[5:6] == STATEMENT else self._portals
        named.pop(frame[6:-1], None)

    def _follow(self, statement: Statement) -> None:
        """Keep up with the transaction, as far as portals go: they live as long as it does."""
        if statement.kind in _BEGINS:
            self._in_transaction = True
        elif statement.kind in ENDS:
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

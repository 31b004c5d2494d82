"""What a step is: one executed statement of the client's, with what belongs to it.

A step is a Query, or the frames up to and including an Execute and whatever closes it. The steps of
a pipeline end without a Sync; the last one has it. `Reading` makes those of a Query; frames of the
extended protocol are cut into them in cutting.py.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple

from dsqlkit.local.statements.statement import Kind, Statement
from dsqlkit.local.wire.messages import SYNC, Frontend, message

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

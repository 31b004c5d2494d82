"""What a chapter is, what it runs on, and what it shows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from dsqlkit.connection import Connections
from dsqlkit.endpoint import Endpoint
from dsqlkit.plans.model import Plan
from dsqlkit.race import Race
from dsqlkit.workshop.recording import Sent

Say: TypeAlias = Callable[[str], None]
Facts: TypeAlias = Mapping[str, Any]

WORKERS: Final = 8
"""Connections that a chapter may use at a time."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What chapters 1 and 2 show, which is not the database: whoever plays them brings it.

    `invoke` runs a chapter's Lambda function with a request. `describe` says of the endpoint's
    cluster what GetCluster says, or of a local one what was started (`pid, server_version,
    data_dir`); it raises DsqlkitError where nobody can tell. `stack` is the stack in one line.
    """

    invoke: Callable[[int, object], Facts]
    describe: Callable[[], Facts]
    stack: str


@dataclass(frozen=True, slots=True)
class Stage:
    """What a chapter runs on. `connections` lends up to WORKERS at a time; `say` hears what is
    under way.
    """

    endpoint: Endpoint
    outside: Outside
    connections: Connections
    say: Say


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    words: str


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to be shown as they are: a command, or JSON."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statements:
    """Statements as they were sent, each with its answer."""

    sent: tuple[Sent, ...]


@dataclass(frozen=True, slots=True)
class Contest:
    """Two transactions that raced, side by side."""

    race: Race


@dataclass(frozen=True, slots=True)
class Tree:
    """A plan, drawn as a tree."""

    plan: Plan


Part: TypeAlias = Text | Code | Statements | Contest | Tree


@dataclass(frozen=True, slots=True)
class Shown:
    """What a chapter showed: `parts` in the order in which a person reads them, and `facts`, the
    same for programs, by name.
    """

    parts: tuple[Part, ...]
    facts: Facts

    @property
    def statements(self) -> tuple[Sent, ...]:
        """All statements that are shown, in order."""
        found: list[Sent] = []
        for part in self.parts:
            match part:
                case Statements(sent):
                    found += sent
                case Contest(race):
                    found += [
                        Sent(step.statement, step.answer, step.sqlstate, step.transaction)
                        for step in race.steps
                    ]
                case _:
                    pass
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Chapter:
    """One chapter. `play` runs it, and may be called again: on a cluster that others use, what they
    change may end it in the middle.
    """

    number: int
    title: str
    lesson: str
    play: Callable[[Stage], Shown]


@dataclass(frozen=True, slots=True)
class Played:
    """A chapter that has run."""

    chapter: Chapter
    shown: Shown
    elapsed_ms: float

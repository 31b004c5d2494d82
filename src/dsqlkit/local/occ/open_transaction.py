"""What the endpoint knows of one client's explicit transaction: its phase, and what it touched."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from dsqlkit.local.dialect.limits import mixture
from dsqlkit.local.occ.changes import Changes
from dsqlkit.local.statements.statement import Kind, Statement
from dsqlkit.local.statements.steps import Step

LONG_AGO: Final = "-infinity"
"""Before all that the server's clock has shown, as PostgreSQL writes it."""

_REPEATED: Final = (Kind.SETTING, Kind.LOCK, Kind.WRITE, Kind.COPY_IN, Kind.SCHEMA)


class Phase(Enum):
    """Where a transaction stands between its BEGIN and its end."""

    OPEN = "open"
    """It works in PostgreSQL's own tables, and holds locks there."""
    PARKED = "parked"
    """What it did was undone: it keeps its snapshot, and no lock."""
    AT_OVERLAYS = "at overlays"
    """It was set aside, or has lost: it goes on at the overlays of its tables up to its COMMIT."""
    FAILED = "failed"
    """A statement of it has failed. It can only be rolled back, and holds its locks until then."""
    EMPTIED = "failed and emptied"
    """It has failed, and nothing of what it did is left: it holds no lock."""
    ABANDONED = "abandoned"
    """It was at overlays, and let go of its snapshot for a change of schema to go on."""


_NEXT: Final[Mapping[Phase, tuple[Phase, ...]]] = {
    Phase.OPEN: (Phase.PARKED, Phase.AT_OVERLAYS, Phase.FAILED),
    Phase.PARKED: (Phase.OPEN, Phase.AT_OVERLAYS, Phase.FAILED),
    Phase.AT_OVERLAYS: (Phase.ABANDONED, Phase.FAILED),
    Phase.FAILED: (Phase.EMPTIED,),
    Phase.ABANDONED: (Phase.EMPTIED,),
    Phase.EMPTIED: (),
}
"""The transitions there are. A transaction that ends is forgotten, whatever its phase."""


class ImpossibleTransition(Exception):
    """A mistake of ours: a transaction was to enter a phase that its own does not lead to."""


@dataclass(frozen=True, slots=True)
class SharedKey:
    """A row that a transaction keeps FOR KEY SHARE: who locked and who made it, key and place."""

    table: str
    sharer: str
    maker: str
    key: str
    place: str


@dataclass(slots=True, eq=False)
class Touched:
    """What the statements of a transaction have touched so far.

    `tables` are the names that they mentioned; `claimed` those of the tables whose rows they wrote
    or locked, `locked` and `shared` those of which they selected rows FOR UPDATE and FOR KEY SHARE.
    `schema` are the tables whose schema they changed, `rows` how many rows, `statements` how many
    of them there were. `steps` are those that have to run again where the transaction starts over,
    `rows_of` how many rows each of these changed, `steps_at` how many statements there were with
    it, `kept` the statements that came before it could; `mentioned_at` how many there were at the
    last that mentioned each of the tables; `calls` the functions that they called.
    `opaque`: they may have written what no step says. `shared_keys` are known at COMMIT alone.
    """

    tables: set[str] = field(default_factory=set)
    claimed: set[str] = field(default_factory=set)
    locked: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)
    schema: set[str] = field(default_factory=set)
    shared_keys: list[SharedKey] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    rows_of: list[int] = field(default_factory=list)
    steps_at: list[int] = field(default_factory=list)
    mentioned_at: dict[str, int] = field(default_factory=dict)
    kept: list[Statement] = field(default_factory=list)
    calls: set[str] = field(default_factory=set)
    opaque: bool = False
    rows: int = 0
    statements: int = 0
    deletes: bool = False
    ddl: bool = False
    dml: bool = False

    def note(self, step: Step | None, statement: Statement, rows: int) -> None:
        """Remember a statement that has run, and how many rows it changed. Without a step it does
        not run again."""
        self.tables |= statement.tables
        self.claimed |= statement.claimed
        self.locked |= statement.locked
        self.shared |= statement.shared
        self.calls |= statement.calls
        self.opaque = self.opaque or statement.kind is Kind.OTHER
        self.rows += rows
        self.statements += 1
        for table in statement.tables:
            self.mentioned_at[table] = self.statements
        self.ddl, self.dml, _ = mixture(self.ddl, self.dml, statement.parts)
        self.deletes = self.deletes or statement.deletes
        if statement.kind is Kind.SCHEMA:
            self.schema |= statement.tables
        if step is None:
            self.kept.append(statement)
        elif statement.kind in _REPEATED:
            self.steps.append(step)
            self.rows_of.append(rows)
            self.steps_at.append(self.statements)


class OpenTransaction:
    """An explicit transaction between its BEGIN and its end.

    Its phase, and whether it has lost, change by the methods below and by nothing else.

    `began_at` is how many commits there were before it. `implicit`: it has no BEGIN of the client's
    (see session/implicit.py). `rivals` are open transactions that it met over a row: whoever
    commits first, the other has lost. Cursors that were opened after `cursors_secured`, if there
    are `loose_cursors`, do not outlive being parked by themselves; it is not `movable` with one
    that cannot be opened again. `covered` are the tables (oids) whose overlays it may write to,
    `covered_names` as its statements name them; `overlaid` all that
    those reach (schema, name);
    `names_lead` there while its search path says so. `first_sent_s` is when its first write was
    sent, if nothing came before that; `has_begun_again` since (see `anew`).
    """

    __slots__ = (
        "_changes",
        "_lost",
        "_phase",
        "began_at",
        "began_s",
        "covered",
        "covered_names",
        "cursors_secured",
        "first_sent_s",
        "has_begun_again",
        "implicit",
        "loose_cursors",
        "movable",
        "names_lead",
        "overlaid",
        "phase_since_s",
        "rivals",
        "touched",
    )

    def __init__(self, began_at: int) -> None:
        self._phase = Phase.OPEN
        self._lost: str | None = None
        self._changes: Changes | None = None
        self.began_at = began_at
        self.began_s = self.phase_since_s = time.monotonic()
        self.touched = Touched()
        self.rivals: set[OpenTransaction] = set()
        self.implicit = False
        self.loose_cursors = False
        self.cursors_secured = LONG_AGO
        self.movable = True
        self.covered: set[str] = set()
        self.covered_names: set[str] = set()
        self.overlaid: set[tuple[str, str]] = set()
        self.names_lead = False
        self.first_sent_s: float | None = None
        self.has_begun_again = False

    def anew(self, began_at: int) -> "OpenTransaction":
        """The same with a new snapshot, as nothing of it has been answered."""
        again = OpenTransaction(began_at)
        again.began_s, again.implicit = self.began_s, self.implicit
        again.first_sent_s = self.first_sent_s
        again.has_begun_again = True
        return again

    def __repr__(self) -> str:
        lost = "" if self._lost is None else f", lost: {self._lost}"
        claimed = ", ".join(sorted(self.touched.claimed)) or "nothing"
        return f"<transaction {self._phase.name}{lost}, claims {claimed}>"

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def lost(self) -> str | None:
        """The words of the error that its COMMIT will get, once that is certain."""
        return self._lost

    @property
    def changes(self) -> Changes | None:
        """What it did, while it is parked; None where its statements do the same again."""
        return self._changes

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.began_s

    @property
    def has_failed(self) -> bool:
        """Whether a statement of it has failed, so that it can only be rolled back."""
        return self._phase in (Phase.FAILED, Phase.EMPTIED)

    @property
    def can_be_parked(self) -> bool:
        """Whether there is something that it can let go of, for others to go on."""
        return self.movable and self._phase in (Phase.OPEN, Phase.AT_OVERLAYS, Phase.FAILED)

    @property
    def needs_care(self) -> bool:
        """Whether something is to be done before its COMMIT."""
        touched = self.touched
        is_open = self._phase is Phase.OPEN
        return bool(self._lost or not is_open or touched.locked or touched.shared)

    def lose(self, words: str) -> None:
        """It is certain that its COMMIT will fail with these words; the first reason counts."""
        if self._lost is None:
            self._lost = words

    def park(self, changes: Changes | None) -> None:
        """What it did has been undone, and read out before unless it can be run again."""
        self._enter(Phase.PARKED)
        self._changes = changes

    def unpark(self) -> None:
        """It works in PostgreSQL's tables again, whether or not what it did could be put back."""
        self._enter(Phase.OPEN)
        self._changes = None

    def go_to_overlays(self) -> None:
        """It holds nothing, and goes on at the overlays of its tables."""
        self._enter(Phase.AT_OVERLAYS)
        self._changes = None

    def fail(self) -> None:
        """A statement of it has failed."""
        if self.has_failed:
            return
        self._enter(Phase.EMPTIED if self._phase is Phase.ABANDONED else Phase.FAILED)
        self._changes = None

    def empty(self) -> None:
        """It had failed, and has now let go of all that it did."""
        self._enter(Phase.EMPTIED)

    def abandon(self) -> None:
        """It was at overlays, and has let go of its snapshot."""
        self._enter(Phase.ABANDONED)

    def note(self, step: Step, statement: Statement, rows: int) -> None:
        """Remember a statement that has run, and how many rows it changed."""
        self.touched.note(step, statement, rows)
        if statement.kind is Kind.CURSOR and (
            statement.locked or (statement.scrolls and self.touched.claimed)
        ):
            # Not its rows alone would have to be kept.
            self.movable = False

    def keep(self, statements: Iterable[Statement], rows: int) -> None:
        """Remember what has run before the point that it can be taken back to, and how many rows
        all of it changed."""
        for statement in statements:
            self.touched.note(None, statement, 0)
        self.touched.rows += rows
        self.movable = False

    def meets(self, other: "OpenTransaction") -> None:
        """The two want the same row."""
        self.rivals.add(other)
        other.rivals.add(self)

    def _enter(self, phase: Phase) -> None:
        if phase not in _NEXT[self._phase]:
            raise ImpossibleTransition(f"from {self._phase.name} to {phase.name}")
        self._phase = phase
        self.phase_since_s = time.monotonic()

"""What the endpoint knows of one client's explicit transaction: its phase, and its rivals."""

import time
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final

from dsqlkit.local.occ.changes import Changes
from dsqlkit.local.occ.touched import Touched
from dsqlkit.local.statements.statement import Kind, Statement
from dsqlkit.local.statements.steps import Step

LONG_AGO: Final = "-infinity"
"""Before all that the server's clock has shown, as PostgreSQL writes it."""


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

# Looked up once, as every step is compared with them.
_OPEN, _CURSOR = Phase.OPEN, Kind.CURSOR


class ImpossibleTransition(Exception):
    """A mistake of ours: a transaction was to enter a phase that its own does not lead to."""


class OpenTransaction:
    """An explicit transaction between its BEGIN and its end.

    Its phase, and whether it has lost, change by the methods below and by nothing else.

    `began_at` is how many commits there were before it. `implicit`: it has no BEGIN of the client's
    (see session/implicit.py). `rivals` are open transactions that it met over a row: whoever
    commits first, the other has lost. Cursors that were opened after `cursors_secured`, if there
    are `loose_cursors`, do not outlive being parked by themselves; it is not `movable` with one
    that cannot be opened again. `covered` are the tables (oids) whose overlays it may write to,
    `covered_names` as its statements name them; `overlaid` all that those reach (schema, name);
    `names_lead`: names lead there, as its search path says so. `began_s` and `phase_since_s` are
    when it began and when it entered its phase; `first_sent_s` is when its first read or write was
    sent, if nothing came before that (all in time.monotonic()'s seconds). `has_begun_again`: it has
    a new snapshot (see `anew`). `goes_singly`: its statements go one by one, as some that went
    together were taken back.
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
        "goes_singly",
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
        self._phase = _OPEN
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
        self.goes_singly = False

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
        """Where it stands. Only its own methods change that."""
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
        """How long ago it began, in seconds; to begin again does not make it younger."""
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
        is_open = self._phase is _OPEN
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

    def note(self, step: Step, statement: Statement, rows: int, skipped: int = 0) -> None:
        """Remember a statement that has run, how many rows it changed, and how many of its parts
        had nothing to do."""
        self.touched.note(step, statement, rows, skipped)
        if statement.kind is _CURSOR and (
            statement.locked or (statement.scrolls and self.touched.claimed)
        ):
            # Not its rows alone would have to be kept.
            self.movable = False

    def keep(self, statements: Iterable[Statement], rows: int, skipped: int) -> None:
        """Remember what has run before the point that it can be taken back to, how many rows all of
        it changed, and how many parts of it had nothing to do."""
        for statement in statements:
            self.touched.note(None, statement, 0, skipped)
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

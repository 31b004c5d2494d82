"""What the endpoint knows of one client's explicit transaction."""

import time
from dataclasses import dataclass, field
from typing import Final

from dsqlkit.local.dialect.limits import mixture
from dsqlkit.local.occ.changes import Changes
from dsqlkit.local.statements.statement import Kind, Statement
from dsqlkit.local.statements.steps import Step

LONG_AGO: Final = "-infinity"
"""Before all that the server's clock has shown, as PostgreSQL writes it."""


@dataclass(frozen=True, slots=True)
class SharedKey:
    """A row that a transaction keeps FOR KEY SHARE: who locked it, who made it, and its key."""

    table: str
    sharer: str
    maker: str
    key: str


_REPEATED: Final = (Kind.SETTING, Kind.LOCK, Kind.WRITE, Kind.COPY_IN, Kind.SCHEMA)


@dataclass(slots=True, eq=False)
class OpenTransaction:
    """An explicit transaction between its BEGIN and its end.

    `parked`: it was let go of all that it did, of which `changes` were read out; None if its
    statements, `done`, do the same again. `at_overlays`: it goes on at the overlays of its tables.
    `lost` has the words of the error that its COMMIT will get, once that is certain. `calls` are
    the functions that it has called; `opaque`: it may have written more than its statements say.
    `rivals` are open transactions that it met over a row: whoever commits first, the other has
    lost. Cursors that were opened after `cursors_secured`, if there are `loose_cursors`, do not
    outlive being parked by themselves; it is not `movable` with one that cannot be opened again.
    `abandoned`: nothing is left of it but its end. `implicit`: it has no BEGIN of the client's
    (see session/implicit.py).
    """

    began_at: int
    began_s: float = field(default_factory=time.monotonic)
    implicit: bool = False
    loose_cursors: bool = False
    cursors_secured: str = LONG_AGO
    movable: bool = True
    failed: bool = False
    abandoned: bool = False
    lost: str | None = None
    parked: bool = False
    at_overlays: bool = False
    changes: Changes | None = None
    done: list[Step] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    claimed: set[str] = field(default_factory=set)
    locked: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)
    shared_keys: list[SharedKey] = field(default_factory=list)
    schema: set[str] = field(default_factory=set)
    deletes: bool = False
    ddl: bool = False
    dml: bool = False
    rows: int = 0
    calls: set[str] = field(default_factory=set)
    opaque: bool = False
    path_set: bool = False
    covered: set[str] = field(default_factory=set)
    rivals: "set[OpenTransaction]" = field(default_factory=set)

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.began_s

    @property
    def needs_care(self) -> bool:
        """Whether something is to be done before its COMMIT."""
        return bool(self.lost or self.parked or self.at_overlays or self.locked or self.shared)

    def note(self, step: Step, statement: Statement) -> None:
        """Remember a statement that has run."""
        self.touched |= statement.tables
        self.claimed |= statement.claimed
        self.locked |= statement.locked
        self.shared |= statement.shared
        self.calls |= statement.calls
        self.opaque = self.opaque or statement.kind is Kind.OTHER
        self.ddl, self.dml, _ = mixture(self.ddl, self.dml, statement.parts)
        self.deletes = self.deletes or statement.deletes
        if statement.kind is Kind.SCHEMA:
            self.schema |= statement.tables
        if statement.kind in _REPEATED:
            self.done.append(step)
        if statement.kind is Kind.CURSOR and (
            statement.locked or (statement.scrolls and self.claimed)
        ):
            # Not its rows alone would have to be kept.
            self.movable = False

    def meets(self, other: "OpenTransaction") -> None:
        """The two want the same row."""
        self.rivals.add(other)
        other.rivals.add(self)

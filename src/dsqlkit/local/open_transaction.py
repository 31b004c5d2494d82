"""What the endpoint knows of one client's explicit transaction."""

import time
from dataclasses import dataclass, field
from typing import Final

from dsqlkit.local.analysis import Kind, Statement
from dsqlkit.local.limits import mixture
from dsqlkit.local.parking import Changes
from dsqlkit.local.steps import Step

DATA_CONFLICT: Final = "change conflicts with another transaction (OC000)"
SCHEMA_CONFLICT: Final = "schema has been updated by another transaction (OC001)"
"""A real cluster's words (conformance record); both have SQLSTATE 40001."""

_REPEATED: Final = (Kind.SETTING, Kind.LOCK, Kind.WRITE, Kind.SCHEMA)


@dataclass(slots=True, eq=False)
class OpenTransaction:
    """An explicit transaction between its BEGIN and its end.

    `changes` are what it did, read out while it is parked; None while it holds its own locks.
    `lost` has the words of the error that its COMMIT will get, once that is certain. `shadowed`
    are the names and oids of the tables of which it has private copies (it has lost by then).
    `rivals` are open
    transactions that it met over a row: whoever commits first, the other has lost.
    """

    began_at: int
    began_s: float = field(default_factory=time.monotonic)
    movable: bool = True
    failed: bool = False
    lost: str | None = None
    changes: Changes | None = None
    done: list[Step] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    claimed: set[str] = field(default_factory=set)
    locked: set[str] = field(default_factory=set)
    schema: set[str] = field(default_factory=set)
    deletes: bool = False
    ddl: bool = False
    dml: bool = False
    rows: int = 0
    shadowed: set[str] = field(default_factory=set)
    rivals: "set[OpenTransaction]" = field(default_factory=set)

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.began_s

    @property
    def parked(self) -> bool:
        return self.changes is not None

    def note(self, step: Step, statement: Statement) -> None:
        """Remember a statement that has run."""
        self.touched |= statement.tables
        self.claimed |= statement.claimed
        self.locked |= statement.locked
        self.ddl, self.dml, _ = mixture(self.ddl, self.dml, statement.parts)
        self.deletes = self.deletes or statement.deletes
        if statement.kind is Kind.SCHEMA:
            self.schema |= statement.tables
        if statement.kind in _REPEATED:
            self.done.append(step)
        if statement.kind is Kind.CURSOR or step.fetches:
            # A cursor cannot be put back where it stood.
            self.movable = False

    def meets(self, other: "OpenTransaction") -> None:
        """The two want the same row."""
        self.rivals.add(other)
        other.rivals.add(self)

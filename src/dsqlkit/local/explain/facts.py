"""What the catalog says of a plan's tables, and what was measured of the plan. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Index:
    """An index: the columns of its key, and those that it includes. An expression is None. `entry`
    is the size of an entry in bytes, in SQL."""

    key: tuple[str | None, ...]
    included: tuple[str, ...]
    entry: str = "0"

    def covers(self, columns: set[str]) -> bool:
        """Whether it has all of these columns."""
        return columns <= {*self.key, *self.included}

    def place(self, column: str) -> int:
        """Where a column is among those that it has; behind them if it has not."""
        every = (*self.key, *self.included)
        return every.index(column) if column in every else len(every)


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its columns in order, its primary key's index (None without one), its indexes, the
    size of a row's entry in bytes, in SQL, and the columns that PostgreSQL compares as text."""

    columns: tuple[str, ...]
    primary: str | None
    indexes: Mapping[str, Index]
    entry: str = "0"
    texts: frozenset[str] = frozenset()

    @property
    def key(self) -> tuple[str | None, ...]:
        """The columns of its primary key."""
        found = None if self.primary is None else self.indexes.get(self.primary)
        return () if found is None else found.key

    def held_by(self, index: str) -> tuple[str | None, ...]:
        """The columns that an index holds. An expression is None."""
        found = self.indexes.get(index)
        return () if found is None else (*found.key, *found.included)

    def entry_of(self, index: str | None) -> str:
        """The size of an entry of one of its indexes, of a row for none and the primary key."""
        found = self.indexes.get(index) if index is not None and index != self.primary else None
        return self.entry if found is None else found.entry


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of a scan in all its loops: the bytes that storage reads for it, how many
    rows it reads (`met`), how many of them pass the filters that it decides before a look-up
    (`held`), and how many all that it decides (`passed`)."""

    bytes_read: int
    met: int
    held: int
    passed: int


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was measured of a plan. `scans` are by the place of their node in it. `written` are
    the bytes of entries; `cpu_s` is what the statement took of a processor, None where the system
    does not tell."""

    scans: Mapping[int, Measured] = field(default_factory=dict)
    written: int = 0
    cpu_s: float | None = None


def tables_of(document: str) -> dict[tuple[str, str], Table]:
    """The tables of a catalog's answer, in JSON (see server/sql/explain.sql)."""
    return {(each["schema"], each["name"]): _table(each) for each in json.loads(document)}


def _table(found: Mapping[str, Any]) -> Table:
    indexes = {
        each["name"]: Index(tuple(each["key"]), tuple(each["included"]), each["entry"])
        for each in found["indexes"]
    }
    columns, texts = tuple(found["columns"]), frozenset(found["texts"])
    return Table(columns, found["primary"], indexes, found["entry"], texts)

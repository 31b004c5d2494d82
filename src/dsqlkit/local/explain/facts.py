"""What the catalog says of a plan's tables, and what was measured of the plan. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Index:
    """An index: the columns of its key, and those that it includes. An expression is None."""

    key: tuple[str | None, ...]
    included: tuple[str, ...]

    def covers(self, columns: set[str]) -> bool:
        """Whether it has all of these columns."""
        return columns <= {*self.key, *self.included}


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its columns in order, its primary key's index (None without one), its indexes."""

    columns: tuple[str, ...]
    primary: str | None
    indexes: Mapping[str, Index]


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of a scan: the bytes that storage reads for it, and how many of the rows
    that it read pass the filters that storage decides."""

    bytes_read: int
    passed: int


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known beside the plan. `tables` are by schema and name, `scans` by the place of
    their node in the plan. `written` are the bytes of entries; `cpu_s` is what the statement took
    of a processor, None where the system does not tell."""

    tables: Mapping[tuple[str, str], Table] = field(default_factory=dict)
    scans: Mapping[int, Measured] = field(default_factory=dict)
    written: int = 0
    cpu_s: float | None = None


def tables_of(document: str) -> dict[tuple[str, str], Table]:
    """The tables of a catalog's answer, in JSON (see server/sql/explain.sql)."""
    return {(each["schema"], each["name"]): _table(each) for each in json.loads(document)}


def _table(found: Mapping[str, Any]) -> Table:
    indexes = {
        each["name"]: Index(tuple(each["key"]), tuple(each["included"]))
        for each in found["indexes"]
    }
    return Table(tuple(found["columns"]), found["primary"], indexes)

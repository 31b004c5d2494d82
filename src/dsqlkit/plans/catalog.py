"""What the catalog says of the tables of a plan: facts that some findings need.

Plain values: the runner reads them from the database, and a plan that was pasted has none.
"""

import re
from dataclasses import dataclass
from typing import Final

from dsqlkit.plans.node import PlanNode

_RISING: Final = re.compile(
    r"identity|nextval\(.*|(?:now|clock_timestamp|statement_timestamp|uuidv7)\(.*"
    r"|(?:CURRENT|LOCAL)_(?:TIMESTAMP|TIME|DATE).*"
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column, its type without length or precision, and what fills it by default.

    `filled_by` is "identity" for GENERATED ... AS IDENTITY, else the default's expression.
    """

    name: str
    type: str
    filled_by: str | None = None

    @property
    def rises(self) -> bool:
        """Whether its default grows from row to row: of a sequence, or of the clock."""
        return self.filled_by is not None and _RISING.match(self.filled_by) is not None


@dataclass(frozen=True, slots=True)
class Index:
    """An index: its key in order (None stands for an expression), and what it INCLUDEs.

    `parts` is the key as SQL, expressions and NULLS FIRST included; empty where it is not known.

    `valid` is false while CREATE INDEX ASYNC is building it, and for good if that failed.
    `condition` is the WHERE of a partial index.
    """

    name: str
    key: tuple[str | None, ...]
    included: tuple[str, ...] = ()
    valid: bool = True
    primary: bool = False
    unique: bool = False
    condition: str | None = None
    parts: tuple[str, ...] = ()

    @property
    def columns(self) -> frozenset[str]:
        """All columns that can be read from it."""
        return frozenset(filter(None, (*self.key, *self.included)))


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its columns and indexes, and its rows when it was last analyzed, if it was."""

    schema: str
    name: str
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...] = ()
    rows: float | None = None

    def column(self, name: str) -> Column | None:
        """The column of that name."""
        return next((column for column in self.columns if column.name == name), None)

    def index(self, name: str | None) -> Index | None:
        """The index of that name."""
        return next((index for index in self.indexes if index.name == name), None)

    @property
    def primary_key(self) -> Index | None:
        """The index of the primary key, if there is one."""
        return next((index for index in self.indexes if index.primary), None)


@dataclass(frozen=True, slots=True)
class View:
    """A view, with its query as SQL."""

    schema: str
    name: str
    query: str


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A constraint: `columns` of a child table, in order, refer to a row of a parent table."""

    name: str
    parent: tuple[str, str]
    child: tuple[str, str]
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Catalog:
    """The tables that a plan reads or writes, as far as they are known; the views that its
    statement names, and the foreign keys that lead to its tables, where they were asked for.
    """

    tables: tuple[Table, ...] = ()
    views: tuple[View, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()

    @property
    def strings(self) -> frozenset[str]:
        """The names that are those of varchar columns, and of no others."""
        types: dict[str, set[str]] = {}
        for table in self.tables:
            for column in table.columns:
                types.setdefault(column.name, set()).add(column.type)
        return frozenset(name for name, found in types.items() if found == {"character varying"})

    def types_of(self, node: PlanNode) -> dict[str, str]:
        """The types of the columns of a node's table, by name; none where it is not known."""
        table = self.table_of(node)
        return {column.name: column.type for column in table.columns} if table else {}

    def table_of(self, node: PlanNode) -> Table | None:
        """The table that a node reads or writes; None if it is not known which one that is."""
        found = [
            table
            for table in self.tables
            if table.name == node.relation and node.schema in (None, table.schema)
        ]
        return found[0] if len(found) == 1 else None

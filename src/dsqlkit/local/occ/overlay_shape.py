"""What the overlay of a table is made from: its columns and keys, and where foreign keys lead."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dsqlkit.local.dialect.catalog import ROWS_SCHEMA
from dsqlkit.local.statements.quoting import literal, named, quoted

VIEW_SCHEMA: Final = "dsqlkit_view_"
"""What the schemas of overlays begin with; a table's own schema follows."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `default` is an expression, `sequence` that of an identity column."""

    name: str
    default: str | None = None
    generated: bool = False
    sequence: str | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """A unique index: `columns` are names or expressions, as SQL writes them."""

    name: str
    columns: tuple[str, ...]
    primary: bool = False
    nulls_equal: bool = False
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: `columns` of `child` lead to `targets` of `parent` (each a schema, a name)."""

    name: str
    child: tuple[str, str]
    columns: tuple[str, ...]
    parent: tuple[str, str]
    targets: tuple[str, ...]
    on_delete: str
    on_update: str
    deferred: bool

    @property
    def is_checked(self) -> bool:
        """Whether the overlay sees to it, statement by statement."""
        return not self.deferred and self.parent != self.child


@dataclass(frozen=True, slots=True)
class Shape:
    """A table, or a view with its `definition`, as far as its overlay depends on it.

    `relation` is its oid.
    """

    relation: str
    schema: str
    name: str
    columns: tuple[Column, ...]
    keys: tuple[Key, ...] = ()
    references: tuple[Reference, ...] = ()
    referenced: tuple[Reference, ...] = ()
    definition: str | None = None

    @property
    def base(self) -> str:
        """The table itself, as SQL writes its name; so the others."""
        return named(self.schema, self.name)

    @property
    def rows(self) -> str:
        """The table of rows that the transaction wrote."""
        return named(ROWS_SCHEMA, self.relation)

    @property
    def hidden(self) -> str:
        """The table of rows of the table that are not there any more, by their places."""
        return named(ROWS_SCHEMA, f"{self.relation} hidden")

    @property
    def due(self) -> str:
        """What is to be looked at when a command is over; only where it has foreign keys."""
        return named(ROWS_SCHEMA, f"{self.relation} due")

    @property
    def has_references(self) -> bool:
        """Whether a foreign key has to be looked at, of its own or to it."""
        return any(each.is_checked for each in (*self.references, *self.referenced))

    def function(self, name: str) -> str:
        """A function of its triggers: to find a row, to write it, or to settle what is due."""
        return named(ROWS_SCHEMA, f"{self.relation} {name}")

    @property
    def view(self) -> str:
        """The view that stands for the table, as SQL writes its name."""
        return view_of((self.schema, self.name))

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns that tell a row from all others; none without a primary key."""
        return next((key.columns for key in self.keys if key.primary), ())

    @property
    def names(self) -> list[str]:
        return [quoted(column.name) for column in self.columns]

    @property
    def parts(self) -> tuple[str, ...]:
        """The tables that the overlay has of its own."""
        return (self.rows, self.hidden) if self.definition is None else ()


def read_shape(text: str) -> Shape:
    """The shape of which dsqlkit.shape_of gave this text."""
    found = json.loads(text)
    return Shape(
        relation=found["relation"],
        schema=found["schema"],
        name=found["name"],
        columns=tuple(
            Column(each["name"], each["default"], each["generated"] is not None, each["sequence"])
            for each in found["columns"] or ()
        ),
        keys=tuple(
            Key(
                each["name"],
                tuple(each["columns"]),
                each["primary"],
                each["nulls_equal"],
                each["condition"],
            )
            for each in found["keys"] or ()
        ),
        references=tuple(_reference(each) for each in found["references"] or ()),
        referenced=tuple(_reference(each) for each in found["referenced"] or ()),
        definition=found["definition"],
    )


def _reference(found: dict[str, Any]) -> Reference:
    return Reference(
        name=found["name"],
        child=(found["child"][0], found["child"][1]),
        columns=tuple(found["columns"]),
        parent=(found["parent"][0], found["parent"][1]),
        targets=tuple(found["targets"]),
        on_delete=found["on_delete"],
        on_update=found["on_update"],
        deferred=found["deferred"],
    )


def columns_of(alias: str, names: Iterable[str]) -> str:
    """Columns of an alias, as a list."""
    return ", ".join(f"{alias}.{name}" for name in names)


def view_of(table: tuple[str, str]) -> str:
    """The view of a table (schema, name)."""
    return named(VIEW_SCHEMA + table[0], table[1])


def raising(error: str, message: str, told: str, constraint: str, table: tuple[str, str]) -> str:
    """Raise the violation of a constraint, in PL/pgSQL; `told` is an expression, the DETAIL."""
    return (
        f"RAISE {error} USING MESSAGE = {literal(message)}, DETAIL = {told},"
        f" CONSTRAINT = {literal(constraint)}, SCHEMA = {literal(table[0])},"
        f" TABLE = {literal(table[1])};"
    )


def detail(columns: Sequence[str], values: Sequence[str], end: str) -> str:
    """What PostgreSQL adds to the violation of a key: its columns, and its values."""
    start = f"Key ({', '.join(columns)})=("
    return f"{literal(start)} || concat_ws(', ', {', '.join(values)}) || {literal(end)}"

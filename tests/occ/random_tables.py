"""Random tables for random SQL: columns of many types, keys, checks, foreign keys, views, rows."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Json, Jsonb

VALUES: Final[dict[str, Sequence[Any]]] = {
    "int": (0, 1, 2, 3, 4, 5),
    "num": (Decimal("0.5"), Decimal(1), Decimal("2.25"), Decimal("-3")),
    "text": ("", "a", "b", "ab", 'É"x', "c d"),
    "bool": (True, False),
    "uuid": tuple(UUID(int=number) for number in (1, 2, 3, 4)),
    "date": tuple(date(2024, 2, day) for day in (27, 28, 29)),
    "time": tuple(datetime(2024, 2, day, 1, 2, 3, tzinfo=UTC) for day in (1, 2, 3)),
    "span": (timedelta(days=1), timedelta(hours=24), timedelta(seconds=5)),
    "jsonb": (Jsonb({"a": 1}), Jsonb([1, 2]), Jsonb("x"), Jsonb(None)),
    "json": (Json({"a": 1}), Json([1, 2])),
    "bytes": (b"", b"\x00\xff", b"a"),
    "float": (0.5, 1.5, -2.0),
}
"""Few values of each kind, so that they meet."""
TYPES: Final = {
    "int": ("int", "int", "int", "bigint", "smallint"),
    "num": ("numeric(10,2)", "numeric"),
    "text": ("text", "text", "varchar(4)", "char(3)"),
    "bool": ("bool",),
    "uuid": ("uuid",),
    "date": ("date",),
    "time": ("timestamptz",),
    "span": ("interval",),
    "jsonb": ("jsonb",),
    "json": ("json",),
    "bytes": ("bytea",),
    "float": ("float8",),
}
COMMON: Final = ("int",) * 6 + ("text",) * 4 + ("num",) * 2
OF_KEYS: Final = ("int", "int", "int", "text", "uuid", "date", "num")
ACTIONS: Final = ("NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT")


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: str
    type: str
    generated: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table, or a view. `keys` are its unique keys, the primary one first if there is one."""

    name: str
    columns: tuple[Column, ...]
    keys: tuple[tuple[str, ...], ...] = ()
    has_primary: bool = False
    is_view: bool = False
    is_written: bool = True

    @property
    def written(self) -> list[Column]:
        return [each for each in self.columns if not each.generated]

    def column(self, name: str) -> Column:
        return next(each for each in self.columns if each.name == name)


@dataclass(frozen=True, slots=True)
class Schema:
    """Tables and views; `ddl` makes them."""

    tables: list[Table] = field(default_factory=list)
    ddl: list[str] = field(default_factory=list)

    @property
    def real(self) -> list[Table]:
        return [each for each in self.tables if not each.is_view]

    @property
    def gone(self) -> list[str]:
        """Statements that drop them."""
        return [
            f"DROP {'VIEW' if each.is_view else 'TABLE'} {each.name}"
            for each in reversed(self.tables)
        ]


def random_schema(chance: random.Random) -> Schema:
    schema = Schema()
    for number in range(chance.randint(2, 4)):
        _add_table(chance, schema, f"t{number}")
    if chance.random() < 0.5:
        _add_view(chance, schema, "v")
        if chance.random() < 0.3:
            _add_view(chance, schema, "w")
    return schema


def literal(chance: random.Random, column: Column) -> str:
    """A value of a column as SQL writes it; it may be its default."""
    value = chance.choice(VALUES[column.kind])
    if isinstance(value, Json | Jsonb):
        value = json.dumps(value.obj)
    elif isinstance(value, bytes):
        value = "\\x" + value.hex()
    elif isinstance(value, timedelta):
        value = f"{value.total_seconds()} seconds"
    return "'" + str(value) + "'"


def _add_table(chance: random.Random, schema: Schema, name: str) -> None:
    columns: list[Column] = []
    keys: list[tuple[str, ...]] = []
    parts: list[str] = []
    primary = chance.choice((0, 1, 1, 1, 2))
    for number in range(primary + chance.randint(1, 4)):
        pool = OF_KEYS if number < primary else (*COMMON, *TYPES)
        kind = chance.choice(pool)
        column = Column("kabcdef"[number], kind, chance.choice(TYPES[kind]))
        part = f"{column.name} {column.type}"
        if number >= primary:
            part += chance.choice(("", "", "", " NOT NULL"))
            if chance.random() < 0.4:
                part += f" DEFAULT {literal(chance, column)}"
            if kind == "int" and chance.random() < 0.3:
                part += f" CHECK ({column.name} < {chance.choice((5, 8, 40))})"
        columns.append(column)
        parts.append(part)
    if chance.random() < 0.2:
        numbers = [each for each in columns if each.kind == "int"]
        if numbers:
            of = chance.choice(numbers).name
            columns.append(Column("g", "int", "bigint", generated=True))
            parts.append(f"g bigint GENERATED ALWAYS AS ({of} * 2) STORED")
    if primary:
        keys.append(tuple(each.name for each in columns[:primary]))
        parts.append(f"PRIMARY KEY ({', '.join(keys[0])})")
    can_be_unique = [each.name for each in columns if each.kind in OF_KEYS and not each.generated]
    if can_be_unique and chance.random() < 0.4:
        key = tuple(
            sorted(chance.sample(can_be_unique, min(len(can_be_unique), chance.choice((1, 2, 2)))))
        )
        if key not in keys:
            keys.append(key)
            nulls = " NULLS NOT DISTINCT" if chance.random() < 0.2 else ""
            parts.append(f"UNIQUE{nulls} ({', '.join(key)})")
    parts += _reference(chance, schema, columns)
    schema.tables.append(Table(name, tuple(columns), tuple(keys), primary > 0))
    schema.ddl.append(f"CREATE TABLE {name} ({', '.join(parts)})")


def _reference(chance: random.Random, schema: Schema, columns: list[Column]) -> list[str]:
    """A foreign key to an earlier table, perhaps."""
    parents = [each for each in schema.tables if each.keys]
    if not parents or chance.random() < 0.4:
        return []
    parent = chance.choice(parents)
    key = chance.choice(parent.keys)
    mine = []
    for target in key:
        kind = parent.column(target).kind
        like = [
            e.name for e in columns if e.kind == kind and not e.generated and e.name not in mine
        ]
        if not like:
            return []
        mine.append(chance.choice(like))
    return [
        f"FOREIGN KEY ({', '.join(mine)}) REFERENCES {parent.name} ({', '.join(key)})"
        f" ON DELETE {chance.choice(ACTIONS)} ON UPDATE {chance.choice(ACTIONS)}"
    ]


def _add_view(chance: random.Random, schema: Schema, name: str) -> None:
    of = chance.choice(schema.tables)
    kept = [each for each in of.columns if chance.random() < 0.8] or list(of.columns)
    chosen, where, group = ", ".join(each.name for each in kept), "", ""
    numbers = [each.name for each in of.columns if each.kind == "int"]
    if numbers and chance.random() < 0.6:
        where = f" WHERE {chance.choice(numbers)} < 4"
    is_written = of.is_written
    if of.has_primary and chance.random() < 0.4:
        group = f" GROUP BY {', '.join(of.keys[0])}"
        chosen += ", count(*)::int AS n"
        kept.append(Column("n", "int", "int"))
        is_written = False
    schema.tables.append(Table(name, tuple(kept), is_view=True, is_written=is_written))
    schema.ddl.append(f"CREATE VIEW {name} AS SELECT {chosen} FROM {of.name}{where}{group}")


def random_rows(chance: random.Random, schema: Schema) -> list[str]:
    """Statements that may fail, a row each."""
    made = []
    for table in schema.real:
        columns = table.written
        for number in range(chance.randint(3, 8)):
            values = [
                "NULL"
                if chance.random() < 0.1
                else f"'{number % 6}'"
                if each.kind == "int" and chance.random() < 0.7
                else literal(chance, each)
                for each in columns
            ]
            names = ", ".join(each.name for each in columns)
            made.append(f"INSERT INTO {table.name} ({names}) VALUES ({', '.join(values)})")
    return made

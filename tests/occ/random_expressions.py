"""Random expressions over random tables, whose values depend on no plan."""

import random
from collections.abc import Sequence
from typing import Any, Final

from tests.occ.random_tables import VALUES, Column, Schema, Table

CASTS: Final = {
    "int": "int",
    "num": "numeric",
    "text": "text",
    "bool": "bool",
    "uuid": "uuid",
    "date": "date",
    "time": "timestamptz",
    "span": "interval",
    "jsonb": "jsonb",
    "json": "json",
    "bytes": "bytea",
    "float": "float8",
}
ORDERED: Final = tuple(kind for kind in CASTS if kind not in ("json", "jsonb", "bool"))


Scope = Sequence[tuple[str, Column]]
"""Columns that can be named, each with what stands before its name."""


class Expressions:
    """Values of columns, literals and subqueries over one schema."""

    def __init__(self, chance: random.Random, schema: Schema) -> None:
        self._chance = chance
        self._schema = schema
        self._values: list[tuple[Any, str]] = []
        self._named = 0

    def _pick(self, weights: dict[str, int]) -> str:
        return self._chance.choices(list(weights), list(weights.values()))[0]

    def _maybe(self, probability: float = 0.5) -> bool:
        return self._chance.random() < probability

    def _name(self) -> str:
        self._named += 1
        return f"n{self._named}"

    def _literal(self, kind: str) -> str:
        self._values.append((self._chance.choice(VALUES[kind]), CASTS[kind]))
        return f"@{len(self._values) - 1}@"

    def _expression(self, kind: str, scope: Scope, depth: int = 2) -> str:
        of_kind = [f"{where}.{c.name}" for where, c in scope if c.kind == kind]
        if of_kind and self._maybe(0.6):
            return self._chance.choice(of_kind)
        if depth <= 0 or self._maybe(0.3):
            return self._literal(kind)
        if self._maybe(0.15):
            fallback = self._expression(kind, scope, 0)
            return f"coalesce({self._expression(kind, scope, depth - 1)}, {fallback})"
        if self._maybe(0.15) and kind != "json":
            return (
                f"CASE WHEN {self._condition(scope, depth - 1)} THEN"
                f" {self._expression(kind, scope, depth - 1)} ELSE {self._literal(kind)} END"
            )
        if self._maybe(0.12) and kind in ORDERED:
            return self._scalar(kind, scope)
        if kind == "int":
            form = self._chance.choice(("{} + {}", "{} - {}", "abs({} - {})", "greatest({}, {})"))
            return (
                "(" + form.format(*(self._expression(kind, scope, depth - 1) for _ in "ab")) + ")"
            )
        if kind == "text":
            other = self._chance.choice(("int", "text", "num", "date"))
            start = self._expression("text", scope, depth - 1)
            return f"({start} || {self._expression(other, scope, depth - 1)}::text)"
        if kind == "num":
            start = self._expression("num", scope, depth - 1)
            return f"({start} + {self._expression('int', scope, depth - 1)})"
        if kind == "bool":
            return f"({self._condition(scope, depth - 1)})"
        if kind == "jsonb":
            return f"jsonb_build_object('k', {self._expression('int', scope, depth - 1)})"
        return self._literal(kind)

    def _scalar(self, kind: str, scope: Scope) -> str:
        """A subquery of one value, which may look outwards."""
        table, name, inner = self._table()
        value = self._expression(kind, inner, 1)
        form = self._chance.choice(("min", "max"))
        if kind == "int" and self._maybe(0.3):
            return (
                f"(SELECT count(*)::int FROM {table.name} AS {name}{self._where([*scope, *inner])})"
            )
        if kind in ("bytes", "uuid", "bool"):
            return f"(SELECT {value} FROM {table.name} AS {name} ORDER BY 1 LIMIT 1)"
        return (
            f"(SELECT {form}({value}) FROM {table.name} AS {name}{self._where([*scope, *inner])})"
        )

    def _condition(self, scope: Scope, depth: int = 2) -> str:
        form = self._pick(
            {"compare": 6, "null": 1, "in": 2, "exists": 2, "and": 2, "not": 1, "bool": 1}
        )
        if depth <= 0 and form in ("exists", "and", "not"):
            form = "compare"
        kind = self._chance.choice(("int", "int", "int", "text", "num", *ORDERED))
        if form == "compare":
            operator = self._chance.choice(("=", "=", "<", ">=", "<>", "IS DISTINCT FROM"))
            return (
                f"{self._expression(kind, scope, 1)} {operator} {self._expression(kind, scope, 1)}"
            )
        if form == "null":
            return f"{self._expression(kind, scope, 0)} IS {self._chance.choice(('', 'NOT '))}NULL"
        if form == "in" and (depth <= 0 or self._maybe()):
            listed = ", ".join(self._literal(kind) for _ in range(2))
            return f"{self._expression(kind, scope, 0)} IN ({listed})"
        if form == "in":
            table, name, inner = self._table()
            negated = self._chance.choice(("", "NOT "))
            return (
                f"{self._expression(kind, scope, 0)} {negated}IN (SELECT"
                f" {self._expression(kind, inner, 1)} FROM {table.name} AS {name})"
            )
        if form == "exists":
            table, name, inner = self._table()
            condition = self._condition([*scope, *inner], 0)
            return f"EXISTS (SELECT FROM {table.name} AS {name} WHERE {condition})"
        if form == "and":
            word = self._chance.choice(("AND", "OR"))
            return (
                f"({self._condition(scope, depth - 1)} {word} {self._condition(scope, depth - 1)})"
            )
        if form == "not":
            return f"NOT ({self._condition(scope, depth - 1)})"
        return f"({self._expression('bool', scope, depth - 1)}) IS NOT false"

    def _where(self, scope: Scope, probability: float = 0.8) -> str:
        return f" WHERE {self._condition(scope)}" if self._maybe(probability) else ""

    def _table(self, tables: Sequence[Table] = ()) -> tuple[Table, str, Scope]:
        table = self._chance.choice(tables or self._schema.tables)
        name = self._name()
        return table, name, [(name, column) for column in table.columns]

    def _cast(self, kind: str, scope: Scope) -> str:
        value = self._expression(kind, scope)
        return value if value.startswith("@") else f"{value}::{CASTS[kind]}"

    def _kinds(self) -> list[str]:
        return [self._chance.choice(tuple(CASTS)) for _ in range(self._chance.randint(1, 3))]

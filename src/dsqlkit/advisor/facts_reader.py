"""Read what the advisor needs of the database: tables, indexes, statistics, views, constraints."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.rows import tuple_row

from dsqlkit.advisor.statistics import ColumnStatistics, TableFacts
from dsqlkit.advisor.syntax import Statement, parse_text, relations_of
from dsqlkit.plans.catalog import Catalog, ForeignKey, Table, View
from dsqlkit.plans.catalog_reader import catalog_of, tables_of
from dsqlkit.plans.model import Plan
from dsqlkit.plans.scans import scans
from dsqlkit.queries import statement

_DEEPEST: Final = 10
"""Views of views are looked through so far."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the tables that a statement reads, of those that refer to the rows it
    changes, and of the views that it names.
    """

    tables: tuple[TableFacts, ...]
    views: tuple[View, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()

    @property
    def catalog(self) -> Catalog:
        """The same without statistics."""
        return Catalog(tuple(each.table for each in self.tables), self.views, self.foreign_keys)


def facts_of(connection: psycopg.Connection[Any], plan: Plan, asked: Statement) -> Facts:
    """The tables that a statement's plan reads or writes, with their statistics, its views, and
    the tables that refer to rows which it changes; in the transaction that is open.
    """
    catalog: Catalog = catalog_of(connection, plan)
    tables = {(table.schema, table.name): table for table in catalog.tables}
    keys = _foreign_keys(connection, tables)
    children = {key.child: None for key in keys if plan.writes and key.child not in tables}
    tables |= {(each.schema, each.name): each for each in tables_of(connection, children)}
    statistics = _statistics_of(connection, tables)
    return Facts(
        tuple(
            TableFacts(
                table,
                max(table.rows or _rows_seen(table, plan), 1.0),
                statistics.get(name, {}),
            )
            for name, table in tables.items()
        ),
        _views(connection, asked),
        keys,
    )


def _wanted(names: Collection[tuple[str, str]]) -> dict[str, list[str]]:
    return {"schemas": [schema for schema, _ in names], "tables": [name for _, name in names]}


def _statistics_of(
    connection: psycopg.Connection[Any], names: Collection[tuple[str, str]]
) -> dict[tuple[str, str], dict[str, ColumnStatistics]]:
    columns: dict[tuple[str, str], dict[str, ColumnStatistics]] = {}
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(statement("catalog/column_statistics.sql"), _wanted(names))
        for schema, table, name, *known in rows:
            columns.setdefault((schema, table), {})[name] = _statistics(*known)
    return columns


def _foreign_keys(
    connection: psycopg.Connection[Any], parents: Collection[tuple[str, str]]
) -> tuple[ForeignKey, ...]:
    found: dict[tuple[str, ...], list[str]] = {}
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(statement("catalog/foreign_keys.sql"), _wanted(parents))
        for *names, column in rows:
            found.setdefault(tuple(names), []).append(column)
    return tuple(
        ForeignKey(name, (schema, parent), (child_schema, child), tuple(columns))
        for (name, schema, parent, child_schema, child), columns in found.items()
    )


def _views(connection: psycopg.Connection[Any], asked: Statement) -> tuple[View, ...]:
    """The views that a statement names, and those that they name."""
    found: dict[tuple[str, str], View] = {}
    names = {name for _, name in relations_of(asked.node)}
    with connection.cursor(row_factory=tuple_row) as cursor:
        for _ in range(_DEEPEST):
            rows = cursor.execute(statement("catalog/views.sql"), {"views": sorted(names)})
            new = [View(*row) for row in rows if tuple(row[:2]) not in found]
            found |= {(view.schema, view.name): view for view in new}
            names = {name for view in new for _, name in relations_of(parse_text(view.query))}
            if not names:
                break
    return tuple(found.values())


def _rows_seen(table: Table, plan: Plan) -> float:
    """The rows of a table that was never analyzed, where the plan reads it as a whole."""
    whole = (
        (scan.read or 0) / max(scan.node.loops or 1, 1)
        for scan in scans(plan)
        if scan.reads_all and scan.node.relation == table.name
    )
    return max(whole, default=0.0)


def _statistics(
    declared_bytes: int | None,
    average_bytes: int | None,
    null_fraction: float | None,
    distinct: float | None,
    common: list[str] | None,
    fractions: list[float] | None,
    bounds: list[str] | None,
) -> ColumnStatistics:
    if average_bytes is None:
        return ColumnStatistics(declared_bytes)
    return ColumnStatistics(
        declared_bytes,
        average_bytes,
        null_fraction or 0.0,
        distinct or 0.0,
        dict(zip(common or (), fractions or (), strict=True)),
        tuple(bounds or ()),
    )

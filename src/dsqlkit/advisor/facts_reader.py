"""Read what the advisor needs of the database: tables, indexes, statistics."""

from typing import Any

import psycopg
from psycopg.rows import tuple_row

from dsqlkit.advisor.statistics import ColumnStatistics, TableFacts
from dsqlkit.plans.catalog import Catalog, Table
from dsqlkit.plans.catalog_reader import catalog_of
from dsqlkit.plans.model import Plan
from dsqlkit.plans.scans import scans
from dsqlkit.queries import statement


def facts_of(connection: psycopg.Connection[Any], plan: Plan) -> tuple[TableFacts, ...]:
    """The tables that a plan reads, with their statistics, in the transaction that is open."""
    catalog: Catalog = catalog_of(connection, plan)
    wanted = {
        "schemas": [table.schema for table in catalog.tables],
        "tables": [table.name for table in catalog.tables],
    }
    columns: dict[tuple[str, str], dict[str, ColumnStatistics]] = {}
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(statement("catalog/column_statistics.sql"), wanted)
        for schema, table, name, *known in rows:
            columns.setdefault((schema, table), {})[name] = _statistics(*known)
    return tuple(
        TableFacts(
            table,
            max(table.rows or _rows_seen(table, plan), 1.0),
            columns.get((table.schema, table.name), {}),
        )
        for table in catalog.tables
    )


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

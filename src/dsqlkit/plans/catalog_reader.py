"""Read what the catalog says of a plan's tables."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from dsqlkit.plans.catalog import Catalog, Column, Index, Table
from dsqlkit.plans.model import Plan
from dsqlkit.plans.scans import is_scan
from dsqlkit.queries import statement

_Name = tuple[str, str]


def catalog_of(connection: psycopg.Connection[Any], plan: Plan) -> Catalog:
    """The tables that the plan reads or writes, in the transaction that is open.

    A table without a schema, as in a plan without VERBOSE, is looked for in schema public.
    """
    return Catalog(
        tables_of(
            connection,
            dict.fromkeys(
                (node.schema or "public", node.relation)
                for node in plan.walk()
                if node.relation and (is_scan(node) or node.writes)
            ),
        )
    )


def tables_of(connection: psycopg.Connection[Any], names: Collection[_Name]) -> tuple[Table, ...]:
    """The tables of these names, by schema and name, in the transaction that is open."""
    if not names:
        return ()
    wanted = {"schemas": [schema for schema, _ in names], "tables": [name for _, name in names]}
    rows: dict[_Name, float | None] = {}
    columns: defaultdict[_Name, list[Column]] = defaultdict(list)
    indexes: defaultdict[_Name, dict[str, Index]] = defaultdict(dict)
    with connection.cursor(row_factory=tuple_row) as cursor:
        for schema, table, count, *column in cursor.execute(
            statement("catalog/columns.sql"), wanted
        ):
            rows[schema, table] = count
            columns[schema, table].append(Column(*column))
        for schema, table, name, in_key, column_name, *state, part in cursor.execute(
            statement("catalog/index_columns.sql"), wanted
        ):
            known = indexes[schema, table].get(name) or Index(name, (), (), *state)
            key = (*known.key, column_name) if in_key else known.key
            included = known.included if in_key else (*known.included, column_name)
            parts = (*known.parts, part) if in_key else known.parts
            indexes[schema, table][name] = replace(known, key=key, included=included, parts=parts)
    return tuple(
        Table(*name, tuple(columns[name]), tuple(indexes[name].values()), rows[name])
        for name in columns
    )

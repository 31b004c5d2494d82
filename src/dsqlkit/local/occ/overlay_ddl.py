"""The DDL of a table's overlay: where a transaction goes on that holds no rows.

A transaction that was set aside, or that has lost, holds no row, so that nobody waits for it. It
reads and writes a view of the table, which leaves out the rows of the table that the transaction
removed or replaced, and has those that it made. These are in two tables: `rows`, and `hidden` with
the places (ctid) of rows of the table. What it costs depends on the rows touched, not on the table.
All transactions share an overlay, as none sees the rows of another; one that commits empties its
own first (server/sql/overlays.sql).

The view answers as the table would: it fills in defaults, and checks unique and foreign keys among
the rows of the table and the overlay together. Foreign keys that are deferred, or that lead from a
table to itself, are left to the COMMIT.
"""

from collections.abc import Iterator
from typing import Final

from dsqlkit.local.occ.overlay_references import settling, upserted, upserting
from dsqlkit.local.occ.overlay_shape import VIEW_SCHEMA, Shape, columns_of
from dsqlkit.local.occ.overlay_trigger import body, finding
from dsqlkit.local.statements.quoting import literal, quoted

_WHEN: Final = {
    "find": "INSTEAD OF UPDATE OR DELETE",
    "write": "INSTEAD OF INSERT OR UPDATE OR DELETE",
    "settle": "AFTER INSERT OR UPDATE OR DELETE",
}
"""When its triggers fire."""
_NOWHERE: Final = "'(0,0)'::pg_catalog.tid"
"""A place where no row of a table is."""


def statements(shape: Shape) -> Iterator[str]:
    """The statements that make the overlay, anew if there is one."""
    schema = quoted(VIEW_SCHEMA + shape.schema)
    yield f"CREATE SCHEMA IF NOT EXISTS {schema}"
    yield f"GRANT USAGE ON SCHEMA {schema} TO PUBLIC"
    yield f"DROP VIEW IF EXISTS {shape.view} CASCADE"
    if shape.definition is not None:
        path = f"dsqlkit.all_schemas({literal(VIEW_SCHEMA)})"
        yield f"SELECT dsqlkit.assign('search_path', {path}, true)"
        yield f"CREATE VIEW {shape.view} AS {shape.definition}"
        return
    yield f"DROP TABLE IF EXISTS {shape.rows}, {shape.hidden}, {shape.due} CASCADE"
    yield (
        f"CREATE UNLOGGED TABLE {shape.rows} (LIKE {shape.base}"
        " INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING STORAGE)"
    )
    # Not unique: a second transaction with such a row would wait for the first.
    for key in shape.keys:
        yield f"CREATE INDEX ON {shape.rows} ({', '.join(key.columns)})"
    yield f"CREATE UNLOGGED TABLE {shape.hidden} (place tid)"
    yield f"CREATE INDEX ON {shape.hidden} (place)"
    if shape.has_references:
        yield (
            f"CREATE UNLOGGED TABLE {shape.due}"
            f" (event text, was {shape.rows}, made {shape.rows}, reference text)"
        )
    place = min({quoted(f"place{n}") for n in range(len(shape.names) + 1)} - {*shape.names})
    # The condition stands outside of both parts: within one it would keep the planner from reading
    # that in the order of a key, or row by row for a join.
    yield (
        f"CREATE VIEW {shape.view} AS SELECT {columns_of('u', shape.names)} FROM ("
        f"SELECT {columns_of('b', ('ctid', *shape.names))} FROM ONLY {shape.base} AS b UNION ALL"
        f" SELECT {', '.join((_NOWHERE, *(f'r.{n}' for n in shape.names)))} FROM {shape.rows} AS r"
        f") AS u ({', '.join((place, *shape.names))})"
        f" WHERE u.{place} NOT IN (SELECT h.place FROM {shape.hidden} AS h)"
    )
    for column in shape.columns:
        default = column.default
        if column.generated:
            # Never computed; but without any, PostgreSQL updates no table with such a column.
            default = f"(NULL::{shape.rows}).{quoted(column.name)}"
        if default is not None:
            yield f"ALTER VIEW {shape.view} ALTER {quoted(column.name)} SET DEFAULT {default}"
    triggers = [("find", finding(shape), "STABLE"), ("write", body(shape), "VOLATILE")]
    if shape.has_references:
        triggers.append(("settle", settling(shape), "VOLATILE"))
        # Those of the table that an upsert is run at, which is made for it.
        yield _function(shape, "upsert row", upserting(shape))
        yield _function(shape, "upsert", upserted(shape))
    for name, text, volatility in triggers:
        each = "STATEMENT" if name == "settle" else "ROW"
        yield _function(shape, name, text, volatility)
        # Those of a row fire in the order of their names.
        yield (
            f"CREATE TRIGGER {name} {_WHEN[name]} ON {shape.view}"
            f" FOR EACH {each} EXECUTE FUNCTION {shape.function(name)}()"
        )


def _function(shape: Shape, name: str, body: str, volatility: str = "VOLATILE") -> str:
    """Make the function of a trigger."""
    return (
        f"CREATE OR REPLACE FUNCTION {shape.function(name)}() RETURNS trigger LANGUAGE plpgsql"
        f" {volatility} SECURITY DEFINER SET search_path = pg_catalog AS {literal(body)}"
    )

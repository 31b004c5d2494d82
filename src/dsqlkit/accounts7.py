"""Chapter 7's table: 5,000 rows to read plans on, made in two transactions."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import psycopg

from dsqlkit import indexes, tables
from dsqlkit.connection import Connection, Connections
from dsqlkit.queries import read_sql, split_statements, statement
from dsqlkit.transaction import run, sql_error

TABLE: Final = "accounts7"
ROWS: Final = 5000
QUERY: Final = "query"
"""The name of the chapter's query in `sql/queries/`."""

_ROWS_A_TRANSACTION = 2500


@dataclass(frozen=True, slots=True)
class SetUp:
    """The table as it was made: its rows, and the index that the chapter starts with."""

    table: str
    rows: int
    index: str
    elapsed_ms: float


def index_statements() -> tuple[str, str, str]:
    """The chapter's CREATE INDEX ASYNC statements: the set-up's, then the optimization's two."""
    first, second, third = split_statements(read_sql("accounts7/indexes.sql"))
    return first, second, third


INDEX_NAMES: Final = (
    "idx_accounts7_type",
    "idx_accounts7_metadata",
    "idx_accounts7_metadata_covering",
)


def set_up(
    connections: Connections, on_status: Callable[[indexes.Job], None] | None = None
) -> SetUp:
    """Drop the table if it is there, make it, fill it, build its first index, collect statistics.

    `on_status` hears about the index build. Raises what `indexes.build` raises.
    """
    started = time.monotonic()
    tables.drop(connections, TABLE)
    tables.create(connections, TABLE)
    for first in range(1, ROWS + 1, _ROWS_A_TRANSACTION):
        run(connections, partial(_fill, first=first, last=first + _ROWS_A_TRANSACTION - 1))
    indexes.build(connections, index_statements()[0], on_status=on_status)
    analyze(connections)
    return SetUp(TABLE, ROWS, INDEX_NAMES[0], (time.monotonic() - started) * 1000)


def analyze(connections: Connections) -> None:
    """Collect the statistics that the planner goes by. DSQL wants this outside a transaction."""
    with connections.connection() as connection:
        try:
            connection.execute(f"ANALYZE {TABLE}")
        except psycopg.Error as error:
            raise sql_error(error) from error


def _fill(connection: Connection, first: int, last: int) -> None:
    values = {"first_id": first, "last_id": last}
    connection.execute(statement("accounts7/fill.sql"), values)

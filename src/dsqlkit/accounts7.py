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


def missing_indexes(connections: Connections) -> tuple[str, ...]:
    """Which of the chapter's two indexes queries cannot use: not there, or not valid."""
    valid = {index.name for index in indexes.of_table(connections, TABLE) if index.valid}
    return tuple(name for name in INDEX_NAMES[1:] if name not in valid)


def build_indexes(connections: Connections, *, limit_s: float = indexes.WAIT_LIMIT_S) -> None:
    """Have the chapter's two indexes valid, building what is missing; then collect statistics.

    Running it again is harmless; what an earlier build left unfinished is dropped and built anew.
    Raises what `indexes.build` raises; `limit_s` bounds the whole, in seconds.
    """
    deadline = time.monotonic() + limit_s
    missing = missing_indexes(connections)
    for name, ddl in zip(INDEX_NAMES[1:], index_statements()[1:], strict=True):
        if name in missing:
            indexes.drop(connections, name)
            indexes.build(connections, ddl, limit_s=max(deadline - time.monotonic(), 0.0))
    if left := missing_indexes(connections):
        raise indexes.IndexBuildFailed(f"The index {left[0]} was built and is not valid.")
    analyze(connections)


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

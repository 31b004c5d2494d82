"""Chapter 7's table: 5,000 rows to read plans on, made in two transactions.

Its SQL names table accounts7. Where a chapter needs a copy that nobody else works on, `table` is
another name, that begins with accounts7.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Final

import psycopg

from dsqlkit import indexes, queries, tables
from dsqlkit.connection import Connection, Connections
from dsqlkit.errors import DsqlkitError
from dsqlkit.plans.runner import explain
from dsqlkit.queries import NamedQuery, parse_query, read_sql, split_statements
from dsqlkit.sql_errors import sql_error
from dsqlkit.transaction import run

TABLE: Final = "accounts7"
ROWS: Final = 5000
QUERY: Final = "query"
"""The name of the chapter's query in `sql/queries/`."""

INDEX_NAMES: Final = (
    "idx_accounts7_type",
    "idx_accounts7_metadata",
    "idx_accounts7_metadata_covering",
)

_ROWS_A_TRANSACTION = 2500


@dataclass(frozen=True, slots=True)
class SetUp:
    """The table as it was made: its rows, and the index that the chapter starts with."""

    table: str
    rows: int
    index: str
    elapsed_ms: float


def index_names(table: str = TABLE) -> tuple[str, str, str]:
    """The names of the chapter's indexes: the set-up's, then the optimization's two."""
    first, second, third = (name.replace(TABLE, table) for name in INDEX_NAMES)
    return first, second, third


def index_statements(table: str = TABLE) -> tuple[str, str, str]:
    """The chapter's CREATE INDEX ASYNC statements, in the order of `index_names`."""
    first, second, third = _statements("accounts7/indexes.sql", table)
    return first, second, third


def query(table: str = TABLE) -> NamedQuery:
    """The chapter's query, with its usual parameters."""
    return parse_query(QUERY, read_sql(f"queries/{QUERY}.sql").replace(TABLE, table))


def set_up(
    connections: Connections, on_status: Callable[[indexes.Job], None] | None = None
) -> SetUp:
    """Drop the table if it is there, and `make` it."""
    drop(connections)
    return make(connections, on_status)


def make(
    connections: Connections,
    on_status: Callable[[indexes.Job], None] | None = None,
    *,
    table: str = TABLE,
) -> SetUp:
    """Have the table, its rows, its first index, and statistics.

    What is there stays, so two may do this at once. `on_status` hears about the index build. Raises
    what `indexes.build` raises.
    """
    started = time.monotonic()
    _run_ddl(connections, "schema/accounts7.sql", table)
    for first in range(1, ROWS + 1, _ROWS_A_TRANSACTION):
        last = first + _ROWS_A_TRANSACTION - 1
        run(connections, partial(_fill, table=table, first=first, last=last))
    name = index_names(table)[0]
    if not _is_valid(connections, table, name):
        try:
            indexes.build(connections, index_statements(table)[0], on_status=on_status)
        except DsqlkitError:
            if not _is_valid(connections, table, name):
                raise
    analyze(connections, table)
    return SetUp(table, ROWS, name, (time.monotonic() - started) * 1000)


def drop(connections: Connections, table: str = TABLE) -> None:
    """Drop the table if it exists."""
    _run_ddl(connections, "accounts7/drop.sql", table)


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


def analyze(connections: Connections, table: str = TABLE) -> None:
    """Collect the statistics that the planner goes by. DSQL wants this outside a transaction."""
    with connections.connection() as connection:
        try:
            connection.execute(f"ANALYZE {table}".encode())
        except psycopg.Error as error:
            raise sql_error(error) from error


def insert_dpu(connections: Connections, table: str = TABLE) -> Decimal | None:
    """What an INSERT of one more row writes, in DPU; None where plans print none. It is rolled
    back.
    """
    fill = _fill_query(table)
    row = {"first_id": ROWS + 1, "last_id": ROWS + 1}
    with connections.connection() as connection:
        estimate = explain(connection, fill, row, verbose=True).plan.dpu
    return None if estimate is None else estimate.parts["write"].dpu


def _is_valid(connections: Connections, table: str, name: str) -> bool:
    return indexes.Index(name, valid=True) in indexes.of_table(connections, table)


def _statements(path: str, table: str) -> Sequence[str]:
    return split_statements(queries.read_sql(path).replace(TABLE, table))


def _run_ddl(connections: Connections, path: str, table: str) -> None:
    for ddl in _statements(path, table):
        run(connections, partial(tables.execute_ddl, ddl=ddl))


def _fill(connection: Connection, table: str, first: int, last: int) -> None:
    row = {"first_id": first, "last_id": last}
    connection.execute(_fill_query(table).encode(), row)


def _fill_query(table: str) -> str:
    return parse_query(table, read_sql("accounts7/fill.sql").replace(TABLE, table)).sql

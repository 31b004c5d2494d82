"""The workshop's tables: making them, and asking what is there."""

from functools import partial
from typing import Final

from dsqlkit.connection import Connection, Connections, Cursor
from dsqlkit.errors import SqlError
from dsqlkit.queries import read_sql, split_statements, statement
from dsqlkit.transaction import run

UNDEFINED_TABLE: Final = "42P01"


def create(connections: Connections, table: str) -> None:
    """Make a table of `sql/schema/` unless it exists."""
    run_ddl(connections, f"schema/{table}.sql")


def drop(connections: Connections, table: str) -> None:
    """Drop the table if it exists."""
    run_ddl(connections, f"{table}/drop.sql")


def run_ddl(connections: Connections, path: str) -> None:
    """Run a shipped file's statements, each in a transaction of its own, as DSQL wants DDL."""
    for ddl in split_statements(read_sql(path)):
        run(connections, partial(execute_ddl, ddl=ddl))


def exists(connections: Connections, table: str) -> bool:
    """Whether schema public has a table of that name."""
    found = run(
        connections,
        lambda c: c.execute(statement("catalog/table_exists.sql"), {"table": table}).fetchone(),
    )
    return bool(found.value and found.value[0])


def has_rows(connections: Connections, table: str) -> bool:
    """Whether the table exists and holds at least one row."""
    try:
        found = run(connections, lambda c: c.execute(statement(f"{table}/any.sql")).fetchone())
    except SqlError as error:
        if error.sqlstate == UNDEFINED_TABLE:
            return False
        raise
    return bool(found.value and found.value[0])


def execute_ddl(cursor: Connection | Cursor, ddl: str) -> None:
    """Run one statement that takes no parameters, exactly as it is written."""
    cursor.execute(ddl.encode())

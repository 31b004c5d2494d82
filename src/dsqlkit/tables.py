"""The workshop's tables: making them, and asking what is there."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from psycopg.rows import TupleRow

from dsqlkit.connection import Connection, Connections, Cursor
from dsqlkit.errors import DsqlkitError, SqlError
from dsqlkit.queries import read_sql, split_statements, statement
from dsqlkit.transaction import read_alone, run

UNDEFINED_TABLE: Final = "42P01"


_INTEGERS: Final = frozenset({"integer", "bigint"})
_NUMBERS: Final = frozenset({"numeric"})
_TEXTS: Final = frozenset({"character varying", "character", "text"})
_UUIDS: Final = frozenset({"uuid"})
_TIMES: Final = frozenset({"timestamp without time zone", "timestamp with time zone"})
COLUMNS: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    "accounts": {"id": _INTEGERS, "balance": _NUMBERS},
    "accounts2": {"id": _UUIDS, "balance": _NUMBERS},
    "loads": {"table_name": _TEXTS, "load": _UUIDS, "loader": _TEXTS, "renewed_at": _TIMES},
    "accounts7": {
        "id": _INTEGERS,
        "account_type": _TEXTS,
        "region_code": _TEXTS,
        "status": _TEXTS,
        "created_at": _TIMES,
        "balance": _NUMBERS,
        "metadata_key": _TEXTS,
        "metadata_value": _TEXTS,
    },
    "transfers": {
        "key": _UUIDS,
        "table": _TEXTS,
        "payer": _TEXTS,
        "payee": _TEXTS,
        "amount": _NUMBERS,
        "payer_balance": _NUMBERS,
        "made_at": _TIMES,
    },
}
"""The types that will do for each column of the workshop's tables."""


_SHOWN_FLAWS: Final = 4


class WrongShape(DsqlkitError):
    """A table of the workshop's name that is somebody else's."""

    code = "wrong_shape"


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
    query = statement("catalog/table_exists.sql")
    found = read_alone(connections, lambda c: c.execute(query, {"table": table}).fetchone())
    return bool(found and found[0])


def have(connections: Connections, table: str) -> None:
    """Have the table: make it where it is missing. Raises WrongShape for another."""
    if not is_there(connections, table):
        create(connections, table)


def is_there(connections: Connections, table: str) -> bool:
    """Whether there is such a table, which the workshop can read and fill then: raises WrongShape
    for another."""
    rows = _columns(connections, table)
    if not rows:
        if not exists(connections, table):
            return False
        rows = _columns(connections, table)  # somebody may have made it in between
    found = {column: kind for column, kind, _ in rows}
    wanted = COLUMNS[table]
    wrong = [
        f"column {column} is {found[column]}" if column in found else f"it has no column {column}"
        for column, types in wanted.items()
        if found.get(column) not in types
    ]
    wrong += [
        f"column {column} must be given a value"
        for column, _, must in rows
        if must and column not in wanted
    ]
    if len(wrong) > _SHOWN_FLAWS:
        wrong[_SHOWN_FLAWS - 1 :] = [f"and {len(wrong) - _SHOWN_FLAWS + 1} more"]
    if wrong:
        raise not_the_workshops(table, ", ".join(wrong))
    return True


def _columns(connections: Connections, table: str) -> list[TupleRow]:
    query = statement("catalog/table_columns.sql")
    return read_alone(connections, lambda c: c.execute(query, {"table": table}).fetchall())


def not_the_workshops(table: str, flaw: str) -> WrongShape:
    """The refusal of a table that has this flaw."""
    return WrongShape(
        f"Table {table} is not the workshop's: {flaw}.",
        hint=f"It is left as it is. ALTER TABLE {table} RENAME TO another name, or use another "
        "cluster.",
    )


def has_rows(connections: Connections, table: str) -> bool:
    """Whether the table exists and holds at least one row."""
    query = statement(f"{table}/any.sql")
    try:
        found = read_alone(connections, lambda c: c.execute(query).fetchone())
    except SqlError as error:
        if error.sqlstate == UNDEFINED_TABLE:
            return False
        raise
    return bool(found and found[0])


def execute_ddl(cursor: Connection | Cursor, ddl: str) -> None:
    """Run one statement that takes no parameters, exactly as it is written."""
    cursor.execute(ddl.encode())

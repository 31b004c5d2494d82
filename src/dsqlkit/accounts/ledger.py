"""The ledger: table `transfers`, which holds each transfer that was made with a key.

A row is written in the transaction that moves the money, so a key is in the ledger exactly when its
money has moved. As the key is the table's primary key, of all transactions that carry one key at
most one is ever committed.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from dsqlkit import tables
from dsqlkit.connection import Connection, Connections
from dsqlkit.errors import DsqlkitError, SqlError
from dsqlkit.queries import statement
from dsqlkit.transaction import run

TABLE: Final = "transfers"

_COLUMNS: Final = {
    "key": "uuid",
    "table": "text",
    "payer": "text",
    "payee": "text",
    "amount": "numeric",
    "payer_balance": "numeric",
    "made_at": "timestamp with time zone",
}
_PERMISSION_DENIED: Final = "42501"
_NOT_NULL_VIOLATION: Final = "23502"


@dataclass(frozen=True, slots=True)
class Entry:
    """One transfer that was made: ids as text, and what the payer had left."""

    key: UUID
    table: str
    payer: str
    payee: str
    amount: Decimal
    payer_balance: Decimal
    made_at: datetime


class KeyUsed(DsqlkitError):
    """A key that another transfer was made under."""

    code = "key_used"


class ForeignLedger(DsqlkitError):
    """A table `transfers` that is not the ledger: it has another shape."""

    code = "foreign_table"


class LedgerClosed(SqlError):
    """The role may not write the ledger, or not make it where it is missing."""


def read(connection: Connection, key: UUID) -> Entry | None:
    """What was done under a key, None for nothing."""
    row = connection.execute(statement("transfers/find.sql"), {"key": key}).fetchone()
    return Entry(key, *row) if row else None


def ready_after(connections: Connections, error: SqlError, table: str) -> bool:
    """Whether a transfer in `table` that the database refused can be made now: the ledger was
    missing, and has been made.

    Raises ForeignLedger or LedgerClosed where the ledger is why it was refused; nothing has changed
    then. False where it had another cause.
    """
    if error.sqlstate == tables.UNDEFINED_TABLE:
        # Nothing is made for accounts that are not there.
        if tables.exists(connections, TABLE) or not tables.exists(connections, table):
            return False
        _make(connections)
        return True
    if error.sqlstate == _PERMISSION_DENIED:
        if _is_open(connections):
            return False
        raise _closed(error) from error
    if difference := _difference(connections, error):
        raise foreign(difference) from error
    return False


def foreign(difference: str) -> ForeignLedger:
    """The refusal of a table that differs from the ledger in this."""
    return ForeignLedger(
        f"Table {TABLE} is not dsqlkit's ledger: {difference}. Nothing changed.",
        hint="Rename that table, or move money without a key.",
    )


def _make(connections: Connections) -> None:
    try:
        tables.create(connections, TABLE)
    except SqlError as error:
        # Of two who make it at once, one may be refused.
        if tables.exists(connections, TABLE):
            return
        if error.sqlstate == _PERMISSION_DENIED:
            raise _closed(error) from error
        raise


def _is_open(connections: Connections) -> bool:
    held = run(connections, lambda c: c.execute(statement("transfers/open.sql")).fetchone()).value
    return bool(held and held[0])


def _closed(error: SqlError) -> LedgerClosed:
    return LedgerClosed(
        f"The role may not use the ledger, table {TABLE}: {error.message}.",
        hint="Let admin run sql/schema/transfers.sql and grant SELECT, INSERT on it; or move money "
        "without a key.",
        sqlstate=error.sqlstate,
    )


def _difference(connections: Connections, error: SqlError) -> str | None:
    """How table `transfers` differs from the ledger, where that can be why a row was refused."""
    query = statement("transfers/shape.sql")
    rows = run(connections, lambda c: c.execute(query).fetchall()).value
    if not rows:
        return None
    types = {name: kind for name, kind, _ in rows}
    for name, kind in _COLUMNS.items():
        if name not in types:
            return f"it has no column {name}"
        if types[name] != kind:
            return f"its column {name} is {types[name]} instead of {kind}"
    if "key" not in {name for name, _, is_key in rows if is_key}:
        return "its column key is no unique key"
    more = [name for name in types if name not in _COLUMNS]
    if more and error.sqlstate == _NOT_NULL_VIOLATION:
        return f"it has a column {more[0]} as well"
    return None

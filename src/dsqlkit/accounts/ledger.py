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
from dsqlkit.transaction import read_alone

TABLE: Final = "transfers"

_PERMISSION_DENIED: Final = "42501"


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


class LedgerClosed(SqlError):
    """The role may not write the ledger, or not make it where it is missing."""


def read(connection: Connection, key: UUID) -> Entry | None:
    """What was done under a key, None for nothing."""
    row = connection.execute(statement("transfers/find.sql"), {"key": key}).fetchone()
    return Entry(key, *row) if row else None


def have(connections: Connections) -> None:
    """Have the ledger: make it where it is missing. Raises `tables.WrongShape`, LedgerClosed."""
    if not tables.exists(connections, TABLE):
        _make(connections)
    _check(connections)


def ready_after(connections: Connections, error: SqlError, table: str) -> bool:
    """Whether a transfer in `table` that the database refused can be made now: the ledger was
    missing, and is there since. False where it had another cause.

    Raises `tables.WrongShape` or LedgerClosed where the ledger is the cause; nothing has changed.
    """
    if error.sqlstate == tables.UNDEFINED_TABLE:
        # Nothing is made for accounts that are not there.
        if not tables.exists(connections, table):
            return False
        if not tables.exists(connections, TABLE):
            _make(connections)
        return True
    if error.sqlstate != _PERMISSION_DENIED:
        _check(connections)
    elif not _asked(connections, "transfers/open.sql"):
        raise _closed(error) from error
    return False


def wrong(fault: str) -> tables.WrongShape:
    """The refusal of a table `transfers` that has this fault."""
    return tables.not_the_workshops(TABLE, fault)


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


def _check(connections: Connections) -> None:
    if not tables.is_there(connections, TABLE):
        if _asked(connections, "catalog/relation_exists.sql", schema="public", name=TABLE):
            raise wrong("it is no table")
        return
    if not _asked(connections, "transfers/unique_key.sql"):
        raise wrong("column key is no unique key")


def _asked(connections: Connections, path: str, **values: str) -> bool:
    row = read_alone(connections, lambda c: c.execute(statement(path), values).fetchone())
    return bool(row and row[0])


def _closed(error: SqlError) -> LedgerClosed:
    return LedgerClosed(
        f"The role may not use the ledger, table {TABLE}: {error.message}.",
        hint="Let admin run sql/schema/transfers.sql and grant SELECT, INSERT on it; or move money "
        "without a key.",
        sqlstate=error.sqlstate,
    )

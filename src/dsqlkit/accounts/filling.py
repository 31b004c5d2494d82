"""Making table `accounts` and filling it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Final

from dsqlkit import tables
from dsqlkit.connection import Connection, Connections
from dsqlkit.errors import DsqlkitError, UsageError
from dsqlkit.queries import statement
from dsqlkit.quotas import MAX_ROWS
from dsqlkit.transaction import run

MAX_ACCOUNTS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Initialised:
    """The table as it is after `initialise`: its rows and their sum, read back from it."""

    table: str
    accounts: int
    total_balance: Decimal
    elapsed_ms: float


def check_count(count: int) -> None:
    """Raise UsageError unless that many accounts can be made."""
    if not 1 <= count <= MAX_ACCOUNTS:
        raise UsageError(f"The count must be from 1 to {MAX_ACCOUNTS:,}.")


def initialise(
    connections: Connections, count: int = 1000, opening: Decimal = Decimal(100)
) -> Initialised:
    """Make table `accounts` and fill it anew with ids 1 to `count`, each holding `opening`.

    Rows that are there are deleted. Refilling fewer than 1,500 accounts is one transaction; beyond
    that DSQL's limit of 3,000 rows a transaction makes it several.
    """
    check_count(count)
    started = time.monotonic()
    tables.create(connections, "accounts")
    emptied, filled = False, 0
    while not emptied or filled < count:
        step = partial(_replace_some, emptied=emptied, filled=filled, count=count, opening=opening)
        emptied, filled = run(connections, step).value
    total = run(connections, lambda c: c.execute(statement("accounts/total.sql")).fetchone()).value
    if total is None:
        raise DsqlkitError("The table gave no total.")
    return Initialised("accounts", total[0], total[1], (time.monotonic() - started) * 1000)


def ensure(connections: Connections, say: Callable[[str], None]) -> None:
    """Make accounts 1 to 1000 unless table `accounts` has rows; `say` hears of it.

    Of several at once, one makes them. Raises WrongShape for a table that is somebody else's.
    """
    tables.have(connections, "accounts")
    if not tables.has_rows(connections, "accounts"):
        say("Making accounts 1 to 1000")
        run(connections, _fill_if_empty)


def _fill_if_empty(connection: Connection) -> None:
    """Of two that do this at once one commits; the other is run again, and finds the rows."""
    row = connection.execute(statement("accounts/any.sql")).fetchone()
    if row is None or not row[0]:
        values = {"first_id": 1, "last_id": 1000, "balance": Decimal(100)}
        connection.execute(statement("accounts/fill.sql"), values)


def _replace_some(
    connection: Connection, emptied: bool, filled: int, count: int, opening: Decimal
) -> tuple[bool, int]:
    """Delete, then insert, as many rows as one transaction may change; the progress after it."""
    room = MAX_ROWS
    if not emptied:
        # At the first go this leaves room for the new rows, so that a usual refill is atomic.
        limit = room - count if count < room else room
        deleted = connection.execute(statement("accounts/empty.sql"), {"rows": limit}).rowcount
        if deleted == limit:
            return False, filled
        room -= deleted
    last = min(count, filled + room)
    if last > filled:
        values = {"first_id": filled + 1, "last_id": last, "balance": opening}
        connection.execute(statement("accounts/fill.sql"), values)
    return True, last

"""The bank of chapters 3 to 6: accounts with integer ids in `accounts`, with UUIDs in `accounts2`.

Money is Decimal from the command line to the database and back.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Final, TypeAlias, TypeVar
from uuid import UUID

from dsqlkit import tables
from dsqlkit.connection import Connection, Connections
from dsqlkit.errors import (
    AccountNotFound,
    DsqlkitError,
    InsufficientBalance,
    SqlError,
    UsageError,
)
from dsqlkit.queries import statement
from dsqlkit.quotas import MAX_ROWS
from dsqlkit.transaction import Conflict, Outcome, Retry, RetryPolicy, run

T = TypeVar("T")
AccountId: TypeAlias = int | UUID

MAX_ACCOUNTS: Final = 1_000_000

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")
# Money is numeric(18,6) on DSQL: twelve digits before the point, six after it.
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")


@dataclass(frozen=True, slots=True)
class Balance:
    """One account and what it holds."""

    id: AccountId
    balance: Decimal


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer that was committed.

    `transaction_ms` runs from the first BEGIN to the answer of the COMMIT, retries and their
    waits (`waited_ms`) included; `conflicts` has one entry for each attempt that was retried.
    """

    table: str
    payer_balance: Decimal
    attempts: int
    transaction_ms: float
    waited_ms: float
    conflicts: tuple[Conflict, ...]


@dataclass(frozen=True, slots=True)
class Initialised:
    """The table as it is after `initialise`: its rows and their sum, read back from it."""

    table: str
    accounts: int
    total_balance: Decimal
    elapsed_ms: float


def parse_id(text: str) -> AccountId:
    """An account's id: an integer or a UUID. Raises UsageError for anything else."""
    if _INTEGER.fullmatch(text):
        return int(text)
    if _UUID.fullmatch(text):
        return UUID(text)
    raise UsageError(
        f"{text!r} is not an account's id.",
        hint="Give an integer (table accounts) or a UUID (table accounts2).",
    )


def parse_amount(text: str, *, zero: bool = False) -> Decimal:
    """An amount of money in plain decimals: more than zero, at most 6 decimal places.

    `zero` allows 0 as well (an opening balance). Raises UsageError for anything else.
    """
    if not _AMOUNT.fullmatch(text):
        raise UsageError(
            f"{text!r} is not an amount of money.",
            hint="Write it in plain decimals, with at most 12 digits before and 6 after the "
            "point: 10 or 0.25.",
        )
    amount = Decimal(text)
    if amount == 0 and not zero:
        raise UsageError("The amount must be more than zero.")
    return amount


def table_of(account: AccountId) -> str:
    """The table that holds ids of this kind."""
    return "accounts2" if isinstance(account, UUID) else "accounts"


def check_pair(payer: AccountId, payee: AccountId) -> None:
    """Raise UsageError unless the two are different accounts of one table."""
    if table_of(payer) != table_of(payee):
        raise UsageError(
            "Payer and payee must be ids of one kind: two integers or two UUIDs.",
            hint="Integers are in table accounts, UUIDs in accounts2; a transfer stays in one.",
        )
    if payer == payee:
        raise UsageError("Payer and payee must be different accounts.")


def check_count(count: int) -> None:
    """Raise UsageError unless that many accounts can be made."""
    if not 1 <= count <= MAX_ACCOUNTS:
        raise UsageError(f"The count must be from 1 to {MAX_ACCOUNTS:,}.")


def balance(connections: Connections, account: AccountId) -> Balance:
    """Read one balance. Raises AccountNotFound."""
    table = table_of(account)
    query = statement(f"queries/{table}_balance.sql")

    def read(connection: Connection) -> Decimal:
        row = connection.execute(query, {"id": account}).fetchone()
        if row is None:
            raise AccountNotFound(f"Account {account} not found.", hint=_HOW_TO_MAKE[table])
        held: Decimal = row[0]
        return held

    return Balance(account, _run(connections, table, read).value)


def transfer(
    connections: Connections,
    payer: AccountId,
    payee: AccountId,
    amount: Decimal,
    policy: RetryPolicy | None = None,
    on_retry: Callable[[Retry], None] | None = None,
) -> Transfer:
    """Move `amount` from payer to payee in one transaction, retrying conflicts.

    Raises UsageError for a pair or an amount that can never work, AccountNotFound,
    InsufficientBalance, and what `transaction.run` raises. After any of them nothing has changed,
    OutcomeUnknown excepted.
    """
    check_pair(payer, payee)
    if not (amount.is_finite() and amount > 0):
        raise UsageError("The amount must be more than zero.")
    table = table_of(payer)
    debit = statement(f"queries/{table}_debit.sql")
    credit = statement(f"queries/{table}_credit.sql")

    def move(connection: Connection) -> Decimal:
        row = connection.execute(debit, {"payer": payer, "amount": amount}).fetchone()
        if row is None:
            raise AccountNotFound("Payer account not found.", hint=_HOW_TO_MAKE[table])
        left: Decimal = row[0]
        if left < 0:
            held = plain(left + amount)
            raise InsufficientBalance(
                f"Insufficient balance: account {payer} holds {held}.", after=left
            )
        if connection.execute(credit, {"payee": payee, "amount": amount}).rowcount != 1:
            raise AccountNotFound("Payee account not found.", hint=_HOW_TO_MAKE[table])
        return left

    outcome = _run(connections, table, move, policy, on_retry)
    return Transfer(
        table=table,
        payer_balance=outcome.value,
        attempts=outcome.attempts,
        transaction_ms=outcome.elapsed_s * 1000,
        waited_ms=outcome.waited_s * 1000,
        conflicts=outcome.conflicts,
    )


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


def plain(money: Decimal) -> str:
    """Money as it is shown everywhere: in plain decimals without trailing zeros, 90 or 0.5."""
    text = f"{money:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


_HOW_TO_MAKE = {
    "accounts": "`dsqlkit init-accounts` makes accounts 1 to 1000.",
    "accounts2": "`dsqlkit load` makes accounts with UUIDs, and a file of them.",
}


def _run(
    connections: Connections,
    table: str,
    work: Callable[[Connection], T],
    policy: RetryPolicy | None = None,
    on_retry: Callable[[Retry], None] | None = None,
) -> Outcome[T]:
    """`transaction.run`, with a hint where the table is not there yet."""
    try:
        return run(connections, work, policy, on_retry)
    except SqlError as error:
        if error.sqlstate == tables.UNDEFINED_TABLE:
            error.hint = _HOW_TO_MAKE[table]
        raise


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

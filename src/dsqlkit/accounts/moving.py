"""A transfer: one transaction that moves money between two accounts, once for each key."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow

from dsqlkit import tables
from dsqlkit.accounts import ledger
from dsqlkit.accounts.asking import ask, is_asked_otherwise
from dsqlkit.accounts.ids import HOW_TO_MAKE, AccountId, check_pair, table_of
from dsqlkit.accounts.money import PLACES, plain
from dsqlkit.connection import Connection, Connections
from dsqlkit.errors import (
    AccountNotFound,
    InsufficientBalance,
    OutcomeUnknown,
    SqlError,
    UsageError,
)
from dsqlkit.round_trips import Answer
from dsqlkit.settling import run_settled
from dsqlkit.sql_errors import Conflict
from dsqlkit.transaction import Retry, RetryPolicy, run


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer that was committed: by this call, or `replayed`, by an earlier one with its key.

    `transaction_ms` runs from the first BEGIN to the last answer, retries and their waits
    (`waited_ms`) included; `conflicts` has one entry for each attempt that was retried, `doubts`
    counts the answers to a COMMIT that were lost and found out. `payer_balance` is what the payer
    had left right after the transfer.
    """

    table: str
    payer_balance: Decimal
    attempts: int
    transaction_ms: float
    waited_ms: float
    conflicts: tuple[Conflict, ...]
    key: UUID | None = None
    replayed: bool = False
    doubts: int = 0


def transfer(
    connections: Connections,
    payer: AccountId,
    payee: AccountId,
    amount: Decimal,
    policy: RetryPolicy | None = None,
    on_retry: Callable[[Retry], None] | None = None,
    *,
    key: UUID | None = None,
    on_doubt: Callable[[int], None] | None = None,
    notice: Callable[[str], None] = lambda _: None,
) -> Transfer:
    """Move `amount` from payer to payee in one transaction, retrying conflicts.

    With a `key` it happens once, however often and from wherever it is called: the key is written
    to the ledger (table `transfers`, made where it is missing) in the same transaction. A call with
    a key that is there already answers what the first one did, and moves nothing. A lost answer to
    COMMIT is found out by the key, within the policy's deadline; `on_doubt` is told how many were
    lost by then. Without a key nobody can tell, and OutcomeUnknown is raised.

    The statements go to the server together, and COMMIT once their answers are good: two round
    trips. Where libpq or the server takes no pipelines, each makes its own; `notice` hears of it.

    Raises UsageError for a pair or an amount that can never work, AccountNotFound,
    InsufficientBalance, `ledger.KeyUsed` for the key of another transfer, `tables.WrongShape`
    and `ledger.LedgerClosed` for a ledger that cannot be used, and what `transaction.run` raises.
    After any of them nothing has changed, OutcomeUnknown excepted.
    """
    check_pair(payer, payee)
    if not (amount.is_finite() and amount > 0):
        raise UsageError("The amount must be more than zero.")
    if amount != round(amount, PLACES):
        raise UsageError(f"The amount must have at most {PLACES} decimal places.")
    move = _Move(connections, payer, payee, amount, key, notice)
    policy = policy or RetryPolicy()

    def retry(seen: Retry) -> None:
        move.conflicts.append(seen.conflict)
        move.waited_s += seen.wait_s
        if on_retry is not None:
            on_retry(seen)

    def doubt(_: OutcomeUnknown) -> None:
        move.doubts += 1
        if on_doubt is not None:
            on_doubt(move.doubts)

    while True:
        try:
            if key is None:
                left = run(connections, move, policy, retry, work_begins=True).value
            else:
                left = run_settled(connections, move, policy, retry, doubt, work_begins=True).value
            return move.done(left, attempts=len(move.conflicts) + move.doubts + 1)
        except _Made as made:
            return move.found(made.entry)
        except OutcomeUnknown as error:
            raise move.unknown(error) from error
        except SqlError as error:
            if not move.may_go_on(error):
                raise


def rehearse(
    connections: Connections, payer: AccountId, payee: AccountId, amount: Decimal, key: UUID
) -> None:
    """Send all that a transfer sends but COMMIT, and roll it back: to warm up.

    Raises what `transfer` raises.
    """
    move = _Move(connections, payer, payee, amount, key, lambda _: None)

    def work(connection: Connection) -> None:
        move(connection)
        raise _Rehearsed

    with suppress(_Rehearsed):
        run(connections, work, work_begins=True)


class _Rehearsed(Exception):
    """A rehearsal is over."""


class _Made(Exception):
    """The key is in the ledger: the money has moved."""

    def __init__(self, entry: ledger.Entry) -> None:
        self.entry = entry


@dataclass(eq=False, slots=True)
class _Move:
    """One transfer under way. Called with a connection, it sends a transaction's statements."""

    connections: Connections
    payer: AccountId
    payee: AccountId
    amount: Decimal
    key: UUID | None
    notice: Callable[[str], None]
    conflicts: list[Conflict] = field(default_factory=list)
    waited_s: float = 0.0
    doubts: int = 0
    ledger_made: bool = False
    started: float | None = None

    @property
    def table(self) -> str:
        return table_of(self.payer)

    def __call__(self, connection: Connection) -> Decimal:
        """The payer's balance after the transfer, which is to be committed."""
        if self.started is None:
            self.started = time.monotonic()
        values = {
            "key": self.key,
            "payer": self.payer,
            "payee": self.payee,
            "amount": self.amount,
        }
        # The ledger first, so that a key which is there is noticed whatever the rest would say.
        parts = ("debit", "credit") if self.key is None else ("ledger", "debit", "credit")
        questions = [(f"queries/{self.table}_{part}.sql", values) for part in parts]
        answers = ask(self.connections, connection, questions, self.notice)
        given = dict(zip(parts, answers.given, strict=False))
        if answers.refusal is not None:
            if "debit" in given and isinstance(answers.refusal, psycopg.DataError):
                # Too large an amount overflows the payee; what came before that says more.
                self._check_key(connection, given)
                self._left(given)
            raise answers.refusal
        written = self._check_key(connection, given)
        left = self._left(given)
        if given["credit"].rowcount != 1:
            raise AccountNotFound("Payee account not found.", hint=HOW_TO_MAKE[self.table])
        if self.key is not None and written != (self.key, self.amount, round(left, PLACES)):
            raise ledger.wrong("it does not keep what is written as it is")
        return left

    def done(self, left: Decimal, attempts: int, *, replayed: bool = False) -> Transfer:
        assert self.started is not None, "it has run"
        return Transfer(
            table=self.table,
            payer_balance=left,
            attempts=attempts,
            transaction_ms=(time.monotonic() - self.started) * 1000,
            waited_ms=self.waited_s * 1000,
            conflicts=tuple(self.conflicts),
            key=self.key,
            replayed=replayed,
            doubts=self.doubts,
        )

    def found(self, entry: ledger.Entry) -> Transfer:
        """What the ledger has under the key. Raises KeyUsed where that is another transfer."""
        ours = (self.table, str(self.payer), str(self.payee), self.amount)
        if (entry.table, entry.payer, entry.payee, entry.amount) != ours:
            raise ledger.KeyUsed(
                f"Key {entry.key} was used for another transfer: {plain(entry.amount)} from "
                f"{entry.payer} to {entry.payee} in table {entry.table}. Nothing changed.",
                hint="Give a new key to a new transfer.",
            )
        attempts = len(self.conflicts) + max(self.doubts, 1)
        return self.done(entry.payer_balance, attempts, replayed=self.doubts == 0)

    def unknown(self, error: OutcomeUnknown) -> OutcomeUnknown:
        """The error, with what a key is good for where there is one."""
        if self.key is None:
            return error
        return OutcomeUnknown(
            f"The answer to COMMIT was lost, and what became of transfer {self.key} could not be "
            "found out in time: it may or may not have happened.",
            hint="Ask for the same transfer with the same key again: it happens once.",
        )

    def may_go_on(self, error: SqlError) -> bool:
        """Whether a refusal was of what can be done another way, which has been prepared then."""
        if is_asked_otherwise(self.connections, error, self.notice):
            return True
        if self.key is not None and not self.ledger_made:
            self.ledger_made = ledger.ready_after(self.connections, error, self.table)
            if self.ledger_made:
                return True
        if error.sqlstate == tables.UNDEFINED_TABLE:
            error.hint = HOW_TO_MAKE[self.table]
        return False

    def _check_key(self, connection: Connection, given: Mapping[str, Answer]) -> TupleRow | None:
        """What was written to the ledger. Raises _Made where the key had been there before."""
        if self.key is None:
            return None
        if not given["ledger"].rows:
            connection.execute("ROLLBACK", prepare=False)
            entry = ledger.read(connection, self.key)
            if entry is None:
                raise ledger.wrong("it does not keep what is written to it")
            raise _Made(entry)
        return given["ledger"].rows[0]

    def _left(self, given: Mapping[str, Answer]) -> Decimal:
        """What the payer has left, which is not less than nothing."""
        if not given["debit"].rows:
            raise AccountNotFound("Payer account not found.", hint=HOW_TO_MAKE[self.table])
        left: Decimal = given["debit"].rows[0][0]
        if left < 0:
            held = plain(left + self.amount)
            raise InsufficientBalance(
                f"Insufficient balance: account {self.payer} holds {held}.", after=left
            )
        return left

"""Two transactions race for one row, step by step: whoever commits first wins.

Both read an account and both add to its balance. Neither waits for the other; which of them wrote
first does not matter. The change of the winner is taken back at the end.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import psycopg

from dsqlkit import accounts
from dsqlkit.accounts import AccountId, plain
from dsqlkit.connection import Connection, Connections
from dsqlkit.errors import OutcomeUnknown
from dsqlkit.queries import statement
from dsqlkit.sql_errors import conflict_of, ends_session, sql_error
from dsqlkit.transaction import run

FIRST: Final = "A"
SECOND: Final = "B"

_ADDS: Final = {FIRST: Decimal(1), SECOND: Decimal(2)}
# B writes last and commits first: on a database that locks rows, it would wait for A.
_SCHEDULE: Final = (
    (FIRST, "BEGIN"),
    (SECOND, "BEGIN"),
    (FIRST, "SELECT"),
    (SECOND, "SELECT"),
    (FIRST, "UPDATE"),
    (SECOND, "UPDATE"),
    (SECOND, "COMMIT"),
    (FIRST, "COMMIT"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of one transaction, and its answer: a command tag, a balance, or an error.

    `sqlstate` is set when the answer was a conflict.
    """

    number: int
    transaction: str
    statement: str
    answer: str
    sqlstate: str | None = None


@dataclass(frozen=True, slots=True)
class Race:
    """A race that is over.

    `winner` and `loser` are transactions (`A` or `B`), or None where both failed or both were
    committed; `loser_step` is the statement at which the loser was told. `left` is what the account
    held after the race, `taken_back` what was then taken off it again.
    """

    account: AccountId
    steps: tuple[Step, ...]
    winner: str | None
    loser: str | None
    loser_sqlstate: str | None
    loser_step: str | None
    left: Decimal
    taken_back: Decimal


def race(one: Connections, other: Connections, account: AccountId = 1) -> Race:
    """Let two transactions race for one account, each on a connection of its own.

    Raises AccountNotFound, SqlError for a refusal that is no conflict, ConnectionFailed when a
    connection breaks, OutcomeUnknown when one breaks while a COMMIT is under way. What was
    committed is taken back in any case.
    """
    accounts.balance(one, account)
    steps: list[Step] = []
    try:
        with one.connection() as first, other.connection() as second:
            connections = {FIRST: first, SECOND: second}
            try:
                for who, word in _SCHEDULE:
                    if who not in _failed(steps):
                        number = len(steps) + 1
                        steps.append(_step(number, who, word, connections[who], account))
            finally:
                for connection in connections.values():
                    _leave(connection)
        left = accounts.balance(one, account).balance
    finally:
        added = sum((_ADDS[who] for who in _committed(steps)), Decimal(0))
        if added:
            _add(one, account, -added)
    return _result(account, steps, left, added)


def _step(number: int, who: str, word: str, connection: Connection, account: AccountId) -> Step:
    table = accounts.table_of(account)
    query: str = word
    values: dict[str, AccountId | Decimal] | None = None
    if word == "SELECT":
        query, values = statement(f"queries/{table}_balance.sql"), {"id": account}
    elif word == "UPDATE":
        query = statement(f"queries/{table}_credit.sql")
        values = {"payee": account, "amount": _ADDS[who]}
    # It writes values into the text, so that what is shown is what is sent.
    cursor = psycopg.ClientCursor(connection)
    shown = cursor.mogrify(query, values)
    try:
        cursor.execute(query, values)
        answer = str(cursor.statusmessage)
        if word == "SELECT":
            row = cursor.fetchone()
            answer = "no row" if row is None else plain(row[0])
    except psycopg.Error as error:
        if conflict_of(error.sqlstate, str(error)) is not None:
            told = error.diag.message_primary or str(error)
            return Step(number, who, shown, told, error.sqlstate)
        if word == "COMMIT" and (connection.closed or ends_session(error)):
            raise OutcomeUnknown(
                f"The connection broke while transaction {who} was being committed.",
                hint=f"Account {account} may hold {_ADDS[who]} too much: look before you go on.",
            ) from error
        raise sql_error(error) from error
    return Step(number, who, shown, answer)


def _failed(steps: list[Step]) -> set[str]:
    return {step.transaction for step in steps if step.sqlstate is not None}


def _committed(steps: list[Step]) -> list[str]:
    return [step.transaction for step in steps if step.answer == "COMMIT"]


def _leave(connection: Connection) -> None:
    """End what transaction there is."""
    if not connection.closed:
        connection.rollback()


def _add(connections: Connections, account: AccountId, amount: Decimal) -> None:
    query = statement(f"queries/{accounts.table_of(account)}_credit.sql")
    run(connections, lambda c: c.execute(query, {"payee": account, "amount": amount}))


def _result(account: AccountId, steps: list[Step], left: Decimal, added: Decimal) -> Race:
    committed = _committed(steps)
    failures = [step for step in steps if step.sqlstate is not None]
    lost = failures[0] if len(failures) == 1 else None
    return Race(
        account=account,
        steps=tuple(steps),
        winner=committed[0] if len(committed) == 1 else None,
        loser=lost.transaction if lost else None,
        loser_sqlstate=lost.sqlstate if lost else None,
        loser_step=lost.statement if lost else None,
        left=left,
        taken_back=added,
    )

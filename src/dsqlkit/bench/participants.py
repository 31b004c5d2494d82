"""The accounts that a bench moves money between."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from psycopg.rows import TupleRow

from dsqlkit import accounts
from dsqlkit.accounts import AccountId, parse_id, table_of
from dsqlkit.accounts.ids import HOW_TO_MAKE
from dsqlkit.connection import Connection, Connections
from dsqlkit.errors import AccountNotFound, DsqlkitError, SqlError, UsageError
from dsqlkit.queries import statement
from dsqlkit.tables import UNDEFINED_TABLE
from dsqlkit.transaction import read_alone, run

FEWEST: Final = 2

_BATCH: Final = 10_000
_LONGEST_LINE: Final = 1024
"""Of a file of ids; more is read as another line, for some files (/dev/zero) have no lines."""


@dataclass(frozen=True, slots=True)
class Participants:
    """Ids of one table, at least two. Where nobody else knows of them, `own`, what they hold
    together tells whether money was made or lost; otherwise what the whole table holds.
    """

    table: str
    ids: Sequence[AccountId]
    own: bool = False


class TooFewAccounts(DsqlkitError):
    """Fewer accounts than the bench is to use."""

    code = "too_few_accounts"


def check_hot(hot: int | None) -> None:
    """Raise UsageError for a number of accounts that no transfer fits in."""
    if hot is not None and hot < FEWEST:
        raise UsageError(f"A transfer needs {FEWEST} accounts, not {hot}.")


def read_ids(path: Path, hot: int | None = None) -> Participants:
    """The ids of a file, one a line, as `load` writes it; with `hot` its first so many.

    Raises UsageError for a file that cannot be read, a line that is no id or of another kind than
    the first, and for too few ids. An id that comes twice counts once.
    """
    check_hot(hot)
    ids: dict[AccountId, None] = {}
    table = ""
    try:
        with path.open(encoding="ascii", errors="replace") as lines:
            for number, line in enumerate(iter(lambda: lines.readline(_LONGEST_LINE), ""), 1):
                if hot is not None and len(ids) == hot:
                    break
                if not line.strip():
                    continue
                account = _id(path, number, line.strip())
                if table and table_of(account) != table:
                    raise UsageError(
                        f"Line {number} of {path} is an id of table {table_of(account)}, and those "
                        f"before it are of {table}.",
                        hint="Give a file with ids of one kind.",
                    )
                table = table_of(account)
                ids[account] = None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    wanted = hot or FEWEST
    if len(ids) < wanted:
        found = "1 id" if len(ids) == 1 else f"{len(ids)} different ids"
        raise UsageError(
            f"{path} has {found}; {wanted:,} are needed.",
            hint="`dsqlkit load` writes a file of ids.",
        )
    return Participants(table, list(ids))


def from_file(connections: Connections, participants: Participants) -> Participants:
    """The same, once it is sure that all are there. Raises AccountNotFound for one that is not."""
    query = statement(f"bench/{participants.table}_missing.sql")
    for first in range(0, len(participants.ids), _BATCH):
        values = {"ids": list(participants.ids[first : first + _BATCH])}
        try:
            row = run(connections, partial(_one, query=query, values=values)).value
        except SqlError as error:
            if error.sqlstate == UNDEFINED_TABLE:
                error.hint = HOW_TO_MAKE[participants.table]
            raise
        if row is not None:
            raise AccountNotFound(
                f"Account {row[0]} of the file is not in table {participants.table}.",
                hint="`dsqlkit load --verify` compares a file of ids with the table.",
            )
    return participants


def from_accounts(
    connections: Connections, hot: int | None = None, say: Callable[[str], None] = lambda _: None
) -> Participants:
    """The accounts of table `accounts`, or the first `hot` of them by id. The table is made and
    filled where it is empty; `say` hears of it.

    Raises TooFewAccounts.
    """
    check_hot(hot)
    accounts.ensure(connections, say)
    query = statement("bench/accounts_ids.sql")
    values = {"count": hot or accounts.MAX_ACCOUNTS}
    rows = read_alone(connections, lambda c: c.execute(query, values).fetchall())
    wanted = hot or FEWEST
    if len(rows) < wanted:
        there = "1 account" if len(rows) == 1 else f"{len(rows):,} accounts"
        raise TooFewAccounts(
            f"Table accounts has {there}; {wanted:,} are needed.",
            hint="`dsqlkit init-accounts --count N` makes more.",
        )
    return Participants("accounts", [row[0] for row in rows])


def _one(connection: Connection, query: str, values: dict[str, Any]) -> TupleRow | None:
    return connection.execute(query, values).fetchone()


def _id(path: Path, number: int, text: str) -> AccountId:
    try:
        return parse_id(text)
    except UsageError as error:
        shown = text if len(text) <= 40 else f"{text[:37]}..."
        raise UsageError(f"Line {number} of {path} is no id: {shown!r}.", hint=error.hint) from None

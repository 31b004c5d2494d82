"""Accounts that a chapter opens for itself, and removes at its end.

On a cluster that a class shares, others transfer between accounts 1 to 1000 at any moment: what
these hold together before and after proves nothing. What nobody else knows of adds up.
"""

import random
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from dsqlkit.accounts import MAX_ACCOUNTS
from dsqlkit.connection import Connections
from dsqlkit.errors import DsqlkitError, Interrupted
from dsqlkit.queries import statement
from dsqlkit.transaction import run

OPENING: Final = Decimal(100)

_GROUP: Final = 100
"""Ids are from a random group of this many, above those that `init-accounts` makes."""
_LAST_ID: Final = 9_999_999
"""Seven digits, to be read with ease."""


@dataclass(frozen=True, slots=True)
class OwnAccounts:
    """Accounts `first` to `last`, opened with 100 each."""

    first: int
    last: int

    @property
    def count(self) -> int:
        return self.last - self.first + 1

    @property
    def ids(self) -> range:
        return range(self.first, self.last + 1)


@contextmanager
def own_accounts(connections: Connections, count: int) -> Generator[OwnAccounts, None, None]:
    """Open `count` accounts (at most 100) for the length of the block; table accounts must exist.

    Raises what `transaction.run` raises, and Interrupted with their ids when they could not be
    removed after an interruption.
    """
    # Two at once take one group once in 90,000 times; the second is refused (23505).
    first = random.randrange(MAX_ACCOUNTS, _LAST_ID - _GROUP, _GROUP) + 1  # noqa: S311 - no secret
    own = OwnAccounts(first, first + count - 1)
    values = {"first_id": own.first, "last_id": own.last, "balance": OPENING}
    run(connections, lambda c: c.execute(statement("accounts/fill.sql"), values))
    try:
        yield own
    except BaseException as error:
        try:
            _remove(connections, own)
        except DsqlkitError:
            left = f"Accounts {own.first} to {own.last} of table accounts are left."
            if isinstance(error, KeyboardInterrupt | Interrupted):
                raise Interrupted(f"Interrupted. {left}") from error
        raise
    _remove(connections, own)


def total(connections: Connections, own: OwnAccounts) -> Decimal:
    """What they hold together."""
    query = statement("accounts/total_of.sql")
    values = {"first_id": own.first, "last_id": own.last}
    row = run(connections, lambda c: c.execute(query, values).fetchone()).value
    assert row is not None, "an aggregate always gives a row"
    held: Decimal = row[0]
    return held


def _remove(connections: Connections, own: OwnAccounts) -> None:
    values = {"first_id": own.first, "last_id": own.last}
    run(connections, lambda c: c.execute(statement("accounts/remove.sql"), values))

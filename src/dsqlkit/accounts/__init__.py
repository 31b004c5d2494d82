"""The bank of chapters 3 to 6: accounts with integer ids in `accounts`, with UUIDs in `accounts2`.

Money is Decimal from the command line to the database and back. `ledger` is the table that holds
each transfer made with a key.
"""

from dsqlkit.accounts.balances import Balance, balance
from dsqlkit.accounts.filling import (
    MAX_ACCOUNTS,
    Initialised,
    check_count,
    ensure,
    initialise,
)
from dsqlkit.accounts.ids import AccountId, check_pair, parse_id, parse_key, table_of
from dsqlkit.accounts.money import parse_amount, plain
from dsqlkit.accounts.moving import Transfer, rehearse, transfer

__all__ = [
    "MAX_ACCOUNTS",
    "AccountId",
    "Balance",
    "Initialised",
    "Transfer",
    "balance",
    "check_count",
    "check_pair",
    "ensure",
    "initialise",
    "parse_amount",
    "parse_id",
    "parse_key",
    "plain",
    "rehearse",
    "table_of",
    "transfer",
]

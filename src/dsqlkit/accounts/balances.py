"""Reading one account's balance."""

from dataclasses import dataclass
from decimal import Decimal

from dsqlkit import tables
from dsqlkit.accounts.ids import HOW_TO_MAKE, AccountId, table_of
from dsqlkit.connection import Connection, Connections
from dsqlkit.errors import AccountNotFound, SqlError
from dsqlkit.queries import statement
from dsqlkit.transaction import run


@dataclass(frozen=True, slots=True)
class Balance:
    """One account and what it holds."""

    id: AccountId
    balance: Decimal


def balance(connections: Connections, account: AccountId) -> Balance:
    """Read one balance. Raises AccountNotFound, and what `transaction.run` raises."""
    table = table_of(account)
    query = statement(f"queries/{table}_balance.sql")

    def read(connection: Connection) -> Decimal:
        row = connection.execute(query, {"id": account}).fetchone()
        if row is None:
            raise AccountNotFound(f"Account {account} not found.", hint=HOW_TO_MAKE[table])
        held: Decimal = row[0]
        return held

    try:
        return Balance(account, run(connections, read).value)
    except SqlError as error:
        if error.sqlstate == tables.UNDEFINED_TABLE:
            error.hint = HOW_TO_MAKE[table]
        raise

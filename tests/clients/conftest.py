"""A ledger with two accounts, and what every client needs to know to reach the local cluster.

Each client signs in with a token over verified TLS, reads, writes, and loses a race at its COMMIT.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from decimal import Decimal
from typing import Any

import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.token import TokenSigner

HOST = "local.dsql.us-east-1.on.aws"
"""The local cluster's name that fits the rules of AWS's connectors; it is at 127.0.0.1."""

_LEDGER = """
CREATE TABLE ledger (
    id int PRIMARY KEY,
    balance numeric(18,6) NOT NULL,
    note text,
    moved_at timestamptz,
    batch uuid,
    sealed boolean,
    scan bytea
)
"""


@pytest.fixture(scope="session")
def signer(endpoint: Endpoint) -> TokenSigner:
    return TokenSigner(endpoint)


@pytest.fixture(scope="module")
def witness(endpoint: Endpoint, signer: TokenSigner) -> Iterator[Connection]:
    """A connection of the tests' own, to see what a client did, and to race with it."""
    with connect(endpoint, signer) as connection:
        connection.execute("DROP TABLE IF EXISTS ledger")
        connection.execute(_LEDGER)
        yield connection
        connection.execute("DROP TABLE ledger")


class Ledger:
    """The table's content as seen past the client under test, and the other side of its race."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def balances(self) -> list[Decimal]:
        return [
            row[0]
            for row in self.connection.execute("SELECT balance FROM ledger ORDER BY id").fetchall()
        ]

    def win_a_race(self) -> None:
        """Change account 1, and commit at once."""
        self.connection.execute("UPDATE ledger SET balance = 1 WHERE id = 1")


@pytest.fixture
def ledger(witness: Connection) -> Ledger:
    """Accounts 1 and 2 with 100 each."""
    witness.execute("DELETE FROM ledger")
    witness.execute("INSERT INTO ledger (id, balance) VALUES (1, 100), (2, 100)")
    return Ledger(witness)


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run something that is asynchronous, with a limit."""

    async def limited() -> None:
        await asyncio.wait_for(work, 60)

    asyncio.run(limited())

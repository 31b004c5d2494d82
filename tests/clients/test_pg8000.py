"""pg8000: pure Python, values in text."""

import io
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pg8000.dbapi
import pytest

from dsqlkit.endpoint import Endpoint
from dsqlkit.token import TokenSigner
from tests.clients.conftest import Ledger


@pytest.fixture
def client(endpoint: Endpoint, signer: TokenSigner) -> Iterator[Any]:
    connection = pg8000.dbapi.connect(
        host=endpoint.host,
        port=endpoint.port,
        user="admin",
        database="postgres",
        password=signer.token().value,
        ssl_context=ssl.create_default_context(cafile=endpoint.root_certificate),
    )
    yield connection
    connection.close()


def test_values_go_in_and_come_out(client: Any, ledger: Ledger) -> None:
    values = (
        Decimal("12.345678"),
        "käse",
        datetime(2026, 11, 25, 12, 30, 15, 123456, tzinfo=UTC),
        UUID("0a1b2c3d-0000-4000-8000-123456789abc"),
        True,
        bytes(range(256)),
    )
    cursor = client.cursor()
    cursor.execute(
        "INSERT INTO ledger (id, balance, note, moved_at, batch, sealed, scan)"
        " VALUES (10, %s, %s, %s, %s, %s, %s)",
        values,
    )
    assert cursor.rowcount == 1
    cursor.execute("SELECT * FROM ledger WHERE id = %s", (10,))
    assert tuple(cursor.fetchone()) == (10, *values)
    client.commit()
    assert len(ledger.balances()) == 3


def test_a_transaction_moves_money_or_nothing(client: Any, ledger: Ledger) -> None:
    cursor = client.cursor()
    cursor.executemany(
        "UPDATE ledger SET balance = balance + %s WHERE id = %s", [(-10, 1), (10, 2)]
    )
    client.commit()
    assert ledger.balances() == [90, 110]
    cursor.execute("UPDATE ledger SET balance = 0")
    with pytest.raises(pg8000.dbapi.DatabaseError, match="22012"):
        cursor.execute("SELECT 1 / 0")
    client.rollback()
    assert ledger.balances() == [90, 110]


def test_copy_both_ways(client: Any, ledger: Ledger) -> None:
    rows = b"".join(b"%d\t%d.500000\n" % (each, each) for each in range(10, 1010))
    cursor = client.cursor()
    cursor.execute("COPY ledger (id, balance) FROM STDIN", stream=io.BytesIO(rows))
    out = io.BytesIO()
    cursor.execute(
        "COPY (SELECT id, balance FROM ledger WHERE id >= 10 ORDER BY id) TO STDOUT", stream=out
    )
    client.commit()
    assert out.getvalue() == rows
    assert len(ledger.balances()) == 1002


@pytest.mark.parametrize("table", ["ledger", "public.ledger"])
def test_a_transaction_that_lost_a_race_is_told_at_its_commit(
    client: Any, ledger: Ledger, table: str
) -> None:
    cursor = client.cursor()
    cursor.execute(f"SELECT balance FROM {table} WHERE id = 1")
    ledger.win_a_race()
    change = f"UPDATE {table} SET balance = balance + %s WHERE id = 1 RETURNING balance"
    cursor.execute(change, (Decimal(3),))
    assert cursor.fetchall() == ([Decimal(103)],)
    cursor.execute(change, (Decimal(2),))
    assert cursor.fetchall() == ([Decimal(105)],)
    with pytest.raises(pg8000.dbapi.DatabaseError, match="40001") as caught:
        client.commit()
    assert "OC000" in str(caught.value)
    client.rollback()
    cursor.execute("SELECT balance FROM ledger WHERE id = 1")
    assert cursor.fetchall() == ([Decimal(1)],)


def test_a_statement_that_was_sent_ahead_of_its_values_in_autocommit(
    client: Any, ledger: Ledger
) -> None:
    client.autocommit = True
    cursor = client.cursor()
    cursor.execute("UPDATE ledger SET balance = balance + %s", (Decimal(5),))
    assert cursor.rowcount == 2
    assert ledger.balances() == [105, 105]


def test_a_transaction_that_another_passed_by_goes_on(client: Any, ledger: Ledger) -> None:
    cursor = client.cursor()
    cursor.execute("UPDATE ledger SET balance = 5 WHERE id = %s", (2,))
    ledger.connection.execute("BEGIN")
    ledger.connection.execute("UPDATE ledger SET balance = 6 WHERE id = 2")
    ledger.connection.execute("ROLLBACK")
    cursor.execute("UPDATE ledger SET balance = balance + %s RETURNING balance", (1,))
    assert sorted(cursor.fetchall()) == [[Decimal(6)], [Decimal(101)]]
    client.commit()
    assert ledger.balances() == [101, 6]

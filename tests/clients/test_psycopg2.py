"""psycopg2: libpq by the simple protocol."""

import io
import threading
from collections.abc import Iterator
from typing import Any

import psycopg2
import psycopg2.errors
import psycopg2.extras
import pytest

from dsqlkit.endpoint import Endpoint
from dsqlkit.token import TokenSigner
from tests.clients.conftest import Ledger
from tests.support.processes import backends
from tests.support.waiting import eventually


def connected(endpoint: Endpoint, signer: TokenSigner, **changed: Any) -> Any:
    return psycopg2.connect(
        **{
            "host": endpoint.host,
            "hostaddr": "127.0.0.1",
            "port": endpoint.port,
            "user": "admin",
            "dbname": "postgres",
            "password": signer.token().value,
            "sslmode": "verify-full",
            "sslrootcert": endpoint.root_certificate,
            **changed,
        }
    )


@pytest.fixture
def client(endpoint: Endpoint, signer: TokenSigner) -> Iterator[Any]:
    connection = connected(endpoint, signer)
    yield connection
    connection.close()


def test_another_authority_is_not_trusted(endpoint: Endpoint, signer: TokenSigner) -> None:
    import certifi

    with pytest.raises(psycopg2.OperationalError, match="certificate verify failed"):
        connected(endpoint, signer, sslrootcert=certifi.where())


def test_a_transaction_moves_money(client: Any, ledger: Ledger) -> None:
    with client, client.cursor() as cursor:
        cursor.execute("UPDATE ledger SET balance = balance - %s WHERE id = %s", (10, 1))
        assert cursor.rowcount == 1
        cursor.execute(
            "UPDATE ledger SET balance = balance + %s WHERE id = %s RETURNING balance", (10, 2)
        )
        assert cursor.fetchone() == (110,)
    assert ledger.balances() == [90, 110]
    with pytest.raises(psycopg2.errors.DivisionByZero), client, client.cursor() as cursor:
        cursor.execute("UPDATE ledger SET balance = 0; SELECT 1 / 0")
    assert ledger.balances() == [90, 110]


def test_many_rows_in_one_statement_and_their_ids_back(client: Any, ledger: Ledger) -> None:
    with client, client.cursor() as cursor:
        ids = psycopg2.extras.execute_values(
            cursor,
            "INSERT INTO ledger (id, balance, note, scan) VALUES %s RETURNING id",
            [(each, each, f"it's {each}", b"\0\1") for each in range(10, 500)],
            page_size=200,
            fetch=True,
        )
    assert [each for (each,) in ids] == list(range(10, 500))
    assert len(ledger.balances()) == 492


def test_a_named_cursor_hands_out_rows_piece_by_piece(client: Any) -> None:
    with client, client.cursor("pieces") as cursor:
        cursor.itersize = 7
        cursor.execute("SELECT n FROM generate_series(1, 100) n")
        assert cursor.fetchmany(2) == [(1,), (2,)]
        assert [n for (n,) in cursor] == list(range(3, 101))


def test_copy_both_ways(client: Any, ledger: Ledger) -> None:
    rows = "".join(f"{each}\t{each}.500000\n" for each in range(10, 1010))
    with client, client.cursor() as cursor:
        cursor.copy_expert("COPY ledger (id, balance) FROM STDIN", io.StringIO(rows))
        assert cursor.rowcount == 1000
        out = io.StringIO()
        query = "SELECT id, balance FROM ledger WHERE id >= 10 ORDER BY id"
        cursor.copy_expert(f"COPY ({query}) TO STDOUT", out)
    assert out.getvalue() == rows
    assert len(ledger.balances()) == 1002


def test_a_statement_is_cancelled_and_the_session_goes_on(client: Any) -> None:
    def cancel() -> None:
        assert eventually(lambda: any("SELECT" in each for each in backends()))
        client.cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    with client.cursor() as cursor:
        with pytest.raises(psycopg2.errors.QueryCanceled):
            cursor.execute("SELECT pg_sleep(50)")
        canceller.join()
        client.rollback()
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_a_transaction_that_lost_a_race_is_told_at_its_commit(client: Any, ledger: Ledger) -> None:
    with client.cursor() as cursor:
        cursor.execute("SELECT balance FROM ledger WHERE id = 1")
        ledger.win_a_race()
        cursor.execute("UPDATE ledger SET balance = balance + 5 WHERE id = 1 RETURNING balance")
        assert cursor.fetchall() == [(105,)]
        with pytest.raises(psycopg2.errors.SerializationFailure, match="OC000"):
            client.commit()
        cursor.execute("SELECT balance FROM ledger WHERE id = 1")
        assert cursor.fetchone() == (1,)

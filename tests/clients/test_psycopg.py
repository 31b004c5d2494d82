"""psycopg 3: values in text and binary, cursors of both kinds, pipelines, COPY, cancel, async."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import psycopg
import pytest
from psycopg.raw_cursor import RawCursor

from dsqlkit.connection import Connection, parameters
from dsqlkit.endpoint import Endpoint
from dsqlkit.token import TokenSigner
from tests.clients.conftest import Ledger, run
from tests.support.processes import backends
from tests.support.waiting import eventually

VALUES = (
    Decimal("12.345678"),
    "käse \\ 'quoted'\t\n",
    datetime(2026, 11, 25, 12, 30, 15, 123456, tzinfo=UTC),
    UUID("0a1b2c3d-0000-4000-8000-123456789abc"),
    True,
    bytes(range(256)),
)
COLUMNS = "balance, note, moved_at, batch, sealed, scan"


@pytest.fixture
def client(endpoint: Endpoint, signer: TokenSigner) -> Iterator[Connection]:
    with psycopg.connect(**parameters(endpoint, signer)) as connection:
        yield connection


@pytest.mark.parametrize("mark", ["%t", "%b", "%s"])
@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("prepare", [False, True])
def test_values_go_in_and_come_out_in_text_and_in_binary(
    client: Connection, ledger: Ledger, mark: str, binary: bool, prepare: bool
) -> None:
    insert = f"INSERT INTO ledger (id, {COLUMNS}) VALUES ({', '.join([mark] * 7)}) RETURNING id"
    for each in (10, 11):
        cursor = client.execute(insert, (each, *VALUES), prepare=prepare, binary=binary)
        assert cursor.fetchall() == [(each,)]
    read = f"SELECT {COLUMNS} FROM ledger WHERE id >= {mark}"
    rows = client.execute(read, (10,), prepare=prepare, binary=binary).fetchall()
    assert rows == [VALUES, VALUES]
    nulls = client.execute(
        f"UPDATE ledger SET note = {mark}, scan = {mark} WHERE id = 10 RETURNING note, scan",
        (None, None),
        binary=binary,
    )
    assert nulls.fetchall() == [(None, None)]
    client.commit()
    assert len(ledger.balances()) == 4


def test_values_bound_by_the_client(client: Connection, ledger: Ledger) -> None:
    cursor = psycopg.ClientCursor(client)
    cursor.execute("UPDATE ledger SET note = %s WHERE id = %s", (VALUES[1], 1))
    assert cursor.rowcount == 1
    assert cursor.execute("SELECT note FROM ledger WHERE id = 1").fetchone() == (VALUES[1],)
    client.commit()


def test_postgres_own_placeholders_and_many_at_once(client: Connection, ledger: Ledger) -> None:
    cursor = RawCursor(client)
    cursor.executemany(
        "INSERT INTO ledger (id, balance) VALUES ($1, $2) RETURNING id",
        [(each, each) for each in range(10, 110)],
        returning=True,
    )
    got = [cursor.fetchone()]
    while cursor.nextset():
        got.append(cursor.fetchone())
    assert got == [(each,) for each in range(10, 110)]
    client.commit()
    assert len(ledger.balances()) == 102


@pytest.mark.parametrize("binary", [False, True])
def test_a_named_cursor_hands_out_rows_piece_by_piece(
    client: Connection, ledger: Ledger, binary: bool
) -> None:
    with client.cursor("pieces", binary=binary, scrollable=True) as cursor:
        cursor.itersize = 7
        cursor.execute("SELECT n FROM generate_series(%s, 100) n", (1,))
        assert cursor.fetchmany(3) == [(1,), (2,), (3,)]
        assert [n for (n,) in cursor] == list(range(4, 101))
        cursor.scroll(50, mode="absolute")
        assert cursor.fetchone() == (51,)
    assert client.execute("SELECT 1").fetchone() == (1,)
    client.commit()


def test_a_pipeline_sends_ahead_and_ends_at_its_first_error(
    client: Connection, ledger: Ledger
) -> None:
    client.autocommit = True
    with client.pipeline() as pipeline:
        updates = [
            client.execute("UPDATE ledger SET balance = balance + %s WHERE id = 1", (n,))
            for n in range(1, 101)
        ]
        pipeline.sync()
        read = client.execute("SELECT balance FROM ledger WHERE id = 1")
        assert read.fetchone() == (5150,)
        assert {each.rowcount for each in updates} == {1}
    with client.pipeline() as pipeline:
        client.execute("UPDATE ledger SET balance = 0")
        client.execute("SELECT 1 / 0")
        client.execute("SELECT 2")
        with pytest.raises(psycopg.errors.DivisionByZero):
            pipeline.sync()
    assert ledger.balances() == [5150, 100]


def test_a_pipelined_transaction_commits_as_one(client: Connection, ledger: Ledger) -> None:
    with client.pipeline(), client.transaction():
        client.execute("UPDATE ledger SET balance = balance - 10 WHERE id = 1")
        client.execute("UPDATE ledger SET balance = balance + 10 WHERE id = 2")
    assert ledger.balances() == [90, 110]


@pytest.mark.parametrize("form", ["TEXT", "BINARY"])
def test_copy_both_ways(client: Connection, ledger: Ledger, form: str) -> None:
    cursor = client.cursor()
    types = ["int4", "numeric", "text", "timestamptz", "uuid", "bool", "bytea"]
    with cursor.copy(f"COPY ledger (id, {COLUMNS}) FROM STDIN (FORMAT {form})") as copy:
        copy.set_types(types)
        for each in range(10, 1010):
            copy.write_row((each, *VALUES))
    assert cursor.rowcount == 1000
    query = f"SELECT id, {COLUMNS} FROM ledger WHERE id >= 10 ORDER BY id"
    with cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT {form})") as copy:
        copy.set_types(types)
        rows = list(copy.rows())
    assert rows == [(each, *VALUES) for each in range(10, 1010)]
    client.commit()
    assert len(ledger.balances()) == 1002


def test_a_copy_given_up_by_the_client_leaves_nothing(client: Connection, ledger: Ledger) -> None:
    cursor = client.cursor()

    def give_up() -> None:
        with cursor.copy("COPY ledger (id, balance) FROM STDIN") as copy:
            copy.write_row((10, 1))
            raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        give_up()
    client.rollback()
    assert client.execute("SELECT count(*) FROM ledger").fetchone() == (2,)


def test_a_statement_is_cancelled_and_the_session_goes_on(
    client: Connection, ledger: Ledger
) -> None:
    def cancel() -> None:
        assert eventually(lambda: any("SELECT" in each for each in backends()))
        client.cancel_safe(timeout=20)

    canceller = threading.Thread(target=cancel)
    canceller.start()
    with pytest.raises(psycopg.errors.QueryCanceled):
        client.execute("SELECT pg_sleep(50)")
    canceller.join()
    client.rollback()
    assert client.execute("SELECT 1").fetchone() == (1,)


def test_many_prepared_statements_are_made_and_let_go(client: Connection) -> None:
    client.prepare_threshold = 0
    client.prepared_max = 5
    for each in range(40):
        assert client.execute(f"SELECT %s::int + {each}", (1,)).fetchone() == (1 + each,)
        client.commit()


def test_a_transaction_that_lost_a_race_is_told_at_its_commit(
    client: Connection, ledger: Ledger
) -> None:
    assert client.execute("SELECT balance FROM ledger WHERE id = 1").fetchone() == (100,)
    ledger.win_a_race()
    changed = client.execute(
        "UPDATE ledger SET balance = balance + %s WHERE id = %s RETURNING balance", (5, 1)
    )
    assert changed.fetchall() == [(105,)]
    with pytest.raises(psycopg.errors.SerializationFailure, match="OC000"):
        client.commit()
    assert client.execute("SELECT balance FROM ledger WHERE id = 1").fetchone() == (1,)


def test_the_asynchronous_connection(
    endpoint: Endpoint,
    signer: TokenSigner,
    ledger: Ledger,
) -> None:
    async def work() -> None:
        connection = await psycopg.AsyncConnection.connect(**parameters(endpoint, signer))
        async with connection:
            async with connection.cursor("pieces") as cursor:
                await cursor.execute("SELECT id FROM ledger ORDER BY id")
                assert await cursor.fetchall() == [(1,), (2,)]
            async with connection.cursor().copy("COPY ledger (id, balance) FROM STDIN") as copy:
                await copy.write_row((3, 33))
            await connection.commit()
            await connection.execute("UPDATE ledger SET balance = 7 WHERE id = 1")
            ledger.win_a_race()
            with pytest.raises(psycopg.errors.SerializationFailure, match="OC000"):
                await connection.commit()
            async with connection.transaction():
                await connection.execute("UPDATE ledger SET balance = 7 WHERE id = 1")

    run(work())
    assert ledger.balances() == [7, 100, 33]

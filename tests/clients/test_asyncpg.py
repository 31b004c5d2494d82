"""asyncpg: a reader of the protocol of its own, binary values, statements prepared by name."""

import asyncio
import io
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from dsqlkit.endpoint import Endpoint
from dsqlkit.token import TokenSigner
from tests.clients.conftest import Ledger, run

Client = Callable[..., AbstractAsyncContextManager[Any]]

VALUES = (
    Decimal("12.345678"),
    "käse",
    datetime(2026, 11, 25, 12, 30, 15, 123456, tzinfo=UTC),
    UUID("0a1b2c3d-0000-4000-8000-123456789abc"),
    True,
    bytes(range(256)),
)
COLUMNS = ("balance", "note", "moved_at", "batch", "sealed", "scan")


@pytest.fixture
def client(endpoint: Endpoint, signer: TokenSigner) -> Client:
    @asynccontextmanager
    async def connected(*, direct: bool = True) -> Any:
        context = ssl.create_default_context(cafile=endpoint.root_certificate)
        if direct:
            context.set_alpn_protocols(["postgresql"])
        connection = await asyncpg.connect(
            host=endpoint.host,
            port=endpoint.port,
            user="admin",
            database="postgres",
            password=signer.token().value,
            ssl=context,
            direct_tls=direct,
        )
        try:
            yield connection
        finally:
            await connection.close()

    return connected


@pytest.mark.parametrize("direct", [False, True])
def test_both_ways_to_tls(client: Client, direct: bool) -> None:
    async def work() -> None:
        async with client(direct=direct) as connection:
            assert await connection.fetchval("SELECT current_user") == "admin"
            assert connection.get_server_version().major == 16

    run(work())


def test_values_go_in_and_come_out_in_binary(client: Client, ledger: Ledger) -> None:
    async def work() -> None:
        async with client() as connection:
            statement = await connection.prepare(
                f"INSERT INTO ledger (id, {', '.join(COLUMNS)})"
                " VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING *"
            )
            assert [each.type.name for each in statement.get_attributes()] == [
                *("int4", "numeric", "text", "timestamptz", "uuid", "bool", "bytea")
            ]
            for each in (10, 11):
                assert tuple(await statement.fetchrow(each, *VALUES)) == (each, *VALUES)
            rows = await connection.fetch("SELECT id FROM ledger WHERE id IN ($1, $2)", 10, 11)
            assert [row["id"] for row in rows] == [10, 11]

    run(work())
    assert len(ledger.balances()) == 4


def test_types_that_it_asks_the_catalog_for(client: Client, ledger: Ledger) -> None:
    async def work() -> None:
        async with client() as connection:
            columns = await connection.fetch(
                "SELECT column_name, data_type FROM information_schema.columns"
                " WHERE table_name = 'ledger' ORDER BY ordinal_position"
            )
            assert [row["column_name"] for row in columns] == ["id", *COLUMNS]
            await connection.set_type_codec(
                "json", encoder=str, decoder=lambda text: f"<{text}>", schema="pg_catalog"
            )
            assert await connection.fetchval("SELECT '[1]'::json") == "<[1]>"

    run(work())


def test_types_that_it_turns_jit_off_to_ask_for_are_refused(client: Client) -> None:
    """DSQL lets nobody set jit, so asyncpg finds out about no type that it does not know."""

    async def work() -> None:
        async with client() as connection:
            for sql, arguments in (("SELECT ARRAY[1]::bigint[]", []), ("SELECT $1::int[]", [[1]])):
                with pytest.raises(asyncpg.FeatureNotSupportedError, match='"jit" not supported'):
                    await connection.fetchval(sql, *arguments)
            assert await connection.fetchval("SELECT 1") == 1

    run(work())


def test_many_at_once_and_copy_both_ways(client: Client, ledger: Ledger) -> None:
    async def work() -> None:
        async with client() as connection:
            await connection.executemany(
                "INSERT INTO ledger (id, balance) VALUES ($1, $2)",
                [(each, Decimal(each)) for each in range(10, 110)],
            )
            records = [(each, *VALUES) for each in range(200, 1200)]
            copied = await connection.copy_records_to_table(
                "ledger", records=records, columns=["id", *COLUMNS]
            )
            assert copied == "COPY 1000"
            out = io.BytesIO()
            await connection.copy_from_query(
                "SELECT id, balance FROM ledger WHERE id < $1 ORDER BY id", 12, output=out
            )
            assert out.getvalue() == (
                b"1\t100.000000\n2\t100.000000\n10\t10.000000\n11\t11.000000\n"
            )
            with pytest.raises(asyncpg.UniqueViolationError):
                await connection.copy_records_to_table("ledger", records=records[:5])
            assert await connection.fetchval("SELECT count(*) FROM ledger") == 1102

    run(work())


def test_a_cursor_hands_out_rows_piece_by_piece(client: Client) -> None:
    async def work() -> None:
        async with client() as connection, connection.transaction():
            rows = connection.cursor("SELECT n FROM generate_series($1::int, 100) n", 1, prefetch=7)
            assert [row["n"] async for row in rows] == list(range(1, 101))
            cursor = await connection.cursor("SELECT n FROM generate_series(1, 100) n")
            assert [row["n"] for row in await cursor.fetch(3)] == [1, 2, 3]
            assert await cursor.forward(10) == 10
            assert (await cursor.fetchrow())["n"] == 14

    run(work())


def test_a_transaction_that_lost_a_race_is_told_at_its_commit(
    client: Client, ledger: Ledger
) -> None:
    async def work() -> None:
        async with client() as connection:
            transaction = connection.transaction()
            await transaction.start()
            assert await connection.fetchval("SELECT balance FROM ledger WHERE id = 1") == 100
            ledger.win_a_race()
            change = "UPDATE ledger SET balance = balance + $1 WHERE id = 1 RETURNING balance"
            assert await connection.fetchval(change, 5) == 105
            with pytest.raises(asyncpg.SerializationError, match="OC000"):
                await transaction.commit()
            async with connection.transaction():
                assert await connection.fetchval(change, 5) == 6

    run(work())
    assert ledger.balances() == [6, 100]


def test_a_time_limit_cancels_the_statement(client: Client) -> None:
    async def work() -> None:
        async with client() as connection:
            with pytest.raises(asyncio.TimeoutError):
                await connection.execute("SELECT pg_sleep(50)", timeout=0.2)
            assert await connection.fetchval("SELECT 1") == 1

    run(work())

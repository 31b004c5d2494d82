"""AWS's connector for Python, which makes its own tokens: over psycopg, psycopg2 and asyncpg."""

import shlex
import socket
import ssl
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import asyncpg
import aurora_dsql_asyncpg
import aurora_dsql_psycopg
import aurora_dsql_psycopg2
import psycopg
import psycopg2.errors
import pytest
import sqlalchemy as sa
from aurora_dsql_sqlalchemy import create_dsql_engine

from dsqlkit.endpoint import Endpoint
from tests.clients.conftest import HOST, Ledger, run
from tests.support.shell import shell

CHANGE = "UPDATE ledger SET balance = balance + 5 WHERE id = 1 RETURNING balance"


@pytest.fixture(autouse=True)
def _keys(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys that `dsqlkit local env` prints, in the environment as AWS's SDK reads it."""
    printed = shell("dsqlkit local env")
    assert printed.returncode == 0, printed.stderr
    for line in printed.stdout.splitlines():
        command, *settings = shlex.split(line)
        for setting in settings:
            name, _, value = setting.partition("=")
            if command == "export":
                monkeypatch.setenv(name, value)
            else:
                monkeypatch.delenv(setting, raising=False)


@pytest.fixture
def known(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "host": HOST,
        "hostaddr": "127.0.0.1",
        "port": endpoint.port,
        "user": "admin",
        "sslmode": "verify-full",
        "sslrootcert": endpoint.root_certificate,
    }


@pytest.fixture
def _resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """The local cluster's name resolves, as by an entry in /etc/hosts: asyncpg has no hostaddr."""
    resolve = socket.getaddrinfo

    def here(host: Any, *others: Any, **named: Any) -> Any:
        return resolve("127.0.0.1" if host == HOST else host, *others, **named)

    monkeypatch.setattr(socket, "getaddrinfo", here)


def test_over_psycopg(known: dict[str, Any], ledger: Ledger) -> None:
    with aurora_dsql_psycopg.DSQLConnection.connect(**known) as connection:
        assert connection.info.host == HOST
        connection.execute("UPDATE ledger SET balance = %s WHERE id = 2", (Decimal(7),))
        connection.commit()
        connection.execute("SELECT balance FROM ledger")
        ledger.win_a_race()
        assert connection.execute(CHANGE).fetchone() == (105,)
        with pytest.raises(psycopg.errors.SerializationFailure, match="OC000"):
            connection.commit()
    assert ledger.balances() == [1, 7]


def test_over_psycopg_direct_and_asynchronous(known: dict[str, Any], ledger: Ledger) -> None:
    async def work() -> None:
        connect = aurora_dsql_psycopg.DSQLAsyncConnection.connect
        async with await connect(**known, sslnegotiation="direct") as connection:
            await connection.execute(CHANGE)
            ledger.win_a_race()
            with pytest.raises(psycopg.errors.SerializationFailure, match="OC000"):
                await connection.commit()

    run(work())
    assert ledger.balances() == [1, 100]


def test_its_pool_runs_a_transaction_that_lost_again(known: dict[str, Any], ledger: Ledger) -> None:
    attempts = []

    def work(connection: Any) -> Decimal:
        attempts.append(1)
        connection.execute("SELECT balance FROM ledger")
        if len(attempts) == 1:
            ledger.win_a_race()
        (balance,) = connection.execute(CHANGE).fetchone()
        return Decimal(balance)

    with aurora_dsql_psycopg.create_pool(kwargs=known, min_size=1, max_size=2) as pool:
        assert pool.run_transaction(work, retry=True) == 6
    assert len(attempts) == 2
    assert ledger.balances() == [6, 100]


def test_over_psycopg2(known: dict[str, Any], ledger: Ledger) -> None:
    connection = aurora_dsql_psycopg2.connect(**known)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT balance FROM ledger")
            ledger.win_a_race()
            cursor.execute(CHANGE)
            assert cursor.fetchone() == (105,)
            with pytest.raises(psycopg2.errors.SerializationFailure, match="OC000"):
                connection.commit()
            cursor.execute(CHANGE)
            connection.commit()
    finally:
        connection.close()
    assert ledger.balances() == [6, 100]


@pytest.mark.usefixtures("_resolved")
@pytest.mark.parametrize("direct", [False, True])
def test_over_asyncpg(known: dict[str, Any], ledger: Ledger, direct: bool) -> None:
    context = ssl.create_default_context(cafile=known["sslrootcert"])
    if direct:
        context.set_alpn_protocols(["postgresql"])

    async def work() -> None:
        connection = await aurora_dsql_asyncpg.connect(
            host=HOST, port=known["port"], user="admin", ssl=context, direct_tls=direct
        )
        try:
            transaction = connection.transaction()
            await transaction.start()
            assert await connection.fetchval("SELECT balance FROM ledger WHERE id = $1", 1) == 100
            ledger.win_a_race()
            assert await connection.fetchval(CHANGE) == 105
            with pytest.raises(asyncpg.SerializationError, match="OC000"):
                await transaction.commit()
        finally:
            await connection.close()

    run(work())
    assert ledger.balances() == [1, 100]


@pytest.mark.usefixtures("_resolved")
def test_its_pool_over_asyncpg(known: dict[str, Any], ledger: Ledger) -> None:
    attempts = []

    async def change(connection: Any) -> None:
        attempts.append(1)
        await connection.fetchval("SELECT balance FROM ledger WHERE id = 1")
        if len(attempts) == 1:
            ledger.win_a_race()
        await connection.fetchval(CHANGE)

    async def work() -> None:
        async with await aurora_dsql_asyncpg.create_pool(
            host=HOST,
            port=known["port"],
            user="admin",
            ssl=ssl.create_default_context(cafile=known["sslrootcert"]),
            min_size=1,
            max_size=2,
        ) as pool:
            await pool.run_transaction(change, retry=True)
            assert await pool.fetchval("SELECT balance FROM ledger WHERE id = 1") == 6

    run(work())
    assert len(attempts) == 2


@pytest.fixture(params=["psycopg", "psycopg2"])
def engine(request: pytest.FixtureRequest, known: dict[str, Any]) -> Iterator[sa.Engine]:
    host, user = known.pop("host"), known.pop("user")
    engine = create_dsql_engine(
        host, user, driver=request.param, sslrootcert=known.pop("sslrootcert"), connect_args=known
    )
    yield engine
    engine.dispose()


def test_its_engine_for_sqlalchemy(engine: sa.Engine, ledger: Ledger) -> None:
    with engine.begin() as connection:
        assert connection.scalar(sa.text("SELECT balance FROM ledger WHERE id = 1")) == 100
        connection.execute(sa.text("UPDATE ledger SET balance = 8 WHERE id = 2"))
    assert ledger.balances() == [100, 8]

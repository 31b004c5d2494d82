"""`transaction.run`: conflicts are retried and reported, nothing else is retried at all."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal

import psycopg
import pytest

from dsqlkit import accounts
from dsqlkit.connection import Connection, KeptConnection, open_pool
from dsqlkit.endpoint import Endpoint
from dsqlkit.errors import AccountNotFound, ConflictLimitReached, ExitCode, SqlError
from dsqlkit.sql_errors import Conflict
from dsqlkit.transaction import Retry, RetryPolicy, run

SWIFT = RetryPolicy(base_s=0.0001, cap_s=0.001)


@pytest.fixture
def connections(endpoint: Endpoint) -> Iterator[KeptConnection]:
    with KeptConnection(endpoint) as kept:
        accounts.initialise(kept, 4)
        yield kept


@pytest.fixture
def rival(endpoint: Endpoint) -> Iterator[Callable[[], None]]:
    """Another session, which commits a change to account 1 each time it is called."""
    with KeptConnection(endpoint) as kept:
        yield lambda: add(kept, 1)


def add(connections: KeptConnection, amount: int) -> None:
    with connections.connection() as connection:
        connection.execute("UPDATE accounts SET balance = balance + %s WHERE id = 1", [amount])


def read(connection: Connection) -> Decimal:
    row = connection.execute("SELECT balance FROM accounts WHERE id = 1").fetchone()
    assert row is not None
    balance: Decimal = row[0]
    return balance


def double(connection: Connection, meanwhile: Callable[[], None] = lambda: None) -> Decimal:
    """Read, then write what was read: lost updates would show."""
    balance = read(connection) * 2
    meanwhile()
    connection.execute("UPDATE accounts SET balance = %s WHERE id = 1", [balance])
    return balance


def test_a_conflict_runs_the_work_again_from_its_first_read_and_is_reported(
    connections: KeptConnection, rival: Callable[[], None]
) -> None:
    rivals = iter([rival, rival])
    heard: list[Retry] = []
    outcome = run(
        connections,
        lambda c: double(c, next(rivals, lambda: None)),
        SWIFT,
        heard.append,
    )
    assert outcome.value == 204
    assert accounts.balance(connections, 1).balance == 204
    assert outcome.attempts == 3
    assert outcome.conflicts == (Conflict.DATA, Conflict.DATA)
    assert [(retry.attempt, retry.conflict) for retry in heard] == [
        (1, Conflict.DATA),
        (2, Conflict.DATA),
    ]
    assert outcome.waited_s == sum(retry.wait_s for retry in heard)
    assert outcome.elapsed_s >= outcome.waited_s


def test_conflicts_beyond_the_limit_of_attempts_change_nothing(
    connections: KeptConnection, rival: Callable[[], None]
) -> None:
    tried = []

    def work(connection: Connection) -> None:
        tried.append(1)
        double(connection, rival)

    with pytest.raises(ConflictLimitReached, match="Gave up after 3 attempts") as caught:
        run(connections, work, RetryPolicy(max_attempts=3, base_s=0.0001))
    assert (caught.value.exit_code, caught.value.sqlstate) == (ExitCode.GAVE_UP, "40001")
    assert len(tried) == 3
    assert accounts.balance(connections, 1).balance == 103


def test_no_wait_is_started_that_would_pass_the_deadline(
    connections: KeptConnection, rival: Callable[[], None]
) -> None:
    heard: list[Retry] = []
    policy = RetryPolicy(max_attempts=1000, deadline_s=0.2, base_s=0.1, cap_s=60)
    with pytest.raises(ConflictLimitReached):
        run(connections, lambda c: double(c, rival), policy, heard.append)
    assert sum(retry.wait_s for retry in heard) < policy.deadline_s


def test_a_wait_that_would_pass_the_deadline_is_not_begun_however_early_it_is(
    connections: KeptConnection, rival: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    heard: list[Retry] = []
    policy = RetryPolicy(deadline_s=20, base_s=21, cap_s=21)
    with pytest.raises(ConflictLimitReached, match="Gave up after 1 attempt in"):
        run(connections, lambda c: double(c, rival), policy, heard.append)
    assert heard == []


@pytest.mark.parametrize(
    ("sql", "sqlstate"),
    [
        ("INSERT INTO accounts VALUES (1, 1)", "23505"),
        ("SELECT 1 / 0", "22012"),
        ("SELECT * FROM nowhere", "42P01"),
        ("SELEC 1", "42601"),
        ("TRUNCATE accounts", "0A000"),
        ("SAVEPOINT here", "0A000"),
    ],
)
def test_what_is_no_conflict_is_not_retried_and_changes_nothing(
    connections: KeptConnection, sql: str, sqlstate: str
) -> None:
    tried = []

    def work(connection: Connection) -> None:
        tried.append(1)
        double(connection)
        connection.execute(sql.encode())

    with pytest.raises(SqlError) as caught:
        run(connections, work)
    assert (caught.value.exit_code, caught.value.sqlstate) == (ExitCode.REFUSED, sqlstate)
    assert tried == [1]
    assert accounts.balance(connections, 1).balance == 100


@pytest.mark.parametrize("error", [AccountNotFound("none"), ValueError("own"), KeyboardInterrupt()])
def test_an_error_of_the_work_rolls_back_and_passes_as_it_is(
    connections: KeptConnection, error: BaseException
) -> None:
    def work(connection: Connection) -> None:
        double(connection)
        raise error

    with pytest.raises(type(error)) as caught:
        run(connections, work)
    assert caught.value is error
    assert accounts.balance(connections, 1).balance == 100


def test_an_error_that_the_work_passes_over_is_not_taken_for_a_commit(
    connections: KeptConnection,
) -> None:
    def work(connection: Connection) -> None:
        double(connection)
        with suppress(psycopg.Error):
            connection.execute("SELECT 1 / 0")

    with pytest.raises(SqlError, match="was rolled back"):
        run(connections, work)
    assert accounts.balance(connections, 1).balance == 100


def test_after_a_failure_the_same_connection_serves_the_next_transaction(
    connections: KeptConnection,
) -> None:
    with connections.connection() as first:
        pass
    with pytest.raises(SqlError):
        run(connections, lambda c: c.execute("SELECT 1 / 0"))
    assert run(connections, double).value == 200
    with connections.connection() as second:
        assert second is first


def test_a_refusal_at_commit_is_an_answer_not_a_doubt(connections: KeptConnection) -> None:
    run(connections, lambda c: c.execute("DROP TABLE IF EXISTS child"))
    run(
        connections,
        lambda c: c.execute(
            "CREATE TABLE child (id int PRIMARY KEY,"
            " parent int REFERENCES accounts DEFERRABLE INITIALLY DEFERRED)"
        ),
    )
    try:
        with pytest.raises(SqlError) as caught:
            run(connections, lambda c: c.execute("INSERT INTO child VALUES (1, 99)"))
        assert caught.value.sqlstate == "23503"
        assert caught.value.exit_code == ExitCode.REFUSED
    finally:
        run(connections, lambda c: c.execute("DROP TABLE child"))


def test_a_thousand_transfers_by_eight_threads_make_and_lose_no_money(
    endpoint: Endpoint, connections: KeptConnection
) -> None:
    accounts.initialise(connections, 8)
    policy = RetryPolicy(max_attempts=1000, base_s=0.001, cap_s=0.05)
    with open_pool(endpoint, size=8) as pool, ThreadPoolExecutor(8) as executor:

        def one(number: int) -> int:
            payer, payee = 1 + number % 8, 1 + number // 8 % 7
            payee += payee >= payer
            done = accounts.transfer(pool, payer, payee, Decimal("0.01"), policy)
            return done.attempts

        attempts = list(executor.map(one, range(1000)))
    assert len(attempts) == 1000
    assert sum(attempts) > 1000, "eight threads on eight accounts meet no conflict"
    held = [accounts.balance(connections, each).balance for each in range(1, 9)]
    assert sum(held) == 800
    assert set(held) != {Decimal(100)}

"""How long a transaction may last. A fault shortens the limit: no test waits for the real one."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from dsqlkit import local
from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.local import Faults
from dsqlkit.local.dialect.limits import too_old
from dsqlkit.local.dialect.refusal import Refusal
from dsqlkit.local.wire.messages import FLUSH, SYNC
from tests.support.raw_client import RawClient, pipelined

LIMIT_S = 0.2
TOO_OLD = f"transaction age limit of {LIMIT_S:g}s exceeded"


@pytest.fixture
def short(endpoint: Endpoint) -> Iterator[None]:
    local.set_faults(Faults(transaction_age_s=LIMIT_S))
    yield
    local.set_faults(Faults())


@pytest.fixture
def aged(short: None, connection: Connection) -> Callable[[str], None]:
    """Begins a transaction and lets it grow too old."""

    def begin(words: str) -> None:
        connection.execute(words.encode())
        connection.execute("SELECT 1")
        time.sleep(LIMIT_S * 1.1)

    return begin


def in_a_pipeline(connection: Connection, *statements: str) -> None:
    with connection.pipeline():
        for statement in statements:
            connection.execute(statement.encode())


@pytest.mark.parametrize("begin", ["BEGIN", "BEGIN READ ONLY"])
def test_the_next_statement_fails(
    connection: Connection, aged: Callable[[str], None], begin: str
) -> None:
    aged(begin)
    with pytest.raises(psycopg.errors.ProgramLimitExceeded, match=TOO_OLD) as refusal:
        connection.execute("SELECT 1")
    detail = refusal.value.diag.message_detail
    assert detail is not None
    assert detail.startswith("Current transaction age ")
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        connection.execute("SELECT 1")
    assert connection.execute("COMMIT").statusmessage == "ROLLBACK"


@pytest.mark.parametrize("begin", ["BEGIN", "BEGIN READ ONLY"])
def test_commit_fails_and_ends_it(
    connection: Connection, aged: Callable[[str], None], begin: str
) -> None:
    aged(begin)
    with pytest.raises(psycopg.errors.ProgramLimitExceeded, match=TOO_OLD):
        connection.execute("COMMIT")
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_commit_fails_in_a_pipeline(connection: Connection, aged: Callable[[str], None]) -> None:
    aged("BEGIN")
    with pytest.raises(psycopg.errors.ProgramLimitExceeded, match=TOO_OLD):
        in_a_pipeline(connection, "COMMIT", "SELECT 1")
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_rollback_works_at_any_age(connection: Connection, aged: Callable[[str], None]) -> None:
    aged("BEGIN")
    assert connection.execute("ROLLBACK").statusmessage == "ROLLBACK"


BUSY = "SELECT count(*) FROM (SELECT generate_series(1, 10000000000))"


@pytest.mark.parametrize(
    ("begin", "statement"), [("", BUSY), ("", "SELECT pg_sleep(30)"), ("BEGIN", BUSY)]
)
def test_a_statement_under_way_is_cut_short(
    connection: Connection, short: None, begin: str, statement: str
) -> None:
    connection.execute(begin.encode())
    with pytest.raises(psycopg.errors.ProgramLimitExceeded, match=TOO_OLD):
        connection.execute(statement.encode())
    in_transaction = bool(connection.info.transaction_status)
    assert in_transaction == bool(begin)
    if in_transaction:
        connection.execute("ROLLBACK")
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_sleep_in_a_transaction_goes_to_its_end_and_the_commit_fails(
    connection: Connection, short: None
) -> None:
    connection.execute("BEGIN")
    assert connection.execute(f"SELECT pg_sleep({3 * LIMIT_S})".encode()).rowcount == 1
    with pytest.raises(psycopg.errors.ProgramLimitExceeded, match=TOO_OLD):
        connection.execute("COMMIT")
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    texts = f"BEGIN; SELECT pg_sleep({3 * LIMIT_S}); COMMIT"
    with pytest.raises(psycopg.errors.ProgramLimitExceeded, match=TOO_OLD):
        connection.execute(texts.encode())
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_sleep_is_cut_short_when_its_connection_is_too_old(
    endpoint: Endpoint, connection: Connection, short: None
) -> None:
    local.set_faults(Faults(transaction_age_s=LIMIT_S, connection_age_s=2 * LIMIT_S))
    client = RawClient(endpoint)
    client.ask("BEGIN")
    assert client.ask("SELECT pg_sleep(60)").message == TOO_OLD
    local.set_faults(Faults(transaction_age_s=LIMIT_S))


def test_a_sleep_past_the_limit_keeps_nobody_waiting(
    endpoint: Endpoint, connection: Connection, short: None
) -> None:
    with connect(endpoint) as other:
        other.execute("CREATE TABLE slept (id int PRIMARY KEY, v int)")
        other.execute("INSERT INTO slept VALUES (1, 0)")
        connection.execute("BEGIN")
        connection.execute("UPDATE slept SET v = 1")
        with ThreadPoolExecutor(1) as pool:
            sleeping = pool.submit(connection.execute, b"SELECT pg_sleep(30)")
            time.sleep(2 * LIMIT_S)
            other.execute("UPDATE slept SET v = 2")
            while not sleeping.done():  # it begins again, and a cancellation may come before that
                connection.cancel_safe()
                time.sleep(LIMIT_S / 2)
            with pytest.raises(psycopg.Error):
                sleeping.result()
        connection.execute("ROLLBACK")
        assert other.execute("SELECT v FROM slept").fetchone() == (2,)
        other.execute("DROP TABLE slept")


def test_a_pipeline_that_grew_too_old_fails_at_its_sync(
    endpoint: Endpoint, connection: Connection, short: None
) -> None:
    connection.execute("CREATE TABLE unsent (id int PRIMARY KEY)")
    client = RawClient(endpoint)
    client.send_part(pipelined("INSERT INTO unsent VALUES (1)").removesuffix(SYNC) + FLUSH)
    time.sleep(2 * LIMIT_S)
    reply = client.send_frames(SYNC)
    assert (reply.sqlstate, reply.message, reply.status) == ("54000", TOO_OLD, "I")
    client.close()
    assert connection.execute("SELECT count(*) FROM unsent").fetchone() == (0,)
    connection.execute("DROP TABLE unsent")


@pytest.mark.parametrize(
    ("age_s", "expected"),
    [
        (300.0, None),
        (
            311.4,
            Refusal(
                "54000",
                "transaction age limit of 300s exceeded",
                "Current transaction age 311s exceeds 300s",
            ),
        ),
    ],
)
def test_three_hundred_seconds_are_not_too_old(age_s: float, expected: Refusal | None) -> None:
    assert too_old(age_s, 300.0) == expected

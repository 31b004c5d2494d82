"""How long a transaction may last. A fault shortens the limit: no test waits for the real one."""

import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from dsqlkit import local
from dsqlkit.connection import Connection
from dsqlkit.endpoint import Endpoint
from dsqlkit.local import Faults
from dsqlkit.local.dialect.limits import too_old
from dsqlkit.local.dialect.refusal import Refusal

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


@pytest.mark.parametrize("begin", ["", "BEGIN"])
def test_a_statement_under_way_is_cut_short(
    connection: Connection, short: None, begin: str
) -> None:
    connection.execute(begin.encode())
    with pytest.raises(psycopg.errors.ProgramLimitExceeded, match=TOO_OLD):
        connection.execute("SELECT pg_sleep(30)")
    in_transaction = bool(connection.info.transaction_status)
    assert in_transaction == bool(begin)
    if in_transaction:
        connection.execute("ROLLBACK")
    assert connection.execute("SELECT 1").fetchone() == (1,)


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

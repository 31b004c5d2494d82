"""What clients do once they are in: cancel, copy, pipeline, many at once, and DSQL's refusals."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import pq

from dsqlkit import local
from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.token import TokenSigner
from tests.support.inside import backends
from tests.support.waiting import eventually


@pytest.fixture
def table(connection: Connection) -> Iterator[str]:
    connection.execute("CREATE TABLE session_rows (id int PRIMARY KEY, note text)")
    yield "session_rows"
    connection.execute("DROP TABLE session_rows")


@pytest.mark.parametrize("from_thread", [False, True])
def test_cancel_ends_the_statement_and_not_the_session(
    connection: Connection, from_thread: bool
) -> None:
    # Over TLS as libpq 17 and newer do, and in plain text as all others do.
    cancel = connection.cancel if from_thread else connection.cancel_safe
    timer = threading.Timer(0.2, cancel)
    timer.start()
    with pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute("SELECT pg_sleep(60)")
    timer.join()
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_sixty_clients_at_once(endpoint: Endpoint, signer: TokenSigner) -> None:
    together = threading.Barrier(60, timeout=60)

    def work(number: int) -> int:
        with connect(endpoint, signer) as mine:
            together.wait()
            row = mine.execute("SELECT %s::int", [number]).fetchone()
            assert row is not None
            return int(row[0])

    with ThreadPoolExecutor(60) as pool:
        assert list(pool.map(work, range(60))) == list(range(60))


def test_the_count_of_connections_follows(endpoint: Endpoint, signer: TokenSigner) -> None:
    with connect(endpoint, signer), connect(endpoint, signer):
        assert eventually(lambda: local.status().connections == backends() >= 2)


def test_copy_both_ways(connection: Connection, table: str) -> None:
    rows = [(number, "x" * (number % 300)) for number in range(3000)]
    with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    with connection.cursor().copy(f"COPY {table} TO STDOUT") as copy:
        copy.set_types(["int4", "text"])
        assert sorted(copy.rows()) == rows


def test_a_failed_copy_leaves_the_session_usable(connection: Connection, table: str) -> None:
    with (
        pytest.raises(psycopg.errors.InvalidTextRepresentation),
        connection.cursor().copy(f"COPY {table} FROM STDIN") as copy,
    ):
        copy.write_row(["no number", "x"])
    assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_values_of_several_megabytes_pass_both_ways(connection: Connection) -> None:
    value = "0123456789abcdef" * (512 * 1024)
    assert connection.execute("SELECT %s::text", [value]).fetchone() == (value,)


def test_a_message_above_ten_megabytes_ends_the_connection(connection: Connection) -> None:
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT length(%s::text)", ["x" * (10 * 1024 * 1024 + 1000)])
    assert connection.closed


def test_a_pipeline_keeps_answers_in_order_around_a_refusal(
    connection: Connection, table: str
) -> None:
    link = connection.pgconn
    link.enter_pipeline_mode()
    for statement in (
        f"INSERT INTO {table} VALUES (1, 'a')",
        "SYNC",
        f"TRUNCATE {table}",
        f"INSERT INTO {table} VALUES (2, 'b')",
        "SYNC",
        f"SELECT count(*) FROM {table}",
        "SYNC",
    ):
        if statement == "SYNC":
            link.pipeline_sync()
        else:
            link.send_query_params(statement.encode(), None)
    results = [result for _ in range(7) for result in iter(link.get_result, None)]
    link.exit_pipeline_mode()
    assert [result.status for result in results] == [
        pq.ExecStatus.COMMAND_OK,
        pq.ExecStatus.PIPELINE_SYNC,
        pq.ExecStatus.FATAL_ERROR,
        pq.ExecStatus.PIPELINE_ABORTED,
        pq.ExecStatus.PIPELINE_SYNC,
        pq.ExecStatus.TUPLES_OK,
        pq.ExecStatus.PIPELINE_SYNC,
    ]
    assert results[2].error_field(pq.DiagnosticField.SQLSTATE) == b"0A000"
    assert results[5].get_value(0, 0) == b"1"


def test_a_refusal_outside_a_transaction_changes_nothing(connection: Connection) -> None:
    with pytest.raises(psycopg.errors.FeatureNotSupported) as refused:
        connection.execute("TRUNCATE pg_class")
    assert str(refused.value) == "unsupported statement: Truncate"
    assert connection.info.transaction_status == pq.TransactionStatus.IDLE


def test_a_refusal_inside_a_transaction_aborts_it(connection: Connection) -> None:
    connection.execute("BEGIN")
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        connection.execute("SAVEPOINT a")
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        connection.execute("TRUNCATE pg_class")
    assert connection.execute("COMMIT").statusmessage == "ROLLBACK"


def test_a_refusal_among_several_statements_undoes_those_before(
    connection: Connection, table: str
) -> None:
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        connection.execute(f"INSERT INTO {table} VALUES (1, 'a'); TRUNCATE {table}")
    assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_a_second_writer_of_a_row_gets_dsqls_conflict(
    endpoint: Endpoint, signer: TokenSigner, connection: Connection, table: str
) -> None:
    connection.execute(f"INSERT INTO {table} VALUES (1, 'a')")
    connection.execute("BEGIN")
    connection.execute(f"SELECT * FROM {table}")
    with connect(endpoint, signer) as other:
        other.execute(f"UPDATE {table} SET note = 'b'")
    # The endpoint may tell now or at COMMIT; in one message it is the same.
    with pytest.raises(psycopg.errors.SerializationFailure) as conflict:
        connection.execute(f"UPDATE {table} SET note = 'c'; COMMIT")
    assert str(conflict.value) == "change conflicts with another transaction (OC000)"
    connection.execute("ROLLBACK")


def test_money_declared_as_numeric_keeps_six_places(connection: Connection) -> None:
    connection.execute("CREATE TABLE session_money (balance numeric)")
    try:
        connection.execute("INSERT INTO session_money VALUES (1.23456789)")
        row = connection.execute("SELECT balance::text FROM session_money").fetchone()
        assert row == ("1.234568",)
    finally:
        connection.execute("DROP TABLE session_money")

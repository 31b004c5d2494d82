"""CREATE INDEX ASYNC: the answer at once, the job, the wait for it, and its ends."""

import re
import threading
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.token import TokenSigner
from tests.support.inside import connect_inside

JOB_ID = re.compile(r"[a-z2-7]{26}")


@pytest.fixture
def table(connection: Connection) -> Iterator[str]:
    connection.execute("CREATE TABLE indexed (id int PRIMARY KEY, a int, b text)")
    connection.execute("INSERT INTO indexed SELECT i, i % 10, i FROM generate_series(1, 1000) i")
    yield "indexed"
    connection.execute("DROP TABLE indexed")


def submit(connection: Connection, sql: str) -> str:
    cursor = connection.execute(sql)
    assert cursor.statusmessage == "CREATE INDEX"
    assert cursor.description is not None
    assert [column.name for column in cursor.description] == ["job_id"]
    [(job_id,)] = cursor.fetchall()
    assert JOB_ID.fullmatch(job_id)
    return str(job_id)


def job(connection: Connection, job_id: str) -> tuple[object, ...]:
    row = connection.execute(
        "SELECT status, details, object_name FROM sys.jobs WHERE job_id = %s", [job_id]
    ).fetchone()
    assert row is not None
    return row


def is_valid(connection: Connection, index: str) -> bool:
    row = connection.execute(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = %s::regclass", [index]
    ).fetchone()
    assert row is not None
    return bool(row[0])


@pytest.mark.parametrize(
    ("definition", "name"),
    [
        ("CREATE INDEX ASYNC ON indexed (a, b)", "public.indexed_a_b_idx"),
        ("CREATE INDEX ASYNC named ON indexed (a) INCLUDE (b)", "public.named"),
        ("CREATE INDEX ASYNC named ON indexed (a) WHERE b > '1'", "public.named"),
        ("CREATE UNIQUE INDEX ASYNC ON indexed (b, (id + 1))", "public.indexed_b_expr_idx"),
        ('CREATE INDEX ASYNC IF NOT EXISTS "A b" ON indexed (a)', 'public."A b"'),
    ],
)
def test_an_index_is_built_by_its_job(
    connection: Connection, table: str, definition: str, name: str
) -> None:
    job_id = submit(connection, definition)
    assert connection.execute("CALL sys.wait_for_job(%s)", [job_id]).statusmessage == "CALL"
    assert job(connection, job_id) == ("completed", None, name)
    assert is_valid(connection, name)


def test_both_protocols_answer_alike(connection: Connection, table: str) -> None:
    simple = connection.pgconn.exec_(b"CREATE INDEX ASYNC i1 ON indexed (a)")
    extended = connection.pgconn.exec_params(b"CREATE INDEX ASYNC i2 ON indexed (a)", None)
    prepared = connection.pgconn.prepare(b"p", b"CREATE INDEX ASYNC i3 ON indexed (a)")
    assert not prepared.error_message
    executed = connection.pgconn.exec_prepared(b"p", None)
    for result in (simple, extended, executed):
        assert (result.command_status, result.nfields, result.ntuples) == (b"CREATE INDEX", 1, 1)
        assert result.fname(0) == b"job_id"


def test_it_works_in_a_transaction_and_goes_with_it(connection: Connection, table: str) -> None:
    connection.execute("BEGIN")
    undone = submit(connection, "CREATE INDEX ASYNC i1 ON indexed (a)")
    connection.execute("ROLLBACK")
    done = connection.pgconn.exec_(b"BEGIN; CREATE INDEX ASYNC in_message ON indexed (a); COMMIT")
    assert not done.error_message
    jobs = connection.execute("SELECT job_id, object_name FROM sys.jobs").fetchall()
    assert undone not in [job_id for job_id, _ in jobs]
    [job_id] = [job_id for job_id, name in jobs if name == "public.in_message"]
    connection.execute("CALL sys.wait_for_job(%s)", [job_id])
    assert is_valid(connection, "in_message")


def test_a_build_waits_for_no_open_reader_whose_commit_is_told_of_it(
    endpoint: Endpoint, signer: TokenSigner, connection: Connection, table: str
) -> None:
    with closing(connect(endpoint, signer)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM indexed")
        job_id = submit(connection, "CREATE INDEX ASYNC i ON indexed (a)")
        connection.execute("CALL sys.wait_for_job(%s)", [job_id])
        assert is_valid(connection, "i")
        assert reader.execute("SELECT count(*) FROM indexed WHERE a = 3").fetchone() == (100,)
        with pytest.raises(psycopg.errors.SerializationFailure, match="OC001"):
            reader.execute("COMMIT")


def test_duplicates_fail_the_job_and_leave_an_invalid_index(
    connection: Connection, table: str
) -> None:
    job_id = submit(connection, "CREATE UNIQUE INDEX ASYNC i ON indexed (a)")
    connection.execute("CALL sys.wait_for_job(%s)", [job_id])
    details = "found duplicate key(s) while validating index uniqueness"
    assert job(connection, job_id) == ("failed", details, "public.i")
    assert not is_valid(connection, "i")
    connection.execute("DROP INDEX i")
    assert job(connection, job_id) == ("failed", details, None)


@pytest.mark.parametrize(
    ("sql", "sqlstate", "message"),
    [
        ("CREATE INDEX ASYNC i ON nowhere (a)", "42P01", 'relation "nowhere" does not exist'),
        ("CREATE INDEX ASYNC i ON indexed (c)", "42703", 'column "c" does not exist'),
        (
            "CREATE INDEX ASYNC i ON indexed (a) INCLUDE (c)",
            "42703",
            'column "c" does not exist',
        ),
        (
            "CREATE INDEX ASYNC indexed_pkey ON indexed (a)",
            "42P07",
            'relation "indexed_pkey" already exists',
        ),
        (
            "CREATE INDEX i ON indexed (a)",
            "0A000",
            "unsupported mode. please use CREATE INDEX ASYNC.",
        ),
        ("CREATE INDEX ASYNC s.i ON indexed (a)", "42601", 'syntax error at or near "."'),
    ],
)
def test_what_can_be_refused_at_once_is(
    connection: Connection, table: str, sql: str, sqlstate: str, message: str
) -> None:
    with pytest.raises(psycopg.Error) as refused:
        connection.execute(sql)
    diagnosis = refused.value.diag
    assert (diagnosis.sqlstate, diagnosis.message_primary) == (sqlstate, message)
    assert diagnosis.context is None


def test_a_table_dropped_before_its_build_takes_the_job_along(
    connection: Connection, table: str
) -> None:
    for _ in range(5):
        job_id = submit(connection, "CREATE INDEX ASYNC i ON indexed (a)")
        connection.execute("DROP TABLE indexed")
        connection.execute("CREATE TABLE indexed (a int)")
        connection.execute("CALL sys.wait_for_job(%s)", [job_id])
        assert job(connection, job_id)[0] == "completed"


def test_an_index_that_exists_is_skipped_if_asked(connection: Connection, table: str) -> None:
    job_id = submit(connection, "CREATE INDEX ASYNC IF NOT EXISTS indexed_pkey ON indexed (a)")
    connection.execute("CALL sys.wait_for_job(%s)", [job_id])
    assert job(connection, job_id)[0] == "completed"


@pytest.mark.parametrize(
    ("call", "sqlstate"),
    [
        ("CALL sys.wait_for_job('x')", "22P02"),
        ("CALL sys.wait_for_job(NULL)", "22P02"),
        ("SELECT sys.wait_for_job('x'::text)", "42809"),
        ("CALL sys.wait_for_job((SELECT job_id FROM sys.jobs LIMIT 1))", "0A000"),
        ("CALL sys.wait_for_job('aaaaaaaaaaaaaaaaaaaaaaaaaa')", "42704"),
    ],
)
def test_waiting_for_what_is_no_job(connection: Connection, call: str, sqlstate: str) -> None:
    with pytest.raises(psycopg.Error) as refused:
        connection.execute(call)
    assert refused.value.diag.sqlstate == sqlstate


@pytest.mark.parametrize("call", ["CALL sys.wait_for_job(%s)", "call SYS.Wait_For_Job ( %s )"])
def test_no_transaction_waits_for_a_job(connection: Connection, table: str, call: str) -> None:
    """Its own job would begin when it commits: it would wait for itself."""
    connection.execute("BEGIN")
    job_id = submit(connection, "CREATE INDEX ASYNC alone ON indexed (a)")
    with pytest.raises(psycopg.errors.ActiveSqlTransaction) as refused:
        connection.execute(call.encode(), [job_id])
    connection.execute("ROLLBACK")
    told = refused.value.diag.message_primary
    assert told == "sys.wait_for_job cannot run inside a transaction block"
    with pytest.raises(psycopg.errors.ActiveSqlTransaction):
        connection.execute("SELECT 1; CALL sys.wait_for_job('aaaaaaaaaaaaaaaaaaaaaaaaaa')")
    assert connection.execute("SELECT FROM pg_class WHERE relname = 'alone'").rowcount == 0


def test_a_wait_that_was_too_long_has_not_succeeded(connection: Connection, table: str) -> None:
    limited = "CREATE OR REPLACE FUNCTION dsqlkit.wait_limit() RETURNS interval LANGUAGE sql AS {}"
    with connect_inside() as inside:
        inside.execute(limited.format("$$ SELECT interval '0' $$").encode())
        row = inside.execute(
            "INSERT INTO dsqlkit.job (job_id, status, job_type, class_id, target, target_name,"
            " owner, search_path, ddl) VALUES (dsqlkit.new_job_id(), 'processing', 'ANALYZE', 0,"
            " 0, '', '', '', '') RETURNING job_id"
        ).fetchone()
        assert row is not None
        try:
            assert connection.execute("CALL sys.wait_for_job(%s)", row).fetchone() == (False,)
        finally:
            inside.execute("DELETE FROM dsqlkit.job WHERE job_id = %s", row)
            inside.execute(limited.format("$$ SELECT interval '300 seconds' $$").encode())


def test_many_jobs_on_one_table_all_complete(
    endpoint: Endpoint, signer: TokenSigner, table: str
) -> None:
    ends: list[object] = []

    def build(number: int) -> None:
        with connect(endpoint, signer) as mine:
            job_id = submit(mine, f"CREATE INDEX ASYNC many_{number} ON indexed (a, b)")
            mine.execute("CALL sys.wait_for_job(%s)", [job_id])
            ends.append(job(mine, job_id)[0])

    threads = [threading.Thread(target=build, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ends == ["completed"] * 6

"""ALTER TABLE ASYNC ... VALIDATE CONSTRAINT: a job that looks at the rows that are there."""

from collections.abc import Iterator

import psycopg
import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.token import TokenSigner
from tests.support.inside import connect_inside
from tests.support.waiting import eventually

VALIDATE = "ALTER TABLE ASYNC checked VALIDATE CONSTRAINT"


@pytest.fixture(autouse=True)
def _tables(connection: Connection) -> Iterator[None]:
    connection.execute("CREATE TABLE pointed (id int CONSTRAINT pointed_key PRIMARY KEY)")
    connection.execute("CREATE TABLE checked (id int PRIMARY KEY, p int, v int)")
    connection.execute("INSERT INTO pointed SELECT generate_series(1, 10)")
    connection.execute("INSERT INTO checked SELECT i, i, i FROM generate_series(1, 11) AS s (i)")
    for constraint in (
        "good CHECK (v > 0)",
        "bad CHECK (v < 11)",
        "pointing FOREIGN KEY (p) REFERENCES pointed",
    ):
        connection.execute(f"ALTER TABLE checked ADD CONSTRAINT {constraint} NOT VALID".encode())
    yield
    connection.execute("ROLLBACK")
    connection.execute("DROP TABLE checked")
    connection.execute("DROP TABLE pointed")


def submit(connection: Connection, sql: str) -> str:
    cursor = connection.execute(sql.encode())
    assert cursor.statusmessage == "ALTER TABLE"
    assert cursor.description is not None
    assert [column.name for column in cursor.description] == ["job_id"]
    ((job_id,),) = cursor.fetchall()
    return str(job_id)


def outcome(connection: Connection, job_id: str) -> tuple[object, object]:
    connection.execute("CALL sys.wait_for_job(%s)", [job_id])
    row = connection.execute(
        "SELECT status, details FROM sys.jobs WHERE job_id = %s", [job_id]
    ).fetchone()
    assert row is not None
    return row


def is_validated(connection: Connection, name: str) -> bool:
    row = connection.execute(
        "SELECT convalidated FROM pg_constraint WHERE conname = %s", [name]
    ).fetchone()
    assert row is not None
    return bool(row[0])


@pytest.mark.parametrize(
    "sql",
    [
        f"{VALIDATE} good",
        'alter table async public."checked" validate constraint "good"',
        "ALTER TABLE /* now */ ASYNC ONLY checked VALIDATE CONSTRAINT good;",
        "ALTER TABLE ASYNC IF EXISTS checked VALIDATE CONSTRAINT good",
    ],
)
def test_a_constraint_that_holds_becomes_valid(connection: Connection, sql: str) -> None:
    assert not is_validated(connection, "good")
    assert outcome(connection, submit(connection, sql)) == ("completed", None)
    assert is_validated(connection, "good")


@pytest.mark.parametrize(
    ("name", "details"),
    [
        ("bad", 'check constraint "bad" of relation "checked" is violated by some row'),
        (
            "pointing",
            'insert or update on table "checked" violates foreign key constraint "pointing"',
        ),
    ],
)
def test_one_that_does_not_fails_until_the_row_has_gone(
    connection: Connection, name: str, details: str
) -> None:
    assert outcome(connection, submit(connection, f"{VALIDATE} {name}")) == ("failed", details)
    assert not is_validated(connection, name)
    connection.execute("DELETE FROM checked WHERE id = 11")
    assert outcome(connection, submit(connection, f"{VALIDATE} {name}")) == ("completed", None)
    assert is_validated(connection, name)


@pytest.mark.parametrize(
    ("sql", "sqlstate", "message"),
    [
        (
            f"{VALIDATE} missing",
            "42704",
            'constraint "missing" of relation "checked" does not exist',
        ),
        (
            f"{VALIDATE} checked_pkey",
            "42809",
            'constraint "checked_pkey" of relation "checked"'
            " is not a foreign key or check constraint",
        ),
        (
            "ALTER TABLE ASYNC nowhere VALIDATE CONSTRAINT c",
            "42P01",
            'relation "nowhere" does not exist',
        ),
        (
            "ALTER TABLE checked VALIDATE CONSTRAINT good",
            "0A000",
            "unsupported ALTER TABLE VALIDATE CONSTRAINT statement",
        ),
        (
            "ALTER TABLE ASYNC checked ADD COLUMN w int",
            "0A000",
            "unsupported ALTER TABLE ASYNC statement",
        ),
        ("ALTER TABLE async ADD COLUMN w int", "42P01", 'relation "async" does not exist'),
        (
            f"{VALIDATE} good; {VALIDATE} bad",
            "0A000",
            "multiple ddl statements not supported in a transaction",
        ),
    ],
)
def test_what_is_refused_at_once(
    connection: Connection, sql: str, sqlstate: str, message: str
) -> None:
    with pytest.raises(psycopg.Error) as refused:
        connection.execute(sql.encode())
    diagnosis = refused.value.diag
    assert (diagnosis.sqlstate, diagnosis.message_primary) == (sqlstate, message)
    assert diagnosis.context is None


def test_it_goes_with_its_transaction(connection: Connection) -> None:
    connection.execute("BEGIN")
    undone = submit(connection, f"{VALIDATE} good")
    connection.execute("ROLLBACK")
    jobs = "SELECT FROM sys.jobs WHERE job_id = %s"
    assert connection.execute(jobs, [undone]).rowcount == 0
    connection.execute("BEGIN")
    done = submit(connection, f"{VALIDATE} good")
    connection.execute("COMMIT")
    assert outcome(connection, done) == ("completed", None)


def test_it_waits_for_no_open_transaction_whose_commit_is_told_of_it(
    connection: Connection, endpoint: Endpoint, signer: TokenSigner
) -> None:
    with connect(endpoint, signer) as writer:
        writer.execute("BEGIN")
        writer.execute("UPDATE checked SET v = 3 WHERE id = 2")
        assert outcome(connection, submit(connection, f"{VALIDATE} good")) == ("completed", None)
        with pytest.raises(psycopg.errors.SerializationFailure, match="OC001"):
            writer.execute("COMMIT")


def test_a_pending_index_is_not_valid_for_a_constraint(connection: Connection) -> None:
    # Outside of the runner's reach until it is committed, the job is certain to be pending here.
    with connect_inside() as inside, inside.transaction():
        inside.execute("LOCK TABLE checked IN SHARE UPDATE EXCLUSIVE MODE")
        connection.execute("CREATE UNIQUE INDEX ASYNC checked_p ON checked (p)")
        job_id = connection.execute("CREATE UNIQUE INDEX ASYNC checked_v ON checked (v)").fetchone()
        for index in ("checked_p", "checked_v"):
            add = f"ALTER TABLE checked ADD CONSTRAINT u UNIQUE USING INDEX {index}"
            with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState) as refused:
                connection.execute(add.encode())
            assert refused.value.diag.message_primary == f'index "{index}" is not valid'
    assert job_id is not None
    connection.execute("CALL sys.wait_for_job(%s)", [job_id[0]])
    connection.execute("ALTER TABLE checked ADD CONSTRAINT u UNIQUE USING INDEX checked_v")


def test_a_primary_key_of_any_name_keeps_its_columns(connection: Connection) -> None:
    connection.execute("CREATE TABLE keyed (id int CONSTRAINT my_key PRIMARY KEY, v int)")
    with pytest.raises(psycopg.errors.FeatureNotSupported) as refused:
        connection.execute("ALTER TABLE keyed DROP COLUMN id CASCADE")
    assert refused.value.diag.message_primary == "cannot drop primary key column id"
    connection.execute("ALTER TABLE keyed DROP COLUMN v")
    connection.execute("DROP TABLE keyed")
    connection.execute("ALTER TABLE checked ADD COLUMN id_pkey int")
    connection.execute("ALTER TABLE checked DROP COLUMN id_pkey")


def test_a_table_that_changes_much_is_analysed_by_a_job(connection: Connection) -> None:
    connection.execute("INSERT INTO pointed SELECT generate_series(11, 2000)")
    jobs = "SELECT status FROM sys.jobs WHERE job_type = 'ANALYZE' AND object_name = %s"
    assert eventually(
        lambda: ("completed",) in connection.execute(jobs, ["public.pointed"]).fetchall()
    )
    known = connection.execute("SELECT reltuples FROM pg_class WHERE relname = 'pointed'")
    assert known.fetchone() == (2000.0,)


def test_analyze_by_hand_is_no_job_and_has_no_place_in_a_transaction(
    connection: Connection,
) -> None:
    assert connection.execute("ANALYZE checked").statusmessage == "ANALYZE"
    notices: list[str | None] = []
    connection.add_notice_handler(lambda notice: notices.append(notice.message_primary))
    assert connection.execute("ANALYZE").statusmessage == "ANALYZE"
    assert notices == []
    with pytest.raises(psycopg.errors.ActiveSqlTransaction):
        connection.execute("SELECT 1; ANALYZE checked")
    connection.execute("BEGIN")
    with pytest.raises(psycopg.errors.ActiveSqlTransaction):
        connection.execute("ANALYZE checked")


def test_ended_jobs_leave_after_half_an_hour_when_another_starts(connection: Connection) -> None:
    old = submit(connection, f"{VALIDATE} good")
    assert outcome(connection, old) == ("completed", None)
    with connect_inside() as inside:
        inside.execute(
            "UPDATE dsqlkit.job SET update_time = update_time - interval '31 minutes'"
            " WHERE job_id = %s",
            [old],
        )
    there = "SELECT FROM sys.jobs WHERE job_id = %s"
    assert connection.execute(there, [old]).rowcount == 1
    outcome(connection, submit(connection, f"{VALIDATE} bad"))
    assert connection.execute(there, [old]).rowcount == 0

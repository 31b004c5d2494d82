"""DROP INDEX of an index that is still to be built: it goes, and its build with it."""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import psycopg
import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.token import TokenSigner
from tests.support.inside import connect_inside
from tests.support.waiting import eventually


@pytest.fixture(autouse=True)
def _table(connection: Connection) -> Iterator[None]:
    connection.execute("CREATE TABLE held (id int PRIMARY KEY, a int)")
    connection.execute("INSERT INTO held SELECT i, i FROM generate_series(1, 1000) i")
    yield
    connection.execute("ROLLBACK")
    connection.execute("DROP TABLE held")


@contextmanager
def no_build_begins() -> Generator[None, None, None]:
    """Keeps the builds of the table's indexes from making them."""
    with connect_inside() as inside, inside.transaction():
        inside.execute("LOCK TABLE held IN SHARE UPDATE EXCLUSIVE MODE")
        yield


@contextmanager
def being_built(connection: Connection, index: str) -> Generator[str, None, None]:
    """The job of an index whose build is under way, and would take longer than a test may."""
    connection.execute(
        "CREATE OR REPLACE FUNCTION slow(int) RETURNS int LANGUAGE sql IMMUTABLE"
        " AS $$ SELECT $1 FROM pg_sleep(0.5) $$"
    )
    job_id = submit(connection, f"{index} (slow(a))")
    with connect_inside() as inside:
        phase = "SELECT FROM pg_stat_progress_create_index WHERE phase LIKE 'building index%'"
        assert eventually(lambda: inside.execute(phase.encode()).rowcount > 0)
    yield job_id
    connection.execute("DROP FUNCTION slow")


def submit(connection: Connection, definition: str) -> str:
    row = connection.execute(f"CREATE INDEX ASYNC {definition}".encode()).fetchone()
    assert row is not None
    return str(row[0])


def outcome(connection: Connection, job_id: str) -> tuple[object, ...] | None:
    connection.execute("CALL sys.wait_for_job(%s)", [job_id])
    return connection.execute(
        "SELECT status, details, object_name FROM sys.jobs WHERE job_id = %s", [job_id]
    ).fetchone()


def exists(connection: Connection, index: str) -> bool:
    return connection.execute("SELECT to_regclass(%s)", [index]).fetchone() != (None,)


def dropped(index: str) -> tuple[str, str, None]:
    return "completed", f'relation "{index}" does not exist', None


@pytest.mark.parametrize(
    ("index", "drop"),
    [
        ("i", "DROP INDEX i"),
        ("i", "drop index if exists public.i cascade"),
        ("i", "DROP INDEX I, i RESTRICT"),
        ('"An ""index"', 'DROP INDEX "An ""index"'),
        ("i", "DROP INDEX IF EXISTS nowhere, i"),
    ],
)
@pytest.mark.parametrize("extended", [False, True])
def test_it_is_dropped_before_it_is_there(
    connection: Connection, index: str, drop: str, extended: bool
) -> None:
    with no_build_begins():
        job_id = submit(connection, f"{index} ON held (a)")
        if extended:
            answer = connection.pgconn.exec_params(drop.encode(), None)
        else:
            answer = connection.pgconn.exec_(drop.encode())
        assert (answer.error_message, answer.command_status) == (b"", b"DROP INDEX")
        assert answer.nfields == 0
    assert outcome(connection, job_id) == dropped(f"public.{index}")
    assert not exists(connection, index)


def test_right_after_the_build_was_submitted_it_is_dropped(connection: Connection) -> None:
    for _ in range(20):
        job_id = submit(connection, "i ON held (a)")
        assert connection.execute("DROP INDEX i").statusmessage == "DROP INDEX"
        assert (outcome(connection, job_id) or ())[0] == "completed"
        assert not exists(connection, "i")


def test_its_name_is_taken_until_then_and_free_from_then_on(connection: Connection) -> None:
    with no_build_begins():
        first = submit(connection, "i ON held (a)")
        with pytest.raises(psycopg.errors.DuplicateTable) as refused:
            connection.execute("CREATE INDEX ASYNC i ON held (a)")
        assert refused.value.diag.message_primary == 'relation "i" already exists'
        connection.execute("DROP INDEX i")
        with pytest.raises(psycopg.errors.UndefinedObject) as missing:
            connection.execute("DROP INDEX i")
        diagnosis = missing.value.diag
        assert (diagnosis.message_primary, diagnosis.context) == ('index "i" does not exist', None)
        second = submit(connection, "i ON held (a)")
    assert outcome(connection, first) == dropped("public.i")
    assert outcome(connection, second) == ("completed", None, "public.i")
    assert exists(connection, "i")


@pytest.mark.parametrize("writer_is_idle", [False, True])
def test_a_build_under_way_is_cancelled(
    connection: Connection, endpoint: Endpoint, signer: TokenSigner, writer_is_idle: bool
) -> None:
    with closing(connect(endpoint, signer)) as writer:
        writer.execute("BEGIN")
        if writer_is_idle:
            writer.execute("UPDATE held SET a = 0 WHERE id = 1")
        with being_built(connection, "i ON held") as job_id:
            connection.execute("DROP INDEX i")
            assert not exists(connection, "i")
            with pytest.raises(psycopg.errors.UndefinedTable):
                connection.execute("SELECT 'i'::regclass")
            again = submit(connection, "i ON held (a)")
            assert outcome(connection, job_id) == dropped("public.i")
            assert outcome(connection, again) == ("completed", None, "public.i")


def test_a_drop_that_is_rolled_back_leaves_the_build(connection: Connection) -> None:
    with no_build_begins():
        job_id = submit(connection, "i ON held (a)")
        connection.execute("BEGIN")
        assert connection.execute("DROP INDEX i").statusmessage == "DROP INDEX"
        connection.execute("ROLLBACK")
        with pytest.raises(psycopg.errors.UndefinedObject):
            connection.execute("DROP INDEX i, nowhere")
    assert outcome(connection, job_id) == ("completed", None, "public.i")
    assert exists(connection, "i")


def test_a_drop_that_commits_after_the_build_was_to_end_drops_it(
    connection: Connection, endpoint: Endpoint, signer: TokenSigner
) -> None:
    with closing(connect(endpoint, signer)) as other:
        with no_build_begins():
            job_id = submit(connection, "i ON held (a)")
            other.execute("BEGIN")
            other.execute("DROP INDEX i")
        # Nobody waits for an idle transaction, the build neither.
        assert outcome(connection, job_id) == ("completed", None, "public.i")
        other.execute("COMMIT")
    assert not exists(connection, "i")


@pytest.mark.parametrize("index", ["i", '"An ""index"'])
def test_it_is_gone_from_the_catalog_before_its_build_has_ended(
    connection: Connection, index: str
) -> None:
    with connect_inside() as inside, being_built(connection, f"{index} ON held") as job_id:
        with inside.transaction():
            # With this PostgreSQL keeps what was built of it.
            inside.execute("SELECT FROM held")
            connection.execute(f"DROP INDEX {index}".encode())
            left = "SELECT relname FROM pg_class WHERE relname = 'i' OR relname LIKE 'An%'"
            assert inside.execute(left).rowcount == 1
            assert connection.execute(left).rowcount == 0
            shown = connection.execute("SELECT indexname FROM pg_indexes WHERE tablename = 'held'")
            assert shown.fetchall() == [("held_pkey",)]
            shown = connection.execute("SELECT FROM pg_index WHERE indrelid = 'held'::regclass")
            assert shown.rowcount == 1
        assert outcome(connection, job_id) == dropped(f"public.{index}")
        assert not exists(connection, index)


def test_who_has_read_the_table_is_told_of_the_drop(
    connection: Connection, endpoint: Endpoint, signer: TokenSigner
) -> None:
    with closing(connect(endpoint, signer)) as reader, no_build_begins():
        submit(connection, "i ON held (a)")
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM held")
        connection.execute("DROP INDEX i")
        with pytest.raises(psycopg.errors.SerializationFailure, match="OC001"):
            reader.execute("COMMIT")


def test_only_who_owns_the_table_drops_it(connection: Connection, endpoint: Endpoint) -> None:
    connection.execute("CREATE ROLE stranger WITH LOGIN")
    arn = "arn:aws:iam::123456789012:role/stranger"
    connection.execute(f"AWS IAM GRANT stranger TO '{arn}'".encode())
    with no_build_begins(), connect(replace(endpoint, user="stranger")) as stranger:
        job_id = submit(connection, "i ON held (a)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as refused:
            stranger.execute("DROP INDEX i")
        assert refused.value.diag.message_primary == "must be owner of index i"
        assert refused.value.diag.context is None
    assert outcome(connection, job_id) == ("completed", None, "public.i")
    connection.execute(f"AWS IAM REVOKE stranger FROM '{arn}'".encode())
    connection.execute("DROP ROLE stranger")


def test_an_index_is_found_by_the_search_path(connection: Connection) -> None:
    connection.execute("CREATE SCHEMA first")
    connection.execute("CREATE TABLE first.held (id int PRIMARY KEY)")
    theirs = submit(connection, "i ON first.held (id)")
    assert outcome(connection, theirs) == ("completed", None, "first.i")
    with no_build_begins():
        job_id = submit(connection, "i ON held (a)")
        connection.execute("SET search_path = first, public")
        connection.execute("DROP INDEX i")
        assert not exists(connection, "first.i")
        connection.execute("DROP INDEX i")
    connection.execute("RESET search_path")
    assert outcome(connection, job_id) == dropped("public.i")
    connection.execute("DROP SCHEMA first CASCADE")


@pytest.mark.parametrize(
    ("drop", "sqlstate", "message"),
    [
        ("DROP INDEX nowhere", "42704", 'index "nowhere" does not exist'),
        ("DROP INDEX held", "42809", '"held" is not an index'),
        (
            "DROP INDEX held_pkey",
            "2BP01",
            "cannot drop index held_pkey because constraint held_pkey on table held requires it",
        ),
        (
            "DROP INDEX CONCURRENTLY held_pkey",
            "0A000",
            "CONCURRENTLY not supported for DROP INDEX",
        ),
    ],
)
def test_other_names_are_answered_as_ever(
    connection: Connection, drop: str, sqlstate: str, message: str
) -> None:
    with pytest.raises(psycopg.Error) as refused:
        connection.execute(drop.encode())
    diagnosis = refused.value.diag
    assert (diagnosis.sqlstate, diagnosis.message_primary) == (sqlstate, message)
    assert diagnosis.context is None


def test_an_index_that_is_missed_is_noticed_without_a_context(connection: Connection) -> None:
    notices: list[tuple[str | None, str | None]] = []
    connection.add_notice_handler(
        lambda notice: notices.append((notice.message_primary, notice.context))
    )
    assert connection.execute("DROP INDEX IF EXISTS nowhere").statusmessage == "DROP INDEX"
    assert notices == [('index "nowhere" does not exist, skipping', None)]


@pytest.mark.parametrize("ending", ["", " RESTRICT", " CASCADE"])
def test_a_primary_key_is_not_dropped_whatever_its_name(
    connection: Connection, ending: str
) -> None:
    connection.execute(
        "CREATE TABLE keyed (id int CONSTRAINT my_key PRIMARY KEY, v int CONSTRAINT once UNIQUE,"
        " CONSTRAINT positive CHECK (v > 0), CONSTRAINT there FOREIGN KEY (v) REFERENCES held)"
    )
    with pytest.raises(psycopg.errors.FeatureNotSupported) as refused:
        connection.execute(f"ALTER TABLE keyed DROP CONSTRAINT my_key{ending}".encode())
    told = refused.value.diag.message_primary
    assert told == "unsupported ALTER TABLE DROP CONSTRAINT statement"
    assert refused.value.diag.context is None
    for other in ("once", "positive", "there"):
        connection.execute(f"ALTER TABLE keyed DROP CONSTRAINT {other}{ending}".encode())
    connection.execute("DROP TABLE keyed")

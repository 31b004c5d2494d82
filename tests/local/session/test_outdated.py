"""A session that knows a table as it was is told once that somebody else has changed it (OC001)."""

from collections.abc import Iterator

import psycopg
import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from tests.support.raw_client import RawClient, pipelined

CHANGED = "schema has been updated by another transaction (OC001)"
DDL = (
    "ALTER TABLE outdated ADD COLUMN more text",
    "ALTER TABLE outdated ALTER COLUMN v SET DEFAULT 1",
    "ALTER TABLE outdated RENAME COLUMN v TO w",
    "GRANT SELECT ON outdated TO grantee",
    "GRANT UPDATE (v), INSERT ON TABLE public.outdated TO grantee",
    "REVOKE ALL ON outdated FROM grantee",
)


@pytest.fixture
def other(endpoint: Endpoint) -> Iterator[Connection]:
    """Another session, which has made the table."""
    with connect(endpoint) as opened:
        opened.execute("CREATE TABLE outdated (id int PRIMARY KEY, v int)")
        opened.execute("CREATE TABLE unchanged (id int PRIMARY KEY)")
        opened.execute("CREATE ROLE grantee")
        yield opened
        opened.execute("DROP TABLE outdated")
        opened.execute("DROP TABLE unchanged")
        opened.execute("DROP ROLE grantee")


def told(connection: Connection, sql: str) -> str | None:
    try:
        connection.execute(sql.encode())
    except psycopg.errors.SerializationFailure as error:
        return str(error)
    return None


@pytest.mark.parametrize("ddl", DDL)
@pytest.mark.parametrize("use", ["SELECT id FROM outdated", "DELETE FROM outdated WHERE id = %s"])
def test_the_next_statement_on_the_table_is_told_once(
    connection: Connection, other: Connection, ddl: str, use: str
) -> None:
    use = use.replace("%s", "1")
    connection.execute(use.encode())
    connection.execute("SELECT id FROM unchanged")
    other.execute(ddl.encode())
    assert told(connection, "SELECT id FROM unchanged") is None
    assert told(connection, use) == CHANGED
    assert told(connection, use) is None
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


UPDATE = "UPDATE outdated SET id = id WHERE id = 1"


@pytest.mark.parametrize(
    "texts",
    [
        ("BEGIN", UPDATE),
        ("BEGIN", UPDATE, UPDATE),
        ("BEGIN", UPDATE, "COMMIT"),
        ("BEGIN", "SELECT 1", UPDATE),
        ("SELECT 1", UPDATE),
        (UPDATE, "SELECT 1"),
        ("SELECT id FROM unchanged", "DELETE FROM unchanged", UPDATE),
        (UPDATE, UPDATE),
        ("SELECT 1", "EXPLAIN ANALYZE " + UPDATE),
        ("EXPLAIN " + UPDATE, "SELECT 1"),
    ],
)
def test_a_pipeline_is_told_as_well_and_so_is_who_used_the_table_in_one(
    endpoint: Endpoint, other: Connection, texts: tuple[str, ...]
) -> None:
    client = RawClient(endpoint)
    for ddl in DDL[:2]:
        assert client.send_frames(pipelined(*texts)).sqlstate is None
        client.ask("COMMIT")
        other.execute(ddl.encode())
        reply = client.send_frames(pipelined(*texts))
        assert (reply.sqlstate, reply.message) == ("40001", CHANGED)
        client.ask("ROLLBACK")
        assert client.send_frames(pipelined(*texts)).sqlstate is None
        client.ask("COMMIT")
    client.close()


def test_what_a_pipeline_skipped_is_told_later(endpoint: Endpoint, other: Connection) -> None:
    client = RawClient(endpoint)
    client.ask(UPDATE)
    other.execute(DDL[0].encode())
    assert client.send_frames(pipelined("SELECT 1/0", UPDATE)).sqlstate == "22012"
    assert client.send_frames(pipelined("SELECT 1", UPDATE)).message == CHANGED
    assert client.ask(UPDATE).sqlstate is None
    client.close()


@pytest.mark.parametrize(
    "texts",
    [
        ("EXPLAIN SELECT id FROM outdated",),
        ("EXPLAIN ANALYZE SELECT id FROM outdated",),
        ("COPY outdated FROM STDIN",),
        ("BEGIN", "COPY outdated FROM STDIN"),
        ("COPY outdated TO STDOUT",),
        ("SELECT 1; SELECT id FROM outdated",),
        ("BEGIN; SELECT id FROM outdated; COMMIT",),
        ("BEGIN", "DECLARE c CURSOR FOR SELECT id FROM outdated"),
    ],
)
def test_whatever_uses_the_table_is_told(
    endpoint: Endpoint, other: Connection, texts: tuple[str, ...]
) -> None:
    client = RawClient(endpoint)
    client.ask("SELECT id FROM outdated")
    other.execute(DDL[0].encode())
    *first, last = texts
    for text in first:
        assert client.ask(text).sqlstate is None
    assert client.ask(last).message == CHANGED
    client.close()


def test_nobody_is_told_of_a_view_a_drop_or_a_role(
    connection: Connection, other: Connection
) -> None:
    connection.execute("SELECT id FROM outdated")
    for ddl in (
        "CREATE VIEW outdated_too AS SELECT * FROM outdated",
        "DROP VIEW outdated_too",
        "GRANT grantee TO admin",
        "REVOKE grantee FROM admin",
        "COMMENT ON TABLE outdated IS 'told'",
    ):
        other.execute(ddl.encode())
    assert told(connection, "SELECT id FROM outdated") is None


NO_CHANGES = (
    "ALTER TABLE outdated ADD COLUMN IF NOT EXISTS v int",
    "ALTER TABLE outdated ADD IF NOT EXISTS v int, ADD COLUMN IF NOT EXISTS id int",
    "ALTER TABLE outdated DROP COLUMN IF EXISTS nothing",
    "ALTER TABLE outdated DROP CONSTRAINT IF EXISTS nothing",
    "ALTER TABLE IF EXISTS nowhere ADD COLUMN v int",
    "ALTER TABLE IF EXISTS nowhere RENAME TO outdated",
    "ALTER TABLE IF EXISTS nowhere SET SCHEMA public",
    "CREATE TABLE IF NOT EXISTS outdated (id int PRIMARY KEY)",
    "CREATE INDEX ASYNC IF NOT EXISTS outdated_pkey ON outdated (v)",
    "DROP TABLE IF EXISTS nothing, nowhere",
    "DROP INDEX IF EXISTS nothing",
)
PARTLY = (
    "ALTER TABLE outdated ADD COLUMN IF NOT EXISTS v int, ADD COLUMN IF NOT EXISTS w int",
    "ALTER TABLE outdated ADD COLUMN IF NOT EXISTS v int, ALTER COLUMN v SET DEFAULT 1",
    "ALTER TABLE IF EXISTS outdated ADD COLUMN w int",
)


@pytest.mark.parametrize("ddl", NO_CHANGES)
@pytest.mark.parametrize(
    "around", [("{}",), ("BEGIN", "SELECT 1", "{}", "COMMIT"), ("SELECT 1; {}",)]
)
def test_nobody_is_told_of_what_changed_nothing(
    endpoint: Endpoint, other: Connection, ddl: str, around: tuple[str, ...]
) -> None:
    idle, busy = RawClient(endpoint), RawClient(endpoint)
    for client in (idle, busy):
        client.ask("SELECT id FROM outdated")
    busy.ask("BEGIN")
    busy.ask("INSERT INTO outdated VALUES (1)")
    for text in around:
        other.execute(text.format(ddl).encode())
    assert idle.ask("SELECT id FROM outdated").sqlstate is None
    assert busy.ask("COMMIT").sqlstate is None
    idle.close()
    busy.close()


@pytest.mark.parametrize("ddl", PARTLY)
def test_all_are_told_of_what_changed_a_part(
    connection: Connection, other: Connection, ddl: str
) -> None:
    connection.execute("SELECT id FROM outdated")
    other.execute(ddl.encode())
    assert told(connection, "SELECT id FROM outdated") == CHANGED
    connection.execute("BEGIN")
    connection.execute("INSERT INTO outdated VALUES (1)")
    other.execute("ALTER TABLE outdated ADD COLUMN IF NOT EXISTS last int")
    assert told(connection, "COMMIT") == CHANGED


def test_a_transaction_that_begins_with_it_has_failed(
    connection: Connection, other: Connection
) -> None:
    connection.execute("SELECT id FROM outdated")
    other.execute(DDL[0].encode())
    connection.execute("BEGIN")
    assert told(connection, "INSERT INTO outdated VALUES (1)") == CHANGED
    assert connection.execute("COMMIT").statusmessage == "ROLLBACK"
    connection.execute("BEGIN")
    assert told(connection, "INSERT INTO outdated VALUES (1)") is None
    assert connection.execute("COMMIT").statusmessage == "COMMIT"


def test_a_transaction_that_was_open_is_told_at_its_commit_alone(
    connection: Connection, other: Connection
) -> None:
    connection.execute("BEGIN")
    connection.execute("INSERT INTO outdated VALUES (1)")
    other.execute("CREATE INDEX ASYNC ON outdated (v)")
    assert told(connection, "INSERT INTO outdated VALUES (2)") is None
    assert told(connection, "COMMIT") == CHANGED
    assert told(connection, "INSERT INTO outdated VALUES (1)") is None


def test_who_made_the_change_knows_of_it(connection: Connection, other: Connection) -> None:
    other.execute("SELECT id FROM outdated")
    other.execute(DDL[0].encode())
    assert told(other, "SELECT id, more FROM outdated") is None
    connection.execute("SELECT id FROM outdated")  # it has not known the table before
    connection.execute(DDL[1].encode())
    assert told(connection, "SELECT id FROM outdated") is None


def test_no_idle_session_is_told_of_an_index(connection: Connection, other: Connection) -> None:
    connection.execute("SELECT id FROM outdated")
    (job,) = other.execute("CREATE INDEX ASYNC ON outdated (v)").fetchone() or ("",)
    assert told(connection, "SELECT id FROM outdated") is None
    other.execute("CALL sys.wait_for_job(%s)", (job,))
    assert told(connection, "SELECT id FROM outdated") is None

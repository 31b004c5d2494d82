"""What one pipeline in autocommit may hold: up to its Sync it is one transaction."""

from collections.abc import Iterator

import psycopg
import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.local.dialect.refusal import SCHEMA_CONFLICT
from dsqlkit.local.wire.messages import SYNC
from tests.support.raw import query
from tests.support.raw_client import RawClient, Reply, pipelined

SECOND_DDL = "multiple ddl statements not supported in a transaction"
MIXED = "ddl and dml are not supported in the same transaction"
ANALYZE = "ANALYZE cannot run inside a transaction block"
ONE = "CREATE TABLE one (id int)"
TWO = "CREATE TABLE two (id int)"
ADD = "INSERT INTO piped VALUES (1)"


@pytest.fixture
def connection(endpoint: Endpoint) -> Iterator[Connection]:
    """A session beside the one that is tried, with the tables."""
    with connect(endpoint) as opened:
        opened.execute("CREATE TABLE piped (id int PRIMARY KEY, a int, b int)")
        yield opened
        for table in ("piped", "one", "two"):
            opened.execute(f"DROP TABLE IF EXISTS {table}".encode())


def run(client: RawClient, *texts: str) -> Reply:
    return client.send_frames(pipelined(*texts))


def in_a_pipeline(connection: Connection, *texts: str) -> None:
    with connection.pipeline():
        for text in texts:
            connection.execute(text.encode())


def left(connection: Connection) -> list[str]:
    """What there is of the tables and rows."""
    tables = connection.execute(
        "SELECT relname::text FROM pg_class WHERE relname IN ('one', 'two')"
        " UNION ALL SELECT 'row' FROM piped ORDER BY 1"
    )
    return [name for (name,) in tables.fetchall()]


@pytest.mark.parametrize(
    ("texts", "refusal"),
    [
        ((ONE, TWO), SECOND_DDL),
        ((ONE, "SELECT 1", TWO), SECOND_DDL),
        ((ONE, ADD), MIXED),
        ((ADD, ONE), MIXED),
        (("SELECT 1", ADD, ONE, "SELECT 2"), MIXED),
        (("CREATE INDEX ASYNC ON piped (a)", "CREATE INDEX ASYNC ON piped (b)"), SECOND_DDL),
        (("GRANT SELECT ON piped TO admin", ONE), SECOND_DDL),
        ((ONE, "CREATE VIEW two AS SELECT 1"), SECOND_DDL),
        ((ONE, "DELETE FROM piped WHERE id = 7"), MIXED),
        ((ADD, "ANALYZE piped"), ANALYZE),
        ((ONE, "BEGIN", ADD, "COMMIT"), MIXED),
        (("SELECT 1", "BEGIN", ONE, TWO), SECOND_DDL),
        ((ONE, "EXPLAIN ANALYZE DELETE FROM piped"), MIXED),
        (("EXPLAIN ANALYZE DELETE FROM piped", ONE), MIXED),
    ],
)
def test_what_one_query_may_not_hold_one_pipeline_may_not_either(
    connection: Connection, client: RawClient, texts: tuple[str, ...], refusal: str
) -> None:
    reply = run(client, *texts)
    assert reply.message == refusal
    assert reply.sqlstate == ("25001" if refusal == ANALYZE else "0A000")
    assert reply.status == ("E" if "BEGIN" in texts else "I")
    assert left(connection) == []
    client.ask("ROLLBACK")
    assert run(client, ADD, "SELECT 1").sqlstate is None
    assert left(connection) == ["row"]


@pytest.mark.parametrize(
    ("texts", "kept"),
    [
        ((ONE,), ["one"]),
        (("SELECT 1", ONE), ["one"]),
        ((ONE, "SELECT count(*) FROM one"), ["one"]),
        (("SET TIME ZONE 'UTC'", ONE, "SHOW timezone"), ["one"]),
        (("BEGIN", ONE, "COMMIT"), ["one"]),
        (("BEGIN", ONE, "COMMIT", "BEGIN", TWO, "COMMIT"), ["one", "two"]),
        ((ONE, "COMMIT", TWO), ["one", "two"]),
        ((ADD, "COMMIT", ONE), ["one", "row"]),
        ((ONE, "ROLLBACK", ADD), ["row"]),
        ((ADD, "UPDATE piped SET a = 1"), ["row"]),
        (("ANALYZE piped", "ANALYZE piped", "SELECT 1"), []),
        ((ADD, "COMMIT", "ANALYZE piped"), ["row"]),
    ],
)
def test_all_else_goes_on_as_before(
    connection: Connection, client: RawClient, texts: tuple[str, ...], kept: list[str]
) -> None:
    reply = run(client, *texts)
    assert (reply.message, reply.status) == (None, "I")
    assert left(connection) == kept


def test_the_first_sync_begins_another_transaction(
    connection: Connection, client: RawClient
) -> None:
    assert client.send_frames(pipelined(ONE) + pipelined(TWO)).sqlstate is None
    assert client.reply().sqlstate is None
    assert client.send_frames(pipelined(ADD, "DROP TABLE one") + pipelined(ADD)).message == MIXED
    assert client.reply().sqlstate is None
    assert left(connection) == ["one", "row", "two"]


@pytest.mark.parametrize(
    ("first", "second", "refusal"), [(ONE, ADD, MIXED), (ADD, TWO, MIXED), (ONE, TWO, SECOND_DDL)]
)
def test_a_begin_at_the_end_of_a_pipeline_goes_on_with_what_came_before(
    connection: Connection, client: RawClient, first: str, second: str, refusal: str
) -> None:
    assert run(client, first, "BEGIN").status == "T"
    assert client.ask(second).message == refusal
    assert client.ask("COMMIT").results[0].tag == "ROLLBACK"
    assert left(connection) == []


def test_a_begin_in_a_block_changes_nothing(connection: Connection, client: RawClient) -> None:
    for text in ("BEGIN", ONE, "BEGIN"):
        assert client.ask(text).sqlstate is None
    assert client.ask(ADD).message == MIXED


def test_a_driver_s_pipeline_names_the_statement_that_is_refused(
    connection: Connection, endpoint: Endpoint
) -> None:
    with connect(endpoint) as other:
        with pytest.raises(psycopg.errors.FeatureNotSupported, match=SECOND_DDL):
            in_a_pipeline(other, ONE, TWO)
        in_a_pipeline(other, ADD, "SELECT 1")
    assert left(connection) == ["row"]


@pytest.mark.parametrize(
    ("piped", "last", "refusal", "kept"),
    [
        (("COMMIT", ONE), TWO, SECOND_DDL, []),
        (("COMMIT", ONE), ADD, MIXED, []),
        (("COMMIT", ADD), ONE, MIXED, []),
        (("ROLLBACK", ONE), TWO, SECOND_DDL, []),
        ((ADD, "COMMIT", ONE), TWO, SECOND_DDL, ["row"]),
        ((ONE, "COMMIT", ADD), TWO, MIXED, ["one"]),
        (("BEGIN", ADD, "COMMIT", ONE), TWO, SECOND_DDL, ["row"]),
        ((ONE, "BEGIN"), ADD, MIXED, []),
        (("BEGIN", "COMMIT", "BEGIN", ONE), TWO, SECOND_DDL, []),
        ((ONE, "COMMIT"), TWO, None, ["one", "two"]),
        ((ONE, "ROLLBACK"), TWO, None, ["two"]),
        (("COMMIT", ONE), "ROLLBACK", None, []),
        (("COMMIT", ADD), "SELECT 1", None, ["row"]),
    ],
)
def test_a_query_in_a_pipeline_joins_what_came_since_the_last_commit(
    connection: Connection,
    client: RawClient,
    piped: tuple[str, ...],
    last: str,
    refusal: str | None,
    kept: list[str],
) -> None:
    client.send_part(pipelined(*piped).removesuffix(SYNC) + query(last))
    reply = client.reply()
    assert len(reply.results) == len(piped) + (refusal is None)
    assert reply.message == refusal
    client.ask("ROLLBACK")
    assert left(connection) == kept


@pytest.mark.parametrize(
    ("text", "refusal", "kept"),
    [
        (f"{ONE}; COMMIT; {TWO}; {ADD}", MIXED, ["one"]),
        (f"{ONE}; COMMIT; {TWO}", None, ["one", "two"]),
        (f"{ADD}; COMMIT; {ONE}; COMMIT; {TWO}", None, ["one", "row", "two"]),
        (f"BEGIN; {ONE}; COMMIT; {TWO}; {ADD}", MIXED, ["one"]),
        (f"{ONE}; BEGIN; {ADD}", MIXED, []),
        (f"{ONE}; ROLLBACK; {ADD}; {TWO}", MIXED, []),
        (f"COMMIT; {ONE}; {TWO}", SECOND_DDL, []),
    ],
)
def test_a_commit_within_a_text_begins_another_transaction(
    connection: Connection, client: RawClient, text: str, refusal: str | None, kept: list[str]
) -> None:
    assert client.ask(text).message == refusal
    client.ask("ROLLBACK")
    assert left(connection) == kept


def test_what_comes_at_once_after_a_begin_in_a_pipeline_is_in_its_block(
    connection: Connection, client: RawClient
) -> None:
    client.send_part(pipelined(ONE, "BEGIN") + query("ROLLBACK") + query("SELECT 1"))
    tags = [result.tag for _ in range(3) for result in client.reply().results]
    assert tags == ["CREATE TABLE", "BEGIN", "ROLLBACK", "SELECT 1"]
    assert client.ask(ADD).message is None
    assert left(connection) == ["row"]


def test_a_begin_after_an_explain_in_a_pipeline_is_answered_in_full(client: RawClient) -> None:
    client.send_part(pipelined("EXPLAIN SELECT 1", "BEGIN"))
    kinds = b"".join(frame[:1] for frame in client.frames())
    assert kinds.startswith(b"12T")
    assert kinds.endswith(b"C12nC")
    assert client.ask("COMMIT").results[0].tag == "COMMIT"


def test_what_a_commit_in_a_pipeline_committed_is_known_to_others(
    connection: Connection, client: RawClient, endpoint: Endpoint
) -> None:
    other = RawClient(endpoint)
    assert other.ask("SELECT * FROM piped").sqlstate is None
    run(client, "ALTER TABLE piped ADD COLUMN c int", "COMMIT", "BEGIN")
    assert other.ask("SELECT * FROM piped").message == SCHEMA_CONFLICT
    client.ask("ROLLBACK")
    other.close()

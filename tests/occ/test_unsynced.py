"""Clients that wait, or do something else, before they send the Sync that commits a pipeline.

Nobody waits for them: who commits first wins, as everywhere.
"""

from collections.abc import Iterator

import psycopg
import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.local.wire.messages import FLUSH, SYNC, Frontend, message
from tests.support.raw_client import RawClient, pipelined

ADD = "UPDATE unsynced SET v = v + 1 WHERE id = {} RETURNING v"
PARSED = message(Frontend.PARSE, b"one\0TABLE unsynced\0\0\0") + message(
    Frontend.DESCRIBE, b"Sone\0"
)
BOUND = message(Frontend.BIND, b"\0one\0" + bytes(6))
ALL, SOME = (message(Frontend.EXECUTE, b"\0" + bytes((0, 0, 0, most))) for most in (0, 1))


def parts(*texts: str) -> bytes:
    return pipelined(*texts).removesuffix(SYNC)


@pytest.fixture(scope="module")
def db(endpoint: Endpoint) -> Iterator[Connection]:
    with connect(endpoint) as connection:
        connection.execute("CREATE TABLE unsynced (id int PRIMARY KEY, v int)")
        yield connection
        connection.execute("DROP TABLE unsynced")


@pytest.fixture
def client(endpoint: Endpoint, db: Connection) -> Iterator[RawClient]:
    db.execute("DELETE FROM unsynced")
    db.execute("INSERT INTO unsynced VALUES (1, 0), (2, 0), (3, 0)")
    opened = RawClient(endpoint)
    yield opened
    opened.close()


def values(db: Connection) -> list[int]:
    return [v for (v,) in db.execute("SELECT v FROM unsynced ORDER BY id").fetchall()]


@pytest.mark.parametrize("before", [[], ["SELECT 1"], ["TABLE unsynced", "SELECT 2"]])
def test_what_nobody_else_wants_is_committed_by_its_sync(
    db: Connection, client: RawClient, before: list[str]
) -> None:
    client.send_part(parts(*before, ADD.format(1)) + FLUSH)
    assert [client.wait_for(b"C") for _ in (*before, ADD)][-1] == "UPDATE 1"
    assert values(db) == [0, 0, 0]
    reply = client.send_frames(parts(ADD.format(2)) + SYNC)
    assert (reply.sqlstate, reply.status) == (None, "I")
    assert values(db) == [1, 1, 0]


def test_who_commits_while_it_waits_for_its_sync_wins(db: Connection, client: RawClient) -> None:
    client.send_part(parts(ADD.format(1)) + FLUSH)
    assert client.wait_for(b"C") == "UPDATE 1"
    assert db.execute(b"UPDATE unsynced SET v = 10 WHERE id = 1").rowcount == 1
    reply = client.send_frames(parts(ADD.format(2)) + SYNC)
    assert (reply.sqlstate, reply.status) == ("40001", "I")
    assert values(db) == [10, 0, 0]
    assert client.ask("SELECT 5").results[0].rows == [["5"]]


def test_a_portal_with_rows_to_come_keeps_nobody_waiting(db: Connection, client: RawClient) -> None:
    text = b"\0UPDATE unsynced SET v = v + 1 RETURNING id\0\0\0"
    bind = message(Frontend.BIND, bytes(8))
    client.send_part(message(Frontend.PARSE, text) + bind + SOME + FLUSH)
    client.wait_for(b"s")
    assert db.execute(b"UPDATE unsynced SET v = 10 WHERE id = 3").rowcount == 1
    assert client.send_frames(SYNC).sqlstate == "40001"
    assert values(db) == [0, 0, 10]


@pytest.mark.parametrize("flushed", [False, True])
def test_what_came_before_is_not_waited_for_either(
    db: Connection, client: RawClient, flushed: bool
) -> None:
    """It cannot be taken back by itself any more, so the other is told to come again."""
    client.send_part(parts(ADD.format(1), ADD.format(2)) + (FLUSH if flushed else b""))
    assert client.wait_for(b"C") == "UPDATE 1"
    with pytest.raises(psycopg.errors.SerializationFailure):
        db.execute(b"UPDATE unsynced SET v = 10 WHERE id = 1")
    assert client.send_frames(SYNC).status == "I"
    assert values(db) == [1, 1, 0]


def test_what_is_only_prepared_holds_on_to_nothing(db: Connection, client: RawClient) -> None:
    client.send_part(PARSED + FLUSH)
    client.wait_for(b"T")
    db.execute("ALTER TABLE unsynced ADD COLUMN w int")
    db.execute("ALTER TABLE unsynced DROP COLUMN w")
    found = client.send_frames(BOUND + ALL + SYNC)
    if found.sqlstate == "40001":  # it hears of the change, once
        found = client.send_frames(BOUND + ALL + SYNC)
    assert found.results[0].tag == "SELECT 3"


def test_what_is_bound_stays_bound(db: Connection, client: RawClient) -> None:
    client.send_part(PARSED + BOUND + FLUSH)
    assert client.send_frames(ALL + SYNC).results[0].tag == "SELECT 3"
    assert client.send_frames(ALL + SYNC).sqlstate == "34000"


def test_after_what_cannot_be_prepared_all_is_skipped_to_the_sync(
    db: Connection, client: RawClient
) -> None:
    client.send_part(message(Frontend.PARSE, b"\0SELECT nothing\0\0\0") + FLUSH)
    client.send_part(parts(ADD.format(1)) + FLUSH)
    reply = client.send_frames(pipelined(ADD.format(2)))
    assert (reply.sqlstate, reply.results, reply.status) == ("42703", [], "I")
    assert values(db) == [0, 0, 0]
    assert client.ask("SELECT 5").results[0].rows == [["5"]]


def test_a_query_ends_what_came_without_a_sync(db: Connection, client: RawClient) -> None:
    client.send_part(parts(ADD.format(1)))
    assert client.ask(ADD.format(2)).tags == ["UPDATE 1", "UPDATE 1"]
    assert values(db) == [1, 1, 0]
    assert client.send_frames(SYNC).status == "I"


def test_a_query_is_skipped_after_a_failure_without_a_sync(
    db: Connection, client: RawClient
) -> None:
    client.send_part(parts("SELECT 1 / 0"))
    client.send("UPDATE unsynced SET v = 9", "simple")
    reply = client.send_frames(SYNC)
    assert (reply.sqlstate, reply.results, reply.status) == ("22012", [], "I")
    assert values(db) == [0, 0, 0]
    assert len(client.send_frames(pipelined("SELECT 5", "BEGIN")).results) == 2
    assert client.ask("ROLLBACK").status == "I"

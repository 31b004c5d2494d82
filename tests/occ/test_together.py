"""Statements that come at once, as a driver's batch sends them, are sent on at once. What they
answer, and what becomes of their transaction, is as if they had gone one by one."""

import threading
import time
from collections.abc import Callable

import psycopg
import pytest

from dsqlkit import local
from dsqlkit.connection import Connection
from dsqlkit.endpoint import Endpoint
from dsqlkit.local.session.together import leaves_nothing
from dsqlkit.local.wire.messages import SYNC, Frontend, message
from tests.occ.conftest import CONFLICT, Racer, Sessions
from tests.support.raw_client import RawClient, Reply, pipelined
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(60)

Batch = Callable[..., Reply]

ADD = "UPDATE race SET v = v + {} WHERE id = {} RETURNING v"
READ = "SELECT v FROM race ORDER BY id"


@pytest.fixture
def batch(client: RawClient) -> Batch:
    """Sends a transaction's statements at once, its BEGIN with them."""
    return lambda *texts: client.send_frames(pipelined("BEGIN", *texts))


def somebody_does(what: str) -> bool:
    return any(each.doing == what for each in local.sessions())


@pytest.mark.parametrize(
    ("frames", "may_be_sent_again"),
    [
        (pipelined("UPDATE race SET v = 1"), True),
        (message(Frontend.PARSE, b"name\0SELECT 1\0\0\0"), False),
        (message(Frontend.BIND, b"\0name\0" + bytes(6)), True),
        (message(Frontend.BIND, b"portal\0\0" + bytes(6)), False),
        (message(Frontend.EXECUTE, b"portal\0" + bytes(4)), False),
        (message(Frontend.CLOSE, b"Pportal\0"), True),
        (message(Frontend.CLOSE, b"Sname\0"), False),
        (SYNC + message(Frontend.CLOSE, b"Sname\0"), False),
        (b"", True),
    ],
)
def test_frames_that_leave_something_behind_are_told(
    frames: bytes, may_be_sent_again: bool
) -> None:
    assert leaves_nothing(frames) is may_be_sent_again


def test_a_batch_is_answered_as_one_by_one(
    client: RawClient, batch: Batch, racers: Sessions
) -> None:
    (watcher,) = racers(1)
    statements = [ADD.format(1, 1), ADD.format(2, 2), "DELETE FROM race WHERE id = 3"]
    at_once = batch(*statements, "SELECT 1")
    assert client.ask("ROLLBACK").status == "I"
    singly = [client.ask(each, "extended") for each in ("BEGIN", *statements, "SELECT 1")]
    assert at_once.results == [result for reply in singly for result in reply.results]
    assert at_once.tags == ["BEGIN", "UPDATE 1", "UPDATE 1", "DELETE 1", "SELECT 1"]
    assert (at_once.sqlstate, at_once.status) == (None, "T")
    client.ask("COMMIT")
    assert watcher.rows(READ) == [(1,), (2,), (0,), (0,)]


def test_a_batch_after_its_begin_was_answered_is_sent_at_once_too(
    client: RawClient, racers: Sessions
) -> None:
    (watcher,) = racers(1)
    client.ask("BEGIN")
    reply = client.send_frames(pipelined(ADD.format(1, 1), ADD.format(2, 2), "COMMIT"))
    assert reply.tags == ["UPDATE 1", "UPDATE 1", "COMMIT"]
    assert watcher.rows(READ)[:2] == [(1,), (2,)]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_an_error_ends_a_batch_where_it_came(
    client: RawClient, batch: Batch, racers: Sessions, number: int
) -> None:
    racers(1)
    statements = [ADD.format(1, each) for each in (1, 2, 3)]
    statements[number] = "UPDATE race SET v = 1 / 0 WHERE id = 4"
    reply = batch(*statements)
    assert reply.tags == ["BEGIN", *["UPDATE 1"] * number]
    assert (reply.sqlstate, reply.status) == ("22012", "E")
    assert client.ask("SELECT 1").sqlstate == "25P02"
    assert client.ask("COMMIT").tags == ["ROLLBACK"]


def test_an_error_skips_what_comes_before_the_sync(client: RawClient, racers: Sessions) -> None:
    (watcher,) = racers(1)
    frames = pipelined("BEGIN", ADD.format(1, 1), "UPDATE race SET v = 1 / 0", "SELECT 1", "COMMIT")
    reply = client.send_frames(frames)
    assert (reply.tags, reply.sqlstate, reply.status) == (["BEGIN", "UPDATE 1"], "22012", "E")
    client.ask("ROLLBACK")
    assert watcher.rows(READ)[0] == (0,)


def test_a_batch_does_not_wait_for_a_row_that_another_has(
    client: RawClient, batch: Batch, racers: Sessions
) -> None:
    (other,) = racers(1)
    other.say("BEGIN")
    other.say(ADD.format(10, 2))
    reply = batch(*(ADD.format(1, each) for each in (1, 2, 3)))
    assert [result.rows for result in reply.results[1:]] == [[["1"]]] * 3
    assert other.say("COMMIT") == "COMMIT"
    assert client.ask("COMMIT").sqlstate == CONFLICT
    assert other.rows(READ)[:3] == [(0,), (10,), (0,)]


@pytest.mark.parametrize("before", ["SELECT v FROM race", ADD.format(5, 1)])
@pytest.mark.parametrize("commits", [True, False])
def test_a_batch_later_on_is_taken_back_without_what_came_before_it(
    client: RawClient, racers: Sessions, before: str, commits: bool
) -> None:
    (other,) = racers(1)
    client.ask("BEGIN")
    client.ask(before)
    other.say("BEGIN")
    other.say(ADD.format(10, 3))
    reply = client.send_frames(pipelined(ADD.format(1, 1), ADD.format(1, 2), ADD.format(1, 3)))
    first = 1 if "SELECT" in before else 6
    assert [result.rows for result in reply.results] == [[[str(first)]], [["1"]], [["1"]]]
    assert other.say("COMMIT" if commits else "ROLLBACK") in ("COMMIT", "ROLLBACK")
    assert client.ask("COMMIT").sqlstate == (CONFLICT if commits else None)
    expected = [(0,), (0,), (10,)] if commits else [(first,), (1,), (1,)]
    assert other.rows(READ)[:3] == expected


@pytest.mark.parametrize("rival", [False, True])
def test_a_drivers_batch_longer_than_what_goes_at_once(racers: Sessions, rival: bool) -> None:
    racer, other = racers(2)
    racer.say("BEGIN")
    with racer.connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO race VALUES (%s, 0)", [(number,) for number in range(100, 350)]
        )
        if rival:
            other.say("BEGIN")
            other.say(ADD.format(10, 2))
        cursor.executemany(
            "UPDATE race SET v = v + %s WHERE id = %s", [(1, each % 4 + 1) for each in range(250)]
        )
    assert racer.say("COMMIT") == "COMMIT"
    if rival:
        assert other.say("COMMIT") == CONFLICT
    assert other.rows("SELECT sum(v), count(*) FROM race") == [(250, 255)]


def test_a_batch_that_commits_first_wins(client: RawClient, batch: Batch, racers: Sessions) -> None:
    (other,) = racers(1)
    other.say("BEGIN")
    other.say(ADD.format(10, 2))
    batch(*(ADD.format(1, each) for each in (1, 2, 3)))
    assert client.ask("COMMIT").sqlstate is None
    assert other.say("COMMIT") == CONFLICT
    assert other.rows(READ)[:3] == [(1,), (1,), (1,)]


def test_a_batch_that_was_beaten_in_a_moment_has_a_new_snapshot(
    client: RawClient, batch: Batch, racers: Sessions
) -> None:
    (winner,) = racers(1)
    for _ in range(20):
        before = winner.rows(READ)[1][0]
        if _beaten(client, batch, winner, 0.02) is None:
            assert winner.rows(READ)[1] == (before + 11,)
            return
    pytest.fail("a transaction that could begin again lost each time")


def test_a_batch_that_takes_long_keeps_the_snapshot_of_its_beginning(
    client: RawClient, batch: Batch, racers: Sessions
) -> None:
    (winner,) = racers(1)
    assert _beaten(client, batch, winner, 0.4) == CONFLICT
    assert winner.rows(READ)[:3] == [(0,), (10,), (0,)]


def _beaten(client: RawClient, batch: Batch, winner: Racer, sleep_s: float) -> str | None:
    """Let a batch meet a row that was committed after its beginning; what its COMMIT came to."""
    late = f"UPDATE race SET v = v + 1 FROM pg_sleep({sleep_s}) WHERE id = 1"
    replies: list[Reply] = []
    thread = threading.Thread(target=lambda: replies.append(batch(late, ADD.format(1, 2))))
    thread.start()
    time.sleep(sleep_s / 2)
    assert winner.say(ADD.format(10, 2)) == "UPDATE 1"
    thread.join(timeout=20)
    assert replies[0].tags == ["BEGIN", "UPDATE 1", "UPDATE 1"]
    return client.ask("COMMIT").sqlstate


def test_a_batch_may_not_change_too_much(batch: Batch, racers: Sessions) -> None:
    racers(1)
    many = "INSERT INTO race SELECT n, 0 FROM generate_series({}, {}) AS s (n)"
    reply = batch(many.format(1001, 3000), many.format(3001, 5000), many.format(5001, 5002))
    assert reply.tags == ["BEGIN", "INSERT 0 2000"]
    assert (reply.sqlstate, reply.status) == ("54000", "E")


def test_a_batch_counts_with_what_was_changed_before_it(
    client: RawClient, racers: Sessions
) -> None:
    racers(1)
    many = "INSERT INTO race SELECT n, 0 FROM generate_series({}, {}) AS s (n)"
    client.ask("BEGIN")
    client.ask(many.format(1001, 3000))
    reply = client.send_frames(pipelined(many.format(3001, 4000), ADD.format(1, 1)))
    assert (reply.tags, reply.sqlstate, reply.status) == (["INSERT 0 1000"], "54000", "E")


@pytest.mark.parametrize("length", [100_000, 5_000_000])  # several reads; more than is held back
@pytest.mark.parametrize("last", [ADD.format(1, 2), "UPDATE race SET v = 1 / 0"])
def test_a_long_answer_to_a_batch_is_whole(
    batch: Batch, racers: Sessions, length: int, last: str
) -> None:
    racers(1)
    long = f"UPDATE race SET v = v WHERE id <= 4 RETURNING repeat('x', {length})"
    reply = batch(ADD.format(1, 1), long, last)
    fails = "1 / 0" in last
    assert reply.tags == ["BEGIN", "UPDATE 1", "UPDATE 4", *([] if fails else ["UPDATE 1"])]
    assert [len(row[0] or "") for row in reply.results[2].rows] == [length] * 4
    assert (reply.sqlstate, reply.status) == (("22012", "E") if fails else (None, "T"))


def test_a_key_that_another_has_deleted_is_still_there(
    client: RawClient, batch: Batch, racers: Sessions
) -> None:
    (other,) = racers(1)
    late = "UPDATE race SET v = v + 1 FROM pg_sleep(1) WHERE id = 1"
    replies: list[Reply] = []
    thread = threading.Thread(
        target=lambda: replies.append(batch(late, "INSERT INTO race VALUES (4, 4)"))
    )
    thread.start()
    assert eventually(lambda: somebody_does("BEGIN, UPDATE, INSERT"))
    assert other.say("DELETE FROM race WHERE id = 4") == "DELETE 1"
    thread.join(timeout=20)
    assert (replies[0].tags, replies[0].sqlstate) == (["BEGIN", "UPDATE 1"], "23505")
    client.ask("ROLLBACK")


def test_who_looks_sees_that_a_batch_is_under_way_as_one(batch: Batch, racers: Sessions) -> None:
    racers(1)
    long = "DELETE FROM race USING pg_sleep(1) WHERE id = 1"
    thread = threading.Thread(target=lambda: batch(ADD.format(1, 2), ADD.format(1, 3), long))
    thread.start()
    seen = eventually(lambda: somebody_does("BEGIN, UPDATE, DELETE"))
    thread.join(timeout=20)
    assert seen


def test_what_a_batch_prepares_under_a_name_is_prepared_once(
    client: RawClient, racers: Sessions
) -> None:
    (other,) = racers(1)
    other.say("BEGIN")
    other.say(ADD.format(10, 2))
    run = message(Frontend.BIND, b"\0name\0" + bytes(6)) + message(Frontend.EXECUTE, bytes(5))
    prepared = message(Frontend.PARSE, b"name\0" + ADD.format(1, 2).encode() + bytes(3)) + run
    begin = pipelined("BEGIN", ADD.format(1, 1)).removesuffix(SYNC)
    assert client.send_frames(begin + prepared + SYNC).sqlstate is None
    client.ask("ROLLBACK")
    assert client.send_frames(begin + run + SYNC).sqlstate is None
    client.ask("ROLLBACK")
    assert client.send_frames(prepared + SYNC).sqlstate == "42P05"
    other.say("ROLLBACK")


def test_a_begin_that_fails_leaves_nothing_to_be_committed(
    client: RawClient, racers: Sessions
) -> None:
    (watcher,) = racers(1)
    prepare = message(Frontend.PARSE, b"start\0BEGIN" + bytes(3)) + SYNC
    client.send_frames(prepare)
    client.ask("DEALLOCATE start")
    begin = message(Frontend.BIND, b"\0start\0" + bytes(6)) + message(Frontend.EXECUTE, bytes(5))
    reply = client.send_frames(begin + pipelined(ADD.format(1, 1)))
    assert (reply.tags, reply.sqlstate, reply.status) == ([], "26000", "I")
    assert watcher.rows(READ)[0] == (0,)
    assert client.ask(ADD.format(1, 1)).sqlstate is None


def test_a_batch_can_be_cancelled(racers: Sessions) -> None:
    (racer,) = racers(1)
    connection = racer.connection
    cancel = threading.Timer(0.3, connection.cancel_safe)
    cancel.start()
    with pytest.raises(psycopg.errors.QueryCanceled):
        _send_batch(connection)
    cancel.join()
    connection.rollback()
    assert racer.rows(READ)[0] == (0,)


def _send_batch(connection: Connection) -> None:
    with connection.pipeline():
        connection.execute("BEGIN")
        connection.execute(b"UPDATE race SET v = 1 WHERE id = 1")
        connection.execute(b"UPDATE race SET v = 1 FROM pg_sleep(20) WHERE id = 2")


def test_batches_in_a_circle_end_and_lose_no_money(endpoint: Endpoint, racers: Sessions) -> None:
    (watcher,) = racers(1)
    clients = [RawClient(endpoint) for _ in range(4)]
    committed: list[bool] = []

    def move(number: int, client: RawClient) -> None:
        for turn in range(40):
            first, second = (number + turn) % 3 + 1, (number + turn + 1 + number % 2) % 3 + 1
            reply = client.send_frames(
                pipelined("BEGIN", ADD.format(-1, first), ADD.format(1, second))
            )
            assert reply.sqlstate is None
            assert reply.tags == ["BEGIN", "UPDATE 1", "UPDATE 1"]
            done = client.ask("COMMIT")
            assert done.sqlstate in (None, CONFLICT)
            committed.append(done.sqlstate is None)

    threads = [
        threading.Thread(target=move, args=(number, client))
        for number, client in enumerate(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=50)
    for client in clients:
        client.close()
    assert len(committed) == 160
    assert any(committed)
    assert sum(row[0] for row in watcher.rows(READ)) == 0

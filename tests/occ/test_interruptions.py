"""Transactions that race and do not end as planned: errors, cursors, COPY, clients that vanish."""

import os
import re
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import pq

from dsqlkit import local
from tests.occ.conftest import CONFLICT, Racer, Sessions
from tests.support.inside import backends
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(60)

ADD = "UPDATE race SET v = v + 1 WHERE id = 1"


def open_race(racers: Sessions, count: int = 2) -> list[Racer]:
    """Transactions that have all written row 1; all but the last are parked."""
    players = racers(count)
    for player in players:
        assert player.say("BEGIN") == "BEGIN"
        assert player.say(ADD) == "UPDATE 1"
    return players


def is_gone(pid: int) -> bool:
    return backends(f"pid = {pid}") == 0


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A backend that does not get to run."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def has_a_signal_to_come(pid: int) -> bool:
    """Whether a process that is stopped will find a signal when it goes on."""
    found = re.search(r"^ShdPnd:\s+([0-9a-f]+)$", Path(f"/proc/{pid}/status").read_text(), re.M)
    return found is not None and int(found[1], 16) != 0


def times_found_out_late() -> int:
    """How often a backend has found out by itself, as it does after seconds, that its client is
    gone."""
    return local.log_file().read_text().count("connection to client lost")


@contextmanager
def in_background(player: Racer, sql: str) -> Iterator[None]:
    """Run a statement in a thread that has ended after the block."""
    thread = threading.Thread(target=player.say, args=(sql,))
    thread.start()
    try:
        yield
    finally:
        thread.join(30)
        assert not thread.is_alive()


def test_rollback_while_parked(racers: Sessions) -> None:
    parked, other = open_race(racers)
    assert parked.say("ROLLBACK") == "ROLLBACK"
    assert other.say("COMMIT") == "COMMIT"
    assert parked.say(ADD) == "UPDATE 1"
    assert other.rows("SELECT v FROM race WHERE id = 1") == [(2,)]


@pytest.mark.parametrize("other_commits", [True, False])
def test_an_error_while_parked_aborts_that_transaction_alone(
    racers: Sessions, other_commits: bool
) -> None:
    parked, other = open_race(racers)
    if other_commits:
        assert other.say("COMMIT") == "COMMIT"
    assert parked.say("SELECT 1 / 0") == "22012"
    assert parked.say("SELECT 1") == "25P02"
    assert parked.say("COMMIT") == "ROLLBACK"
    if not other_commits:
        assert other.say("COMMIT") == "COMMIT"
    assert other.rows("SELECT v FROM race WHERE id = 1") == [(1,)]


def test_a_client_that_vanishes_while_parked_is_forgotten(racers: Sessions) -> None:
    parked, other = open_race(racers)
    pid = parked.pid
    parked.connection.close()
    assert eventually(lambda: is_gone(pid))
    assert other.say("COMMIT") == "COMMIT"
    assert other.rows("SELECT v FROM race WHERE id = 1") == [(1,)]


def test_a_client_that_vanishes_with_the_row_hands_it_back(racers: Sessions) -> None:
    parked, holder = open_race(racers)
    pid = holder.pid
    holder.connection.close()
    assert eventually(lambda: is_gone(pid))
    assert parked.say("COMMIT") == "COMMIT"
    assert parked.rows("SELECT v FROM race WHERE id = 1") == [(1,)]


def test_a_client_that_vanishes_in_a_statement_holds_up_nobody(
    racers: Sessions, observer: Racer
) -> None:
    busy, other = racers(2)
    busy.say("BEGIN")
    busy.say(ADD)
    pid = busy.pid
    link = busy.connection.pgconn
    link.send_query(b"SELECT pg_sleep(1)")
    with in_background(other, ADD):
        busy.connection.close()
    assert eventually(lambda: is_gone(pid))
    assert observer.rows("SELECT v FROM race WHERE id = 1") == [(1,)]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc on this system")
def test_a_client_that_vanishes_before_its_statement_begins_holds_up_nobody(
    racers: Sessions,
) -> None:
    leaving, other = racers(2)
    leaving.say("BEGIN")
    leaving.say(ADD)
    pid = leaving.pid
    found_out_late = times_found_out_late()
    with stopped(pid):
        leaving.connection.pgconn.send_query(b"SELECT pg_sleep(3600)")
        leaving.connection.close()
        assert eventually(lambda: has_a_signal_to_come(pid))
    assert other.say(ADD) == "UPDATE 1"
    assert other.rows("SELECT v FROM race WHERE id = 1") == [(1,)]
    assert times_found_out_late() == found_out_late


def test_whoever_writes_a_row_waits_for_the_statement_that_has_it_and_no_longer(
    racers: Sessions,
) -> None:
    busy, other = racers(2)
    busy.say("BEGIN")
    busy.say(ADD)
    with in_background(busy, "SELECT pg_sleep(0.3)"):
        assert other.say(ADD) == "UPDATE 1"
    assert busy.say("COMMIT") == CONFLICT


@pytest.mark.parametrize("writes", [False, True], ids=["reading", "writing"])
def test_an_open_cursor_reads_on_through_a_race(racers: Sessions, writes: bool) -> None:
    reader, writer = racers(2)
    reader.say("BEGIN")
    reader.say("DECLARE c CURSOR FOR SELECT id, v FROM race ORDER BY id")
    assert reader.rows("FETCH 2 FROM c") == [(1, 0), (2, 0)]
    if writes:
        reader.say("UPDATE race SET v = 7 WHERE id = 5")
    assert writer.say("UPDATE race SET v = v + 1") == "UPDATE 5"
    assert reader.rows("FETCH ALL FROM c") == [(3, 0), (4, 0), (5, 0)]
    assert reader.say("COMMIT") == ("COMMIT" if not writes else CONFLICT)


def test_rows_copied_inside_a_transaction_are_in_the_race(racers: Sessions) -> None:
    copier, other = racers(2)
    for player in (copier, other):
        player.say("BEGIN")
    with copier.connection.cursor().copy("COPY race FROM STDIN") as copy:
        copy.write_row((9, 1))
        copy.write_row((10, 1))
    assert other.say("INSERT INTO race VALUES (9, 2)") == "INSERT 0 1"
    assert copier.rows("SELECT v FROM race WHERE id >= 9") == [(1,), (1,)]
    assert copier.say("COMMIT") == "COMMIT"
    assert other.say("COMMIT") == CONFLICT


def test_copy_of_a_key_that_another_has_inserted(racers: Sessions) -> None:
    copier, other = racers(2)
    for player in (copier, other):
        player.say("BEGIN")
    assert other.say("INSERT INTO race VALUES (9, 2)") == "INSERT 0 1"
    with copier.connection.cursor().copy("COPY race FROM STDIN") as copy:
        copy.write_row((9, 1))
    assert copier.say("COMMIT") == "COMMIT"
    assert other.say("COMMIT") == CONFLICT


def test_a_parked_copy_comes_back_whole(racers: Sessions) -> None:
    copier, other = racers(2)
    for player in (copier, other):
        player.say("BEGIN")
    with copier.connection.cursor().copy("COPY race FROM STDIN") as copy:
        for number in range(9, 500):
            copy.write_row((number, 1))
    assert other.say("INSERT INTO race VALUES (9, 2)") == "INSERT 0 1"
    assert other.say("ROLLBACK") == "ROLLBACK"
    assert copier.say("COMMIT") == "COMMIT"
    assert other.rows("SELECT count(*), sum(v) FROM race") == [(496, 491)]


def test_a_client_that_vanishes_in_a_copy_leaves_nothing(racers: Sessions) -> None:
    copier, other = racers(2)
    copier.say("BEGIN")
    pid = copier.pid
    link = copier.connection.pgconn
    link.exec_(b"COPY race FROM STDIN")
    link.put_copy_data(b"9\t1\n")
    copier.connection.close()
    assert eventually(lambda: is_gone(pid))
    assert other.say("INSERT INTO race VALUES (9, 2)") == "INSERT 0 1"
    assert other.rows("SELECT v FROM race WHERE id = 9") == [(2,)]


def test_a_cancelled_statement_keeps_its_own_answer(racers: Sessions) -> None:
    parked, other = open_race(racers)
    timer = threading.Timer(0.2, parked.connection.cancel_safe)
    timer.start()
    assert parked.say("SELECT pg_sleep(60)") == "57014"
    timer.join()
    assert parked.say("COMMIT") == "ROLLBACK"
    assert other.say("COMMIT") == "COMMIT"


@pytest.mark.parametrize("first_commits", [True, False])
def test_a_whole_transaction_in_one_pipeline(racers: Sessions, first_commits: bool) -> None:
    one, two = racers(2)
    one.say("BEGIN")
    one.say(ADD)
    link = two.connection.pgconn
    link.enter_pipeline_mode()
    for sql in (b"BEGIN", b"SELECT v FROM race WHERE id = 1", ADD.encode() + b" RETURNING v"):
        link.send_query_params(sql, None)
    link.pipeline_sync()
    statuses = []
    for _ in range(4):
        for result in iter(link.get_result, None):
            statuses.append(result.status)
            if result.status == pq.ExecStatus.PIPELINE_SYNC:
                break
    link.exit_pipeline_mode()
    assert statuses == [
        pq.ExecStatus.COMMAND_OK,
        pq.ExecStatus.TUPLES_OK,
        pq.ExecStatus.TUPLES_OK,
        pq.ExecStatus.PIPELINE_SYNC,
    ]
    players = [one, two] if first_commits else [two, one]
    assert [player.say("COMMIT") for player in players] == ["COMMIT", CONFLICT]


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("bound", [False, True])
@pytest.mark.parametrize("prepared", [False, True])
def test_a_lost_race_answers_alike_in_every_protocol(
    racers: Sessions, binary: bool, bound: bool, prepared: bool
) -> None:
    """Simple and extended, with parameters or without, prepared or not, text and binary."""
    loser, winner = racers(2)
    literal = "UPDATE race SET v = v + 10 WHERE id = 1 RETURNING v, 'x' || v AS word"
    add = "UPDATE race SET v = v + %(n)s WHERE id = %(id)s RETURNING v, 'x' || v AS word"
    sql, values = (add, {"n": 10, "id": 1}) if bound else (literal, None)
    if prepared:
        loser.connection.prepare_threshold = 0
        loser.rows(sql, values, binary=binary)
        loser.say("UPDATE race SET v = 0 WHERE id = 1")
    loser.say("BEGIN")
    loser.say("SELECT FROM race")
    winner.say(ADD)
    assert loser.rows(sql, values, binary=binary) == [(10, "x10")]
    assert loser.rows(sql, values, binary=binary) == [(20, "x20")]
    assert loser.say("COMMIT") == CONFLICT


def test_eight_threads_on_ten_hot_rows_keep_the_money(racers: Sessions, observer: Racer) -> None:
    observer.say("INSERT INTO race SELECT n, 0 FROM generate_series(6, 10) AS s (n)")
    observer.say("UPDATE race SET v = 100")
    players = racers(8)
    answers: list[str] = []

    def work(number: int) -> None:
        player = players[number]
        for turn in range(25):
            payer = (number * 3 + turn * 7) % 10 + 1
            payee = (payer + turn % 9) % 10 + 1
            if payer == payee:
                payee = payee % 10 + 1
            if player.say("BEGIN") != "BEGIN":
                raise AssertionError("a transaction was left open")
            for sql in (
                f"UPDATE race SET v = v - 1 WHERE id = {payer} RETURNING v",
                f"UPDATE race SET v = v + 1 WHERE id = {payee}",
            ):
                assert player.say(sql).endswith(" 1")
            answers.append(player.say("COMMIT"))

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work, number) for number in range(8)]:
            done.result(timeout=50)
    assert len(answers) == 200
    assert set(answers) <= {"COMMIT", CONFLICT}
    assert answers.count("COMMIT") >= 8
    assert observer.rows("SELECT count(*), sum(v) FROM race") == [(10, 1000)]
    for player in players:
        assert player.connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE

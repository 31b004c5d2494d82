"""A transaction that is beaten to its first row begins again: no one has seen its snapshot."""

import threading
import time

import pytest

from tests.occ.conftest import CONFLICT, Racer, Sessions

pytestmark = pytest.mark.timeout(60)

ADD = "UPDATE race SET v = v + 1 WHERE id = 1"
READ = "SELECT v FROM race WHERE id = 1"
TRIES = 20


def _beaten(loser: Racer, winner: Racer, sleep_s: float) -> int:
    """Let a first statement meet a row that was committed after its beginning; the row's value
    as it answers."""
    late = f"UPDATE race SET v = v + 10 FROM pg_sleep({sleep_s}) WHERE id = 1 RETURNING v"
    loser.say("BEGIN")
    answer: list[int] = []
    thread = threading.Thread(target=lambda: answer.extend(loser.rows(late)[0]))
    thread.start()
    time.sleep(sleep_s / 2)
    assert winner.say(ADD) == "UPDATE 1"
    thread.join(timeout=20)
    return answer[0]


def test_a_first_statement_that_was_beaten_has_a_new_snapshot(racers: Sessions) -> None:
    beaten, winner = racers(2)
    # One that takes long, on a busy machine, has the snapshot of its beginning.
    for _ in range(TRIES):
        before = winner.rows(READ)[0][0]
        value = _beaten(beaten, winner, 0.02)
        if beaten.say("COMMIT") == "COMMIT":
            assert value == before + 11
            return
    pytest.fail("a transaction that could begin again lost each time")


def test_a_long_first_statement_keeps_the_snapshot_of_its_beginning(racers: Sessions) -> None:
    beaten, winner = racers(2)
    assert _beaten(beaten, winner, 0.4) == 10
    assert beaten.say("COMMIT") == CONFLICT
    assert winner.rows(READ) == [(1,)]


@pytest.mark.parametrize("first", ["SELECT 1", READ, "UPDATE race SET v = 5 WHERE id = 2"])
def test_what_comes_after_an_answer_does_not_begin_again(racers: Sessions, first: str) -> None:
    beaten, winner = racers(2)
    beaten.say("BEGIN")
    beaten.say(first)
    assert winner.say(ADD) == "UPDATE 1"
    assert beaten.say(ADD) == "UPDATE 1"
    assert beaten.rows(READ) == [(1,)]
    assert beaten.say("COMMIT") == CONFLICT


@pytest.mark.parametrize(
    "begin",
    ["BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE", "START TRANSACTION"],
)
def test_many_that_want_one_row_all_get_it(racers: Sessions, observer: Racer, begin: str) -> None:
    def add(racer: Racer) -> None:
        for _ in range(15):
            while True:
                racer.say(begin)
                racer.say(ADD, prepare=True)
                if racer.say("COMMIT") == "COMMIT":
                    break

    threads = [threading.Thread(target=add, args=(each,)) for each in racers(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(timeout=50)
    assert observer.rows(READ) == [(90,)]


def test_whoever_met_others_reads_what_one_commits_first_that_has_been_losing(
    racers: Sessions,
) -> None:
    loser, winner = racers(2)

    def read(seen: list[int]) -> None:
        seen += winner.rows(READ)[0]

    # A machine that is busy may take longer than anybody is let go first.
    for _ in range(TRIES):
        for each in (loser, winner):
            each.do(["BEGIN", ADD])
        assert [winner.say("COMMIT"), loser.say("COMMIT")] == ["COMMIT", CONFLICT]
        loser.say("BEGIN")
        before = loser.rows(READ)[0][0]
        winner.say("BEGIN")
        seen: list[int] = []
        thread = threading.Thread(target=read, args=(seen,))
        thread.start()
        time.sleep(0.005)
        loser.do([ADD, "COMMIT"])
        thread.join(timeout=20)
        winner.say("COMMIT")
        if seen == [before + 1]:
            return
    pytest.fail("nobody let go first the one that had been losing")

"""A row that a transaction holds which is busy: nobody waits for what that one is doing."""

import threading

import pytest

from tests.occ.conftest import CONFLICT, Racer, Sessions

ADD = "UPDATE race SET v = v + 1 WHERE id = 1"
SLEEP = "SELECT pg_sleep(1)"


class Busy:
    """A session that holds row 1 and runs a statement meanwhile."""

    def __init__(self, racer: Racer, statement: str) -> None:
        self.racer = racer
        self.answer = ""
        racer.say("BEGIN")
        racer.say(ADD)
        self._thread = threading.Thread(target=self._run, args=(statement,))
        self._thread.start()

    def _run(self, statement: str) -> None:
        self.answer = self.racer.say(statement)

    @property
    def is_busy(self) -> bool:
        return self._thread.is_alive()

    def wait(self) -> str:
        self._thread.join(timeout=20)
        return self.answer


@pytest.mark.parametrize("explicit", [False, True])
def test_a_write_does_not_wait_for_a_busy_holder(
    racers: Sessions, observer: Racer, explicit: bool
) -> None:
    holder, writer = racers(2)
    busy = Busy(holder, SLEEP)
    if explicit:
        writer.say("BEGIN")
    assert writer.say(ADD) == "UPDATE 1"
    if explicit:
        assert writer.say("COMMIT") == "COMMIT"
    assert busy.is_busy
    assert busy.wait() == "SELECT 1"
    assert holder.rows("SELECT v FROM race WHERE id = 1") == [(1,)]
    assert holder.say("COMMIT") == CONFLICT
    assert observer.rows("SELECT v FROM race WHERE id = 1") == [(1,)]


def test_a_busy_holder_commits_when_the_other_gives_up(racers: Sessions, observer: Racer) -> None:
    holder, writer = racers(2)
    busy = Busy(holder, SLEEP)
    writer.say("BEGIN")
    assert writer.say(ADD) == "UPDATE 1"
    assert busy.is_busy
    assert writer.say("ROLLBACK") == "ROLLBACK"
    busy.wait()
    assert holder.say("COMMIT") == "COMMIT"
    assert observer.rows("SELECT v FROM race WHERE id = 1") == [(1,)]


def test_a_long_write_gives_way_and_is_run_again(racers: Sessions, observer: Racer) -> None:
    holder, writer = racers(2)
    busy = Busy(holder, "UPDATE race SET v = v + 10 FROM pg_sleep(1) WHERE id IN (1, 2)")
    assert writer.say("UPDATE race SET v = v + 100 WHERE id = 1") == "UPDATE 1"
    assert busy.is_busy
    assert busy.wait() == "UPDATE 2"
    assert holder.rows("SELECT v FROM race WHERE id <= 2 ORDER BY id") == [(11,), (10,)]
    assert holder.say("COMMIT") == CONFLICT
    assert observer.rows("SELECT v FROM race WHERE id = 1") == [(100,)]


@pytest.mark.parametrize("lock", ["FOR UPDATE", "FOR KEY SHARE"])
def test_a_lock_does_not_wait_for_a_busy_holder(racers: Sessions, lock: str) -> None:
    holder, reader = racers(2)
    holder.say("BEGIN")
    holder.say("DELETE FROM race WHERE id = 1")
    ended = threading.Event()

    def sleep() -> None:
        holder.say(SLEEP)
        ended.set()

    thread = threading.Thread(target=sleep)
    thread.start()
    reader.say("BEGIN")
    assert reader.rows(f"SELECT v FROM race WHERE id = 1 {lock}") == [(0,)]
    assert not ended.is_set()
    assert reader.say("ROLLBACK") == "ROLLBACK"
    thread.join(timeout=20)
    assert holder.say("COMMIT") == "COMMIT"

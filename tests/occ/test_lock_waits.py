"""NOWAIT and SKIP LOCKED: nobody holds a lock, so nothing is skipped and nothing fails at once."""

import pytest

from tests.occ.conftest import CONFLICT, Sessions

pytestmark = pytest.mark.timeout(30)


@pytest.mark.parametrize("manner", ["NOWAIT", "SKIP LOCKED"])
@pytest.mark.parametrize("bound", [False, True])
def test_two_workers_take_the_same_row_and_one_loses_it(
    racers: Sessions, manner: str, bound: bool
) -> None:
    first, second = racers(2)
    condition = "v = %(v)s" if bound else "v = 0"
    take = f"SELECT id FROM race WHERE {condition} ORDER BY id FOR UPDATE {manner} LIMIT 1"
    values = {"v": 0} if bound else None
    for worker in (first, second):
        worker.say("BEGIN")
        assert worker.rows(take, values) == [(1,)]
    assert second.say("UPDATE race SET v = 1 WHERE id = 1") == "UPDATE 1"
    assert second.say("COMMIT") == "COMMIT"
    assert first.say("COMMIT") == CONFLICT


@pytest.mark.parametrize(
    "wants", ["UPDATE race SET v = 7 WHERE id = 2", "SELECT v FROM race WHERE id = 2 FOR UPDATE"]
)
@pytest.mark.parametrize("commits_first", [False, True])
def test_a_worker_that_took_the_first_row_minds_nobody_at_the_one_that_is_first_then(
    racers: Sessions, wants: str, commits_first: bool
) -> None:
    worker, other = racers(2)
    for each in (worker, other):
        each.say("BEGIN")
        assert each.rows("SELECT v FROM race WHERE id = 3") == [(0,)]
    take = "SELECT id FROM race WHERE v = 0 ORDER BY id LIMIT 1 FOR UPDATE"
    assert worker.rows(take) == [(1,)]
    assert worker.say("UPDATE race SET v = 1 WHERE id = 1") == "UPDATE 1"
    assert other.say(wants) in ("UPDATE 1", "SELECT 1")
    for each in (other, worker) if commits_first else (worker, other):
        assert each.say("COMMIT") == "COMMIT"


def test_a_row_that_was_locked_is_found_behind_one_that_was_inserted_since(
    racers: Sessions,
) -> None:
    locker, other = racers(2)
    for each in (locker, other):
        each.say("BEGIN")
        assert each.rows("SELECT v FROM race WHERE id = 3") == [(0,)]
    assert locker.rows("SELECT id FROM race ORDER BY id LIMIT 1 FOR UPDATE") == [(1,)]
    assert locker.say("INSERT INTO race (id, v) VALUES (-1, 0)") == "INSERT 0 1"
    assert locker.say("COMMIT") == "COMMIT"
    assert other.say("UPDATE race SET v = 7 WHERE id = 1") == "UPDATE 1"
    assert other.say("COMMIT") == CONFLICT

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

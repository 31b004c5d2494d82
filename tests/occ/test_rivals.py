"""Two that met over a row are rivals until one is over, whatever becomes of the row by then."""

import pytest

from tests.occ.conftest import CONFLICT, Racer, Sessions

ADD = "INSERT INTO race VALUES (9, 1)"
REMOVE = "DELETE FROM race WHERE id = 9"


def _met(racers: Sessions) -> tuple[Racer, Racer]:
    """Two that have inserted the same key; the second has taken it back again."""
    first, second = racers(2)
    for racer in (first, second):
        assert racer.say("BEGIN") == "BEGIN"
        assert racer.say(ADD) == "INSERT 0 1"
    assert second.say(REMOVE) == "DELETE 1"
    return first, second


@pytest.mark.parametrize("looks_first", [False, True])
def test_the_later_has_lost_although_the_row_is_as_it_was(
    racers: Sessions, observer: Racer, looks_first: bool
) -> None:
    first, second = _met(racers)
    assert second.say("COMMIT") == "COMMIT"
    if looks_first:
        assert first.rows("SELECT v FROM race WHERE id = 9") == [(1,)]
    assert first.say("COMMIT") == CONFLICT
    assert observer.rows("SELECT FROM race WHERE id = 9") == []


def test_the_later_commits_if_the_other_rolled_back(racers: Sessions, observer: Racer) -> None:
    first, second = _met(racers)
    assert second.say("ROLLBACK") == "ROLLBACK"
    assert first.say("COMMIT") == "COMMIT"
    assert observer.rows("SELECT v FROM race WHERE id = 9") == [(1,)]

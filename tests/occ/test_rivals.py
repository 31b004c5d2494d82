"""Two that met over a row are rivals until one is over, whatever becomes of the row by then."""

import pytest

from tests.occ.conftest import CONFLICT, Racer, Sessions

ADD = "INSERT INTO race VALUES (9, 1)"
REMOVE = "DELETE FROM race WHERE id = 9"
ADD_1 = "INSERT INTO race VALUES (1, 1)"
REMOVE_1 = "DELETE FROM race WHERE id = 1"


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


@pytest.mark.parametrize("write", ["UPDATE race SET v = 5 WHERE id = 1", REMOVE_1])
@pytest.mark.parametrize("order", ["open", "committed", "later"])
def test_who_leaves_a_row_out_is_nobodys_rival(
    racers: Sessions, observer: Racer, write: str, order: str
) -> None:
    writer, sparing = racers(2)
    for racer in (writer, sparing):
        assert racer.say("BEGIN") == "BEGIN"
        assert racer.rows("SELECT v FROM race WHERE id = 1") == [(0,)]
    if order != "later":
        assert not writer.say(write)[:1].isdigit()
    if order == "committed":
        assert writer.say("COMMIT") == "COMMIT"
    assert sparing.say(f"{ADD_1} ON CONFLICT DO NOTHING") == "INSERT 0 0"
    assert sparing.say("UPDATE race SET v = 6 WHERE id = 2") == "UPDATE 1"
    if order == "later":
        assert not writer.say(write)[:1].isdigit()
    if order != "committed":
        assert writer.say("COMMIT") == "COMMIT"
    assert sparing.rows("SELECT id, v FROM race WHERE id <= 2 ORDER BY id") == [(1, 0), (2, 6)]
    assert sparing.say("COMMIT") == "COMMIT"
    left = [] if write == REMOVE_1 else [(1, 5)]
    found = observer.rows("SELECT id, v FROM race WHERE id <= 2 ORDER BY id")
    assert found == [*left, (2, 6)]


@pytest.mark.parametrize("first_commits", [False, True])
def test_two_that_insert_what_is_missing_are_told_apart_at_their_commit(
    racers: Sessions, observer: Racer, first_commits: bool
) -> None:
    first, second = racers(2)
    for racer in (first, second):
        assert racer.say("BEGIN") == "BEGIN"
        assert racer.say(f"{ADD} ON CONFLICT (id) DO NOTHING") == "INSERT 0 1"
    winner, loser = (first, second) if first_commits else (second, first)
    assert winner.say("COMMIT") == "COMMIT"
    assert loser.rows("SELECT v FROM race WHERE id = 9") == [(1,)]
    assert loser.say("COMMIT") == CONFLICT
    assert observer.rows("SELECT v FROM race WHERE id = 9") == [(1,)]

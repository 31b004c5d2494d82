"""A transaction that was put aside goes on as if it had not been."""

import pytest

from tests.occ.conftest import CONFLICT, Racer, Sessions

pytestmark = pytest.mark.timeout(30)


@pytest.fixture(scope="module")
def tables(observer: Racer) -> None:
    for sql in (
        "CREATE TABLE tagged (id int PRIMARY KEY, tag text UNIQUE, n int,"
        " twice int GENERATED ALWAYS AS (n * 2) STORED)",
        "CREATE TABLE tag_note (id int PRIMARY KEY, tagged_id int REFERENCES tagged)",
    ):
        assert observer.say(sql) == "CREATE TABLE"


WRITES = {
    "a key that is unique moves from a deleted row to a new one": (
        "DELETE FROM tag_note WHERE tagged_id = 1",
        "DELETE FROM tagged WHERE id = 1",
        "INSERT INTO tagged VALUES (9, 'a', 9)",
    ),
    "keys are exchanged": (
        "UPDATE tagged SET tag = 'x' WHERE id = 2",
        "UPDATE tagged SET tag = 'b' WHERE id = 3",
        "UPDATE tagged SET tag = 'c' WHERE id = 2",
    ),
    "rows get other keys": ("UPDATE tagged SET id = id + 10 WHERE id > 1",),
    "a child comes to another parent and the first goes": (
        "UPDATE tag_note SET tagged_id = 2",
        "DELETE FROM tagged WHERE id = 1",
    ),
    "new parent and child": (
        "INSERT INTO tagged VALUES (7, 'new', 1)",
        "INSERT INTO tag_note VALUES (7, 7)",
    ),
    "a row comes and goes": (
        "INSERT INTO tagged VALUES (7, 'new', 1)",
        "DELETE FROM tagged WHERE id = 7",
        "UPDATE tagged SET n = NULL WHERE id = 3",
    ),
    "a date in another style": (
        "SET LOCAL datestyle = 'German'",
        "UPDATE tagged SET tag = date '2026-02-01' WHERE id = 3",
    ),
}
READ = (
    "SELECT id, tag, n, twice FROM tagged ORDER BY id",
    "SELECT id, tagged_id FROM tag_note ORDER BY id",
)


@pytest.mark.parametrize("name", WRITES)
def test_what_it_did_comes_back_whole(
    racers: Sessions, tables: None, observer: Racer, name: str
) -> None:
    observer.say("DELETE FROM tag_note")
    observer.say("DELETE FROM tagged")
    observer.say("INSERT INTO tagged VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)")
    observer.say("INSERT INTO tag_note VALUES (1, 1)")
    parked, other = racers(2)
    for player in (parked, other):
        player.say("BEGIN")
        player.say("SELECT FROM tagged")
    parked.do(WRITES[name])
    parked.say("UPDATE race SET v = 1 WHERE id = 1")
    seen = [parked.rows(read) for read in READ]
    assert other.say("UPDATE race SET v = 2 WHERE id = 1") == "UPDATE 1"
    assert [parked.rows(read) for read in READ] == seen
    assert other.say("UPDATE race SET v = 3 WHERE id = 1") == "UPDATE 1"
    assert other.say("ROLLBACK") == "ROLLBACK"
    assert parked.say("COMMIT") == "COMMIT"
    assert [observer.rows(read) for read in READ] == seen


def test_a_conflict_by_a_key_that_is_unique(
    racers: Sessions, tables: None, observer: Racer
) -> None:
    observer.say("DELETE FROM tag_note")
    observer.say("DELETE FROM tagged")
    one, two = racers(2)
    for number, player in enumerate((one, two)):
        player.say("BEGIN")
        assert player.say(f"INSERT INTO tagged VALUES ({number}, 'same', 1)") == "INSERT 0 1"
    assert two.say("COMMIT") == "COMMIT"
    assert one.rows("SELECT id FROM tagged") == [(0,)]
    assert one.say("COMMIT") == CONFLICT


def test_a_change_of_schema_waits_for_nobody_who_has_lost(
    racers: Sessions, observer: Racer
) -> None:
    observer.say("CREATE TABLE changing_lost (id int PRIMARY KEY, v int)")
    observer.say("INSERT INTO changing_lost VALUES (1, 0)")
    loser, winner = racers(2)
    loser.say("BEGIN")
    loser.say("SELECT FROM changing_lost")
    assert winner.say("UPDATE changing_lost SET v = 1 WHERE id = 1") == "UPDATE 1"
    assert loser.say("UPDATE changing_lost SET v = 2 WHERE id = 1") == "UPDATE 1"
    assert winner.say("ALTER TABLE changing_lost ADD COLUMN w int") == "ALTER TABLE"
    assert loser.say("COMMIT") == CONFLICT

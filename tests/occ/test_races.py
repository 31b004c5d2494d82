"""Two or three transactions at the same rows: whoever commits first wins, and nobody waits."""

import pytest

from tests.occ.conftest import CONFLICT, Racer, Sessions

pytestmark = pytest.mark.timeout(30)

CONFLICTING = {
    "update and update": (
        "UPDATE race SET v = v + 1 WHERE id = 1",
        "UPDATE race SET v = v + 2 WHERE id = 1",
    ),
    "update and delete": (
        "UPDATE race SET v = v + 1 WHERE id = 1",
        "DELETE FROM race WHERE id = 1",
    ),
    "delete and delete": ("DELETE FROM race WHERE id = 1", "DELETE FROM race WHERE id <= 2"),
    "inserts of one key": (
        "INSERT INTO race VALUES (9, 1)",
        "INSERT INTO race VALUES (9, 2) RETURNING v",
    ),
    "upserts of one key": (
        "INSERT INTO race VALUES (9, 1) ON CONFLICT (id) DO UPDATE SET v = 1",
        "INSERT INTO race VALUES (9, 2) ON CONFLICT (id) DO UPDATE SET v = 2",
    ),
    "update and a move of its key": (
        "UPDATE race SET v = v + 1 WHERE id = 1",
        "UPDATE race SET id = 11 WHERE id = 1",
    ),
    "FOR UPDATE and update": (
        "SELECT v FROM race WHERE id = 1 FOR UPDATE",
        "UPDATE race SET v = v + 1 WHERE id = 1",
    ),
    "FOR UPDATE and FOR UPDATE": (
        "SELECT v FROM race WHERE id = 1 FOR UPDATE",
        "SELECT id FROM race WHERE id = 1 FOR UPDATE",
    ),
    "FOR UPDATE and delete": (
        "SELECT v FROM race WHERE id = 1 FOR UPDATE",
        "DELETE FROM race WHERE id = 1",
    ),
    "FOR KEY SHARE and delete of the key": (
        "SELECT name FROM parent WHERE id = 5 FOR KEY SHARE",
        "DELETE FROM parent WHERE id = 5",
    ),
    "delete of a parent and insert of its child": (
        "DELETE FROM parent WHERE id = 5",
        "INSERT INTO child_plain VALUES (50, 5, '')",
    ),
    "ON DELETE CASCADE and a write of the child": (
        "DELETE FROM parent WHERE id = 1",
        "UPDATE child_cascade SET note = 'touched' WHERE id = 1",
    ),
    "ON DELETE SET NULL and a write of the child": (
        "DELETE FROM parent WHERE id = 1",
        "UPDATE child_null SET note = 'touched' WHERE id = 1",
    ),
    "one table under two names": (
        "UPDATE public.race SET v = v + 1 WHERE id = 1",
        "UPDATE race SET v = v + 2 WHERE id = 1",
    ),
    "a table without a primary key": (
        "UPDATE keyless SET v = v + 1 WHERE id = 1",
        "DELETE FROM keyless WHERE id = 1",
    ),
    "many rows of which one is the other's": (
        "UPDATE race SET v = v + 1",
        "UPDATE race SET v = v + 2 WHERE id = 3",
    ),
}
DISJOINT = {
    "two rows": (
        "UPDATE race SET v = v + 1 WHERE id = 1",
        "UPDATE race SET v = v + 2 WHERE id = 2",
    ),
    "inserts of two keys": ("INSERT INTO race VALUES (8, 1)", "INSERT INTO race VALUES (9, 2)"),
    "a read and a write": ("SELECT v FROM race", "UPDATE race SET v = v + 1"),
    "two readers of a key": (
        "SELECT name FROM parent WHERE id = 1 FOR KEY SHARE",
        "SELECT name FROM parent WHERE id = 1 FOR KEY SHARE",
    ),
    "FOR KEY SHARE and a write beside the key": (
        "SELECT name FROM parent WHERE id = 1 FOR KEY SHARE",
        "UPDATE parent SET name = 'x' WHERE id = 1",
    ),
    "a write beside the parent's key and insert of its child": (
        "UPDATE parent SET name = 'x' WHERE id = 5",
        "INSERT INTO child_plain VALUES (50, 5, '')",
    ),
    "children of one parent": (
        "INSERT INTO child_plain VALUES (50, 5, '')",
        "INSERT INTO child_cascade VALUES (50, 5, '')",
    ),
    "generated keys": (
        "INSERT INTO numbered (v) VALUES (1)",
        "INSERT INTO numbered (v) VALUES (2)",
    ),
    "rows without a primary key": (
        "UPDATE keyless SET v = v + 1 WHERE id = 1",
        "INSERT INTO keyless VALUES (1, 1)",
    ),
}


def begin(racers: Sessions, statements: tuple[str, ...]) -> list[Racer]:
    """Transactions that are open, and of which each has run its statement."""
    players = racers(len(statements))
    for player in players:
        assert player.say("BEGIN") == "BEGIN"
        assert player.say("SELECT count(*) FROM race") == "SELECT 1"
    for player, statement in zip(players, statements, strict=True):
        answer = player.say(statement)
        assert not answer[:1].isdigit(), f"{statement}: {answer}"
    return players


@pytest.fixture
def parents(observer: Racer, racers: Sessions) -> None:
    """No plain child keeps a parent from being deleted."""
    observer.say("DELETE FROM child_plain")


@pytest.mark.parametrize("second_first", [False, True], ids=["in order", "in reverse"])
@pytest.mark.parametrize("name", CONFLICTING)
def test_of_two_transactions_the_later_commit_fails(
    racers: Sessions, parents: None, name: str, second_first: bool
) -> None:
    players = begin(racers, CONFLICTING[name])
    if second_first:
        players.reverse()
    winner, loser = players
    assert winner.say("COMMIT") == "COMMIT"
    assert loser.say("SELECT 1") == "SELECT 1"
    assert loser.say("COMMIT") == CONFLICT


@pytest.mark.parametrize("second_first", [False, True], ids=["in order", "in reverse"])
@pytest.mark.parametrize("name", CONFLICTING)
def test_nobody_loses_to_a_transaction_that_is_rolled_back(
    racers: Sessions, parents: None, name: str, second_first: bool
) -> None:
    players = begin(racers, CONFLICTING[name])
    if second_first:
        players.reverse()
    quitter, other = players
    assert quitter.say("ROLLBACK") == "ROLLBACK"
    assert other.say("COMMIT") == "COMMIT"


@pytest.mark.parametrize("second_first", [False, True], ids=["in order", "in reverse"])
@pytest.mark.parametrize("name", DISJOINT)
def test_what_is_apart_never_conflicts(
    racers: Sessions, parents: None, name: str, second_first: bool
) -> None:
    players = begin(racers, DISJOINT[name])
    if second_first:
        players.reverse()
    assert [player.say("COMMIT") for player in players] == ["COMMIT", "COMMIT"]


@pytest.mark.parametrize("name", CONFLICTING)
def test_a_statement_by_itself_beats_an_idle_transaction(
    racers: Sessions, parents: None, name: str
) -> None:
    held, alone = CONFLICTING[name]
    (idle,) = begin(racers, (held,))
    (other,) = racers(1)
    answer = other.say(alone)
    assert not answer[:1].isdigit(), answer
    expected = "COMMIT" if alone.startswith("SELECT") else CONFLICT
    assert idle.say("COMMIT") == expected


@pytest.mark.parametrize(
    "write",
    [
        "UPDATE race SET v = v + 10 WHERE id = 1 RETURNING id, v",
        "DELETE FROM race WHERE id = 1 RETURNING id, v + 10",
        "INSERT INTO race VALUES (1, 10) ON CONFLICT (id) DO UPDATE SET v = race.v + 10"
        " RETURNING id, v",
        "WITH w AS (UPDATE race SET v = v + 10 WHERE id = 1 RETURNING id, v) SELECT * FROM w",
    ],
)
def test_a_write_after_a_read_answers_from_its_snapshot_and_loses_at_commit(
    racers: Sessions, write: str
) -> None:
    reader, writer = racers(2)
    reader.say("BEGIN")
    assert reader.rows("SELECT v FROM race WHERE id = 1") == [(0,)]
    assert writer.say("UPDATE race SET v = 5 WHERE id = 1") == "UPDATE 1"
    assert reader.rows(write) == [(1, 10)]
    assert reader.say("COMMIT") == CONFLICT
    assert writer.rows("SELECT v FROM race WHERE id = 1") == [(5,)]


def test_each_transaction_reads_its_own_writes_while_they_race(racers: Sessions) -> None:
    one, two = begin(
        racers,
        ("UPDATE race SET v = v + 1 WHERE id = 1", "UPDATE race SET v = v + 2 WHERE id <= 2"),
    )
    read = "SELECT v FROM race WHERE id <= 2 ORDER BY id"
    for _ in range(3):
        assert one.rows(read) == [(1,), (0,)]
        assert two.rows(read) == [(2,), (2,)]
    assert two.say("COMMIT") == "COMMIT"
    assert one.rows(read) == [(1,), (0,)]
    assert one.say("COMMIT") == CONFLICT


@pytest.mark.parametrize("winner", range(3))
def test_of_three_at_one_row_the_first_to_commit_wins(racers: Sessions, winner: int) -> None:
    players = begin(racers, ("UPDATE race SET v = v + 1 WHERE id = 1",) * 3)
    first = players.pop(winner)
    assert first.say("COMMIT") == "COMMIT"
    assert [player.say("COMMIT") for player in players] == [CONFLICT, CONFLICT]
    assert first.rows("SELECT v FROM race WHERE id = 1") == [(1,)]


def test_of_three_the_second_wins_when_the_first_gives_up(racers: Sessions) -> None:
    one, two, three = begin(racers, ("UPDATE race SET v = v + 1 WHERE id = 1",) * 3)
    assert one.say("ROLLBACK") == "ROLLBACK"
    assert two.say("COMMIT") == "COMMIT"
    assert three.say("COMMIT") == CONFLICT


def test_crossing_writes_do_not_deadlock(racers: Sessions) -> None:
    one, two = begin(
        racers,
        ("UPDATE race SET v = v + 1 WHERE id = 1", "UPDATE race SET v = v + 1 WHERE id = 2"),
    )
    assert one.say("UPDATE race SET v = v + 1 WHERE id = 2") == "UPDATE 1"
    assert two.say("UPDATE race SET v = v + 1 WHERE id = 1") == "UPDATE 1"
    assert one.say("COMMIT") == "COMMIT"
    assert two.say("COMMIT") == CONFLICT


def test_statements_by_themselves_never_lose_a_change_silently(racers: Sessions) -> None:
    """At one row, one after the other, each by itself: nobody is left to conflict with."""
    one, two = racers(2)
    for player in (one, two, one, two):
        assert player.say("UPDATE race SET v = v + 1 WHERE id = 1") == "UPDATE 1"
    assert one.rows("SELECT v FROM race WHERE id = 1") == [(4,)]


def test_generated_keys_stay_apart_after_a_race(racers: Sessions) -> None:
    insert = "INSERT INTO numbered (v) VALUES (1) RETURNING id"
    one, two = racers(2)
    keys = []
    for player in (one, two):
        player.say("BEGIN")
    for player in (one, two, one, two):
        keys += [row[0] for row in player.rows(insert)]
        player.say("UPDATE race SET v = v + 1 WHERE id = 1")
    assert one.say("COMMIT") == "COMMIT"
    assert two.say("COMMIT") == CONFLICT
    assert len(set(keys)) == 4
    assert [row[0] for row in one.rows("SELECT id FROM numbered ORDER BY id")] == [keys[0], keys[2]]


@pytest.mark.parametrize(
    "delete", ["DELETE FROM parent WHERE id = 5", "UPDATE parent SET id = 50 WHERE id = 5"]
)
def test_a_key_that_was_shared_and_committed_since_is_in_the_race(
    racers: Sessions, parents: None, delete: str
) -> None:
    older, sharer = begin(racers, ("SELECT 1", "SELECT FROM parent WHERE id = 5 FOR KEY SHARE"))
    assert sharer.say("COMMIT") == "COMMIT"
    assert not older.say(delete)[:1].isdigit()
    assert older.say("COMMIT") == CONFLICT


@pytest.mark.parametrize(
    "write",
    [
        "UPDATE parent SET name = 'x' WHERE id = 5",
        "DELETE FROM parent WHERE id = 4",
        "SELECT FROM parent WHERE id = 5 FOR KEY SHARE",
    ],
)
def test_a_key_that_was_shared_minds_nothing_else(
    racers: Sessions, parents: None, write: str
) -> None:
    older, sharer = begin(racers, ("SELECT 1", "SELECT FROM parent WHERE id = 5 FOR KEY SHARE"))
    assert sharer.say("COMMIT") == "COMMIT"
    assert not older.say(write)[:1].isdigit()
    assert older.say("COMMIT") == "COMMIT"


def test_a_key_may_be_deleted_by_whoever_begins_after_it_was_shared(
    racers: Sessions, parents: None
) -> None:
    sharer, other = racers(2)
    other.say("BEGIN")
    sharer.say("BEGIN")
    sharer.say("SELECT FROM parent WHERE id = 5 FOR KEY SHARE")
    assert sharer.say("COMMIT") == "COMMIT"
    assert sharer.say("DELETE FROM parent WHERE id = 5") == "DELETE 1"
    assert other.say("COMMIT") == "COMMIT"


@pytest.mark.parametrize(("rows", "answer"), [(3000, "INSERT 0 3000"), (3001, "54000")])
def test_rows_count_where_their_keys_had_to_be_checked(
    racers: Sessions, rows: int, answer: str
) -> None:
    """The other has deleted a row since: its key may be one that the snapshot has already."""
    first, second = racers(2)
    first.say("BEGIN")
    first.rows("SELECT FROM race")
    assert second.say("DELETE FROM race WHERE id = 1") == "DELETE 1"
    insert = f"INSERT INTO race SELECT n, 0 FROM generate_series(100, {99 + rows}) AS s (n)"
    assert first.say(insert) == answer

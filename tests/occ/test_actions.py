"""Actions of foreign keys reach the rows of a transaction's snapshot, whatever others did since."""

from collections.abc import Iterator

import pytest

from tests.occ.conftest import CONFLICT, Racer, Sessions

SCHEMA = (
    "CREATE TABLE house (id int PRIMARY KEY, code text UNIQUE, v int)",
    "CREATE TABLE room (id int PRIMARY KEY, v int,"
    " house int REFERENCES house ON DELETE CASCADE ON UPDATE CASCADE)",
    "CREATE TABLE lamp (id int PRIMARY KEY, room int REFERENCES room ON DELETE SET NULL"
    " ON UPDATE CASCADE)",
    "CREATE TABLE guest (id int PRIMARY KEY, code text DEFAULT 'c'"
    " REFERENCES house (code) ON DELETE SET DEFAULT ON UPDATE SET NULL)",
    "CREATE TABLE owner (id int PRIMARY KEY, house int REFERENCES house)",
    "CREATE VIEW villa AS SELECT id AS number, code AS sign, v FROM house",
)
FILLED = (
    *(f"DELETE FROM {table}" for table in ("lamp", "room", "guest", "owner", "house")),
    "INSERT INTO house VALUES (1, 'a', 0), (2, 'b', 0), (3, 'c', 0)",
    "INSERT INTO room VALUES (1, 0, 1), (2, 0, 2)",
    "INSERT INTO lamp VALUES (1, 1), (2, 2)",
    "INSERT INTO guest VALUES (1, 'a'), (2, 'b')",
)
GONE = ("DROP VIEW villa", "DROP TABLE lamp, room, guest, owner, house")


@pytest.fixture(scope="module")
def schema(observer: Racer) -> Iterator[None]:
    observer.do(SCHEMA)
    yield
    for sql in GONE:
        observer.say(sql)


@pytest.fixture
def houses(schema: None, observer: Racer) -> None:
    observer.do(FILLED)


DELETED = "DELETE FROM house WHERE id = 1"
MOVED = "UPDATE house SET id = 7 WHERE id = 1"
RENAMED = "UPDATE house SET code = 'x' WHERE id = 1"
OTHERS = {
    "UPDATE room SET house = NULL WHERE id = 1": (DELETED, MOVED),
    "UPDATE room SET house = 2 WHERE id = 1": (DELETED, MOVED),
    "DELETE FROM room WHERE id = 1": (DELETED, MOVED),
    "UPDATE lamp SET room = 2 WHERE id = 1": (
        DELETED,
        "DELETE FROM room WHERE id = 1",
        "UPDATE room SET id = 7 WHERE id = 1",
    ),
    "UPDATE guest SET code = 'b' WHERE id = 1": (
        DELETED,
        RENAMED,
        "DELETE FROM villa WHERE number = 1",
        "UPDATE villa SET sign = 'x' WHERE number = 1",
        "WITH gone AS (DELETE FROM house WHERE id = 1 RETURNING id) SELECT count(*) FROM gone",
        "INSERT INTO house VALUES (1, 'a', 0) ON CONFLICT (id) DO UPDATE SET code = 'x'",
    ),
    "DELETE FROM guest WHERE id = 1": (DELETED, RENAMED),
}
"""What another commits, and what then meets a row that is another by now."""
PLAYED = [(other, write) for other, writes in OTHERS.items() for write in writes]
SEEN = (
    "SELECT id, house FROM room ORDER BY 1",
    "SELECT id, room FROM lamp ORDER BY 1",
    "SELECT id, code FROM guest ORDER BY 1",
)


def seen(racer: Racer) -> list[object]:
    return [racer.rows(sql) for sql in SEEN]


@pytest.mark.usefixtures("houses")
@pytest.mark.parametrize("is_aside", [False, True], ids=["open", "set aside"])
@pytest.mark.parametrize(("other", "write"), PLAYED)
def test_an_action_at_a_row_that_another_changed_is_a_conflict(
    racers: Sessions, other: str, write: str, is_aside: bool
) -> None:
    one, rival, third = racers(3)
    one.do(("BEGIN", write))
    wanted = seen(one)
    one.do(("ROLLBACK", "BEGIN", "UPDATE race SET v = v WHERE id = 1", SEEN[0]))
    if is_aside:
        third.do(("BEGIN", "UPDATE race SET v = v WHERE id = 1"))
    rival.do((other,))
    one.do((write,))
    assert seen(one) == wanted
    third.do(("ROLLBACK",))
    there = seen(rival)
    assert one.say("COMMIT") == CONFLICT
    assert seen(rival) == there


@pytest.mark.usefixtures("houses")
@pytest.mark.parametrize("is_aside", [False, True], ids=["open", "set aside"])
@pytest.mark.parametrize(
    "write",
    [
        DELETED,
        "UPDATE house SET v = 1 WHERE id = 1",
        "DELETE FROM villa WHERE number = 1",
        "DELETE FROM room WHERE id = 1",
        "UPDATE room SET id = 7 WHERE id = 1",
    ],
)
def test_an_action_at_rows_that_nobody_else_changed_is_none(
    racers: Sessions, write: str, is_aside: bool
) -> None:
    one, rival, third = racers(3)
    one.do(("BEGIN", "UPDATE race SET v = v WHERE id = 1", SEEN[0]))
    if is_aside:
        third.do(("BEGIN", "UPDATE race SET v = v WHERE id = 1"))
    rival.do(
        (
            "UPDATE room SET house = NULL WHERE id = 2",
            "UPDATE lamp SET room = NULL WHERE id = 2",
            "UPDATE guest SET code = NULL WHERE id = 2",
        )
    )
    one.do((write,))
    third.do(("ROLLBACK",))
    assert one.say("COMMIT") == "COMMIT"


@pytest.mark.usefixtures("houses")
def test_an_action_that_is_newer_than_what_asked_for_it_is_known(
    racers: Sessions, observer: Racer
) -> None:
    one, rival = racers(2)
    wing = "DELETE FROM wing WHERE id = 1"
    observer.do(("CREATE TABLE wing (id int PRIMARY KEY)", "INSERT INTO wing VALUES (1)"))
    one.do(("BEGIN", SEEN[0]))
    rival.do((FILLED[-1].replace("(1, 'a'), (2, 'b')", "(5, 'a')"),))
    one.do((wing, "ROLLBACK"))
    observer.do(
        (
            "CREATE TABLE door (id int PRIMARY KEY, wing int REFERENCES wing ON DELETE CASCADE)",
            "INSERT INTO door VALUES (1, 1)",
        )
    )
    one.do(("BEGIN", SEEN[0]))
    rival.do(("UPDATE door SET wing = NULL",))
    one.do((wing,))
    assert one.rows("SELECT FROM door") == []
    assert one.say("COMMIT") == CONFLICT
    observer.do(("DROP TABLE door, wing",))

"""Rows that a transaction locks are in the race at its COMMIT, however its statement reaches them:
who began before and writes one loses, and who writes another does not."""

from collections.abc import Iterator

import pytest

from tests.occ.conftest import CONFLICT, Racer, Sessions
from tests.support.inside import backends, connect_inside
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(30)

FIRST: dict[str, tuple[str, ...]] = {
    "by itself": ("SELECT FROM race WHERE id = 1 FOR UPDATE",),
    "the first in order": ("SELECT id FROM race ORDER BY id LIMIT 1 FOR UPDATE",),
    "in a join with an alias": (
        "SELECT FROM (race r JOIN keyless k USING (id)) AS j WHERE id = 1 FOR UPDATE",
    ),
    "beside a function": ("SELECT FROM race, generate_series(1, 2) WHERE id = 1 FOR UPDATE",),
    "in a subquery that it is passed on to": (
        "SELECT FROM (SELECT * FROM race WHERE id = 1) s FOR UPDATE",
    ),
    "beside such a subquery": (
        "SELECT FROM keyless k, (SELECT * FROM race) s WHERE k.id = 1 AND s.id = 1 FOR UPDATE",
    ),
    "in a query that is counted": (
        "SELECT count(*) FROM (SELECT FROM race WHERE id = 1 FOR UPDATE) s",
    ),
    "in a WITH": ("WITH w AS (SELECT id FROM race WHERE id = 1 FOR UPDATE) SELECT id FROM w",),
    "in a WITH of another table's name": (
        "WITH keyless AS (SELECT * FROM race WHERE id = 1 FOR UPDATE) SELECT id FROM keyless",
    ),
    "by what a WITH found": (
        "WITH w AS (SELECT id FROM keyless WHERE id = 1)"
        " SELECT FROM race WHERE id IN (SELECT id FROM w) FOR UPDATE",
    ),
    "in a WITH by what another found": (
        "WITH w AS (SELECT id FROM keyless WHERE id = 1),"
        " x AS (SELECT id FROM race WHERE id IN (SELECT id FROM w) FOR UPDATE) SELECT id FROM x",
    ),
    "for an update of others": (
        "UPDATE keyless SET v = 1 WHERE id IN (SELECT id FROM race WHERE id = 1 FOR UPDATE)",
    ),
    "for an update of some of them": (
        "UPDATE race SET v = 0 WHERE id = 2"
        " AND id IN (SELECT id FROM race WHERE id < 3 ORDER BY id LIMIT 2 FOR UPDATE)",
    ),
    "for a deletion": (
        "DELETE FROM keyless USING (SELECT id FROM race WHERE id = 1 FOR UPDATE) s"
        " WHERE keyless.id = s.id",
    ),
    "for an insertion": ("INSERT INTO keyless SELECT id, v FROM race WHERE id = 1 FOR UPDATE",),
    "for each row of another table": (
        "SELECT (SELECT v FROM race WHERE race.id = k.id FOR UPDATE) FROM keyless k WHERE k.id = 1",
    ),
    "by a column of another table": (
        "SELECT (SELECT r.v FROM race r WHERE r.id = parent_id FOR UPDATE)"
        " FROM child_plain c WHERE c.id = 1",
    ),
    "through a view": ("SELECT FROM race_view WHERE id = 1 FOR UPDATE",),
    "by a cursor": (
        "DECLARE c CURSOR FOR SELECT id FROM race WHERE id = 1 FOR UPDATE",
        "FETCH ALL FROM c",
    ),
    "before another is moved in front": (
        "SELECT id FROM race ORDER BY id LIMIT 1 FOR UPDATE",
        "UPDATE race SET id = -2 WHERE id = 2",
    ),
    "before another is inserted in front": (
        "SELECT id FROM race ORDER BY id LIMIT 1 FOR UPDATE",
        "INSERT INTO race VALUES (-2, 0)",
    ),
    "before others are moved in front, two by two": (
        "SELECT id FROM race ORDER BY id FETCH FIRST 1 ROW ONLY FOR UPDATE",
        "UPDATE race SET id = -id WHERE id BETWEEN 2 AND 3",
        "UPDATE race SET id = -id WHERE id BETWEEN 4 AND 5",
    ),
    "among those that are passed over": (
        "SELECT id FROM race ORDER BY id OFFSET 1 LIMIT 1 FOR UPDATE",
    ),
    "by one of several statements": (
        "SELECT id FROM race WHERE id = 2 FOR UPDATE",
        "WITH w AS (SELECT id FROM race WHERE id = 1 FOR UPDATE) SELECT id FROM w",
    ),
}
"""Statements that lock the first row of the table race, and do nothing to the last."""


@pytest.fixture(scope="module")
def _view(observer: Racer) -> Iterator[None]:
    observer.do(["CREATE VIEW race_view AS SELECT id, v FROM race"])
    yield
    observer.do(["DROP VIEW race_view"])


@pytest.mark.usefixtures("_view")
@pytest.mark.parametrize("how", FIRST)
@pytest.mark.parametrize("strength", ["UPDATE", "KEY SHARE"])
def test_who_began_before_loses_with_the_row_that_was_locked(
    racers: Sessions, how: str, strength: str
) -> None:
    locker, other = racers(2)
    for each in (locker, other):
        each.say("BEGIN")
        each.say("SELECT FROM race")
    locker.do(text.replace("FOR UPDATE", f"FOR {strength}") for text in FIRST[how])
    assert locker.say("COMMIT") == "COMMIT"
    writes = "DELETE FROM race" if strength == "KEY SHARE" else "UPDATE race SET v = 7"
    assert other.say(f"{writes} WHERE id = 1").endswith(" 1")
    assert other.say("COMMIT") == CONFLICT


@pytest.mark.usefixtures("_view")
@pytest.mark.parametrize("how", FIRST)
def test_who_began_before_does_not_lose_with_another_row(racers: Sessions, how: str) -> None:
    locker, other = racers(2)
    for each in (locker, other):
        each.say("BEGIN")
        each.say("SELECT FROM race")
    locker.do(FIRST[how])
    assert locker.say("COMMIT") == "COMMIT"
    assert other.say("INSERT INTO race VALUES (9, 9)") == "INSERT 0 1"
    if "two by two" not in how:
        assert other.say("UPDATE race SET v = 7 WHERE id = 5") == "UPDATE 1"
    assert other.say("COMMIT") == "COMMIT"


def test_the_row_that_chance_chose_is_in_the_race(racers: Sessions) -> None:
    for _ in range(5):
        locker, other = racers(2)
        for each in (locker, other):
            each.say("BEGIN")
            each.say("SELECT FROM race")
        ((chosen,),) = locker.rows("SELECT id FROM race ORDER BY random() LIMIT 1 FOR UPDATE")
        assert locker.say("COMMIT") == "COMMIT"
        assert other.say(f"UPDATE race SET v = 7 WHERE id = {chosen}") == "UPDATE 1"
        assert other.say("COMMIT") == CONFLICT


LONG = 3000
_READ = "SELECT seq_tup_read FROM pg_stat_all_tables WHERE relname = 'long_race'"


@pytest.fixture(scope="module")
def _long(observer: Racer) -> Iterator[None]:
    observer.do(
        [
            "CREATE TABLE long_race (id int PRIMARY KEY, v int)",
            f"INSERT INTO long_race SELECT n, n FROM generate_series(1, {LONG}) AS s (n)",
            "ANALYZE long_race",
        ]
    )
    yield
    observer.do(["DROP TABLE long_race"])


@pytest.mark.usefixtures("_long")
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM long_race WHERE id = 1 FOR UPDATE",
        "WITH w AS (SELECT id FROM long_race WHERE id = 1 FOR UPDATE) SELECT id FROM w",
        "SELECT count(*) FROM (SELECT FROM long_race WHERE id = 1 FOR KEY SHARE) s",
        "UPDATE long_race SET v = 0 WHERE id IN"
        " (SELECT id FROM long_race WHERE id > 1 ORDER BY id LIMIT 2 FOR UPDATE SKIP LOCKED)",
        "INSERT INTO keyless SELECT id FROM long_race ORDER BY id LIMIT 1 FOR UPDATE",
        "DELETE FROM keyless WHERE id = (SELECT id FROM long_race WHERE id = 1 FOR UPDATE)",
    ],
)
@pytest.mark.parametrize("bound", [False, True])
def test_a_commit_does_not_look_for_them_in_the_whole_table(
    racers: Sessions, sql: str, bound: bool
) -> None:
    locker, other = racers(2)
    if bound:
        sql = sql.replace("= 1", "= %(first)s").replace("> 1", "> %(first)s")
    for each in (locker, other):
        each.say("BEGIN")
        each.say("SELECT FROM race")
    with connect_inside() as inside:
        before = inside.execute(_READ).fetchone()
        assert not locker.say(sql, {"first": 1} if bound else None)[:1].isdigit()
        assert locker.say("COMMIT") == "COMMIT"
        locker.connection.close()  # its backend says then what it has read
        assert eventually(lambda: backends() == 2)  # the observer's and the other's
        after = inside.execute(_READ).fetchone()
    assert before is not None
    assert after is not None
    assert after[0] - before[0] < LONG

"""Values that an UPDATE draws: those that nobody has seen may be drawn again, all others stay."""

from collections.abc import Iterator

import pytest

from dsqlkit.local.occ.unseen import assigns_what_it_draws
from tests.occ.conftest import CONFLICT, Racer, Sessions
from tests.support.statistics import counted
from tests.support.waiting import eventually

ADD = "UPDATE race SET v = v + 1 WHERE id = 1"
DRAW = "UPDATE drawn SET v = random(), at = clock_timestamp() WHERE id = 7"


@pytest.mark.parametrize(
    ("text", "assigns"),
    [
        ("UPDATE t SET v = random() WHERE id = 1", True),
        ("UPDATE t SET (a, b) = (random(), clock_timestamp()) WHERE id = $1", True),
        ("UPDATE t SET v = random() WHERE random() < 0.5", False),
        ("UPDATE t SET v = random() RETURNING id", False),
        ("UPDATE t SET v = random(), w = (SELECT 1)", False),
        ("UPDATE t SET v = random() FROM u WHERE u.id = t.id", False),
        ("UPDATE t SET v = random() WHERE CURRENT OF c", False),
        ("WITH w AS (SELECT 1) UPDATE t SET v = random()", False),
        ("UPDATE t SET v = random(); UPDATE t SET v = 1", False),
        ("DELETE FROM t WHERE v < random()", False),
        ("this is no SQL", False),
    ],
)
def test_what_an_update_draws(text: str, assigns: bool) -> None:
    assert assigns_what_it_draws(text.encode()) == assigns


@pytest.fixture
def drawn(observer: Racer) -> Iterator[None]:
    observer.say("CREATE TABLE drawn (id int PRIMARY KEY, v float8, at timestamptz)")
    observer.say("CREATE TABLE taken (v float8)")
    observer.say("CREATE VIEW of_drawn AS SELECT v FROM drawn WHERE id = 7")
    observer.say("INSERT INTO drawn SELECT generate_series(1, 2000), 0")
    yield
    observer.say("DROP VIEW of_drawn")
    assert observer.say("DROP TABLE drawn, taken") == "DROP TABLE"


@pytest.mark.parametrize(
    "look",
    [
        "SELECT v FROM drawn WHERE id = 7",
        "SELECT v FROM of_drawn",
        "INSERT INTO taken SELECT v FROM drawn WHERE id = 7 RETURNING v",
        "UPDATE drawn SET at = NULL WHERE id = 7 RETURNING v",
    ],
)
@pytest.mark.parametrize("rival_first", [False, True])
def test_what_somebody_has_seen_stays(
    racers: Sessions, drawn: None, observer: Racer, look: str, rival_first: bool
) -> None:
    one, two = racers(2)
    one.say("BEGIN")
    for sql in (DRAW, ADD) if rival_first else (ADD, DRAW):
        assert one.say(sql) == "UPDATE 1"
    two.say("BEGIN")
    seen = [] if rival_first else one.rows(look)
    assert two.say(ADD) == "UPDATE 1"
    seen += one.rows(look)
    seen += one.rows("SELECT v FROM drawn WHERE id = 7")
    assert one.say("COMMIT") == "COMMIT"
    seen += observer.rows("SELECT v FROM drawn WHERE id = 7")
    seen += observer.rows("SELECT v FROM taken")
    assert len(set(seen)) == 1
    assert two.say("COMMIT") == CONFLICT


@pytest.mark.parametrize(
    ("draw", "look"),
    [
        ("UPDATE of_drawn SET v = random()", "SELECT v FROM drawn WHERE id = 7"),
        ("UPDATE keys SET v = random()", "SELECT v FROM of_keys"),
    ],
)
def test_what_reached_others_than_the_table_that_is_named_stays(
    racers: Sessions, drawn: None, observer: Racer, draw: str, look: str
) -> None:
    observer.say("CREATE TABLE keys (v float8 PRIMARY KEY)")
    observer.say("CREATE TABLE of_keys (v float8 REFERENCES keys ON UPDATE CASCADE)")
    observer.say("INSERT INTO keys VALUES (2)")
    observer.say("INSERT INTO of_keys VALUES (2)")
    one, two = racers(2)
    one.say("BEGIN")
    assert one.say(draw) == "UPDATE 1"
    seen = one.rows(look)
    assert one.say(ADD) == "UPDATE 1"
    two.say("BEGIN")
    assert two.say(ADD) == "UPDATE 1"
    assert one.say("COMMIT") == "COMMIT"
    assert observer.rows(look) == seen != [(2.0,)]
    assert two.say("COMMIT") == CONFLICT
    assert observer.say("DROP TABLE of_keys, keys") == "DROP TABLE"


def test_the_rival_of_one_that_draws_wins_if_it_is_first(
    racers: Sessions, drawn: None, observer: Racer
) -> None:
    one, two = racers(2)
    one.say("BEGIN")
    assert one.say(DRAW) == "UPDATE 1"
    two.say("BEGIN")
    assert two.say("UPDATE drawn SET v = -1 WHERE id = 7") == "UPDATE 1"
    assert two.say("COMMIT") == "COMMIT"
    assert one.say("COMMIT") == CONFLICT
    assert observer.rows("SELECT v FROM drawn WHERE id = 7") == [(-1.0,)]


def test_what_nobody_has_seen_costs_no_look_through_its_table(
    racers: Sessions, drawn: None, observer: Racer
) -> None:
    before = counted("drawn").read_in_a_row
    one, two = racers(2)
    one.say("BEGIN")
    assert one.say(DRAW) == "UPDATE 1"
    assert one.say(ADD) == "UPDATE 1"
    two.say("BEGIN")
    assert two.say(ADD) == "UPDATE 1"
    assert one.say("COMMIT") == "COMMIT"
    assert two.say("COMMIT") == CONFLICT
    one.connection.close()
    assert eventually(lambda: counted("drawn").updated > 0)
    assert counted("drawn").read_in_a_row == before
    assert observer.rows("SELECT v > 0, at IS NOT NULL FROM drawn WHERE id = 7") == [(True, True)]

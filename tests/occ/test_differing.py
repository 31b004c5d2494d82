"""Statements that insert something else each time they are run: what they inserted is kept."""

from collections.abc import Iterator
from functools import partial

import pytest

from dsqlkit.local.occ.differing import Insertion, by_statement
from tests.occ.conftest import CONFLICT, Racer, Sessions
from tests.support.inside import connect_inside
from tests.support.statistics import counted
from tests.support.waiting import eventually


@pytest.mark.parametrize(
    ("rows", "counts", "found"),
    [
        ([], (0,), [[]]),
        ([(1, "a"), (1, "b")], (2,), [["a", "b"]]),
        ([(5, "c"), (1, "a"), (1, "b")], (2, 0, 1), [["a", "b"], [], ["c"]]),
        ([(1, "a")], (2,), None),
        ([(1, "a"), (2, "b")], (1,), None),
        ([(1, "a"), (1, "b")], (1, 1), None),
        ([(1, "a"), (1, "b"), (2, "c")], (1, 2), None),
    ],
)
def test_rows_are_told_apart_by_their_statements(
    rows: list[tuple[int, str]], counts: tuple[int, ...], found: list[list[str]] | None
) -> None:
    insertions = [Insertion(number, count) for number, count in enumerate(counts, start=7)]
    wanted = None if found is None else dict(enumerate(found, start=7))
    assert by_statement(rows, insertions) == wanted


SCHEMA = (
    "CREATE TABLE owners (id int PRIMARY KEY)",
    "CREATE TABLE filled (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), v int UNIQUE,"
    " owner int REFERENCES owners ON DELETE CASCADE)",
    "CREATE TABLE seen (n int, id uuid REFERENCES filled)",
    "CREATE VIEW of_filled AS SELECT id, v FROM filled WHERE v >= 0",
    "INSERT INTO owners VALUES (1), (2)",
    "INSERT INTO filled (v, owner) VALUES (-1, 1), (-2, 2)",
)
ADD = "UPDATE race SET v = v + 1 WHERE id = 1"


@pytest.fixture
def filled(observer: Racer) -> Iterator[None]:
    observer.do(SCHEMA)
    yield
    observer.say("DROP VIEW of_filled")
    assert observer.say("DROP TABLE seen, filled, owners") == "DROP TABLE"


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(
    "statements",
    [
        ("INSERT INTO filled (v) VALUES (1), (2)",),
        (
            "INSERT INTO filled (v) VALUES (1)",
            "INSERT INTO seen SELECT count(*), NULL FROM filled",
            "UPDATE race SET v = (SELECT count(*) FROM filled) WHERE id = 2",
            "INSERT INTO public.filled (v) SELECT n FROM generate_series(2, 30) AS n",
            "INSERT INTO seen SELECT count(*), NULL FROM of_filled",
            "INSERT INTO filled (v) VALUES (99)",
        ),
        ("INSERT INTO filled (v) VALUES (1)", "INSERT INTO seen SELECT v, id FROM filled"),
        ("INSERT INTO filled (v) VALUES (1)", "UPDATE filled SET v = v + 10 WHERE v = 1"),
        ("INSERT INTO filled (v) VALUES (1)", "UPDATE filled SET v = v + 10 WHERE v < 0"),
        ("INSERT INTO filled (v) VALUES (1), (2)", "DELETE FROM filled WHERE v = 1"),
        ("INSERT INTO filled (v) VALUES (1)", "UPDATE of_filled SET v = v + 10"),
        ("INSERT INTO of_filled (v) VALUES (1)", "INSERT INTO filled (v) VALUES (2)"),
        ("INSERT INTO filled (v, owner) VALUES (1, 1)", "DELETE FROM owners WHERE id = 1"),
        ("DELETE FROM owners WHERE id = 2", "INSERT INTO filled (v, owner) VALUES (1, 1)"),
        (
            "INSERT INTO filled (v) VALUES (1), (-1) ON CONFLICT DO NOTHING",
            "INSERT INTO filled (v) VALUES (-2) ON CONFLICT (v) DO UPDATE SET v = 7",
        ),
        ("SELECT v FROM filled WHERE v = -1 FOR UPDATE", "INSERT INTO filled (v) VALUES (1)"),
        ("UPDATE race SET v = random() * 1000 WHERE id = 2", "INSERT INTO filled (v) VALUES (1)"),
        (
            "WITH w AS (INSERT INTO filled (v) VALUES (1) RETURNING v)"
            " INSERT INTO seen SELECT v FROM w",
        ),
    ],
)
def test_a_transaction_that_is_set_aside_commits_what_it_did(
    racers: Sessions, filled: None, observer: Racer, statements: tuple[str, ...], before: bool
) -> None:
    one, two = racers(2)
    # What the session has done to the table in an earlier transaction does not matter.
    one.say("UPDATE filled SET v = v - 10 WHERE v = -1")
    one.say("UPDATE filled SET v = v + 10 WHERE v = -11")
    one.say("BEGIN")
    one.do([*statements, ADD] if before else [ADD, *statements])
    tables = [
        "SELECT id, v, owner FROM filled ORDER BY id",
        "SELECT n, id FROM seen ORDER BY n",
        "SELECT id, v FROM race ORDER BY id",
        "SELECT id FROM owners ORDER BY id",
    ]
    wanted = [one.rows(sql) for sql in tables]
    assert two.say("BEGIN") == "BEGIN"
    assert two.say(ADD) == "UPDATE 1"
    assert [one.rows(sql) for sql in tables] == wanted
    assert one.say("COMMIT") == "COMMIT"
    assert two.say("COMMIT") == CONFLICT
    assert [observer.rows(sql) for sql in tables] == wanted


def test_rows_that_took_the_room_of_others_are_found(
    racers: Sessions, filled: None, observer: Racer
) -> None:
    with connect_inside() as connection:
        connection.execute("INSERT INTO filled (v) SELECT n FROM generate_series(1, 20000) AS n")
        connection.execute("DELETE FROM filled WHERE v BETWEEN 1 AND 19000")
        connection.execute("VACUUM filled")
    one, two = racers(2)
    one.say("BEGIN")
    rows = one.rows("INSERT INTO filled (v) SELECT generate_series(1, 500) RETURNING id")
    assert one.say(ADD) == "UPDATE 1"
    assert two.say(ADD) == "UPDATE 1"
    assert one.rows("SELECT id FROM filled WHERE v BETWEEN 1 AND 500 ORDER BY v") == rows
    assert one.say("COMMIT") == CONFLICT
    assert observer.rows("SELECT FROM filled WHERE v BETWEEN 1 AND 500") == []


def has_rows(table: str, count: int) -> bool:
    """Whether so many rows were inserted."""
    return counted(table).inserted >= count


@pytest.mark.slow
@pytest.mark.parametrize(
    "others",
    [
        (),
        ("UPDATE large SET v = v + 1 WHERE id = %(first)s",),
        ("DELETE FROM large WHERE id = %(first)s", "INSERT INTO large (v) VALUES (2)"),
    ],
    ids=["alone", "beside an update", "beside a deletion"],
)
def test_what_it_costs_depends_on_the_rows_inserted_and_not_on_the_table(
    racers: Sessions, filled: None, observer: Racer, others: tuple[str, ...]
) -> None:
    read = {}
    first = "00000000-0000-4000-8000-000000000000"
    for size in (1000, 100_000):
        observer.say("DROP TABLE IF EXISTS large")
        observer.say("CREATE TABLE large (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), v int)")
        with connect_inside() as connection:
            connection.execute("INSERT INTO large VALUES (%s, 0)", (first,))
            connection.execute("INSERT INTO large (v) SELECT generate_series(2, %s)", (size,))
        assert eventually(partial(has_rows, "large", size))
        before = counted("large").read_in_a_row
        one, two = racers(2)
        one.say("BEGIN")
        made = one.rows("INSERT INTO large (v) VALUES (1) RETURNING id")
        for sql in others:
            assert one.say(sql % {"first": f"'{first}'"}).endswith(" 1")
        assert one.say(ADD) == "UPDATE 1"
        assert two.say("BEGIN") == "BEGIN"
        assert two.say(ADD) == "UPDATE 1"
        assert one.say("COMMIT") == "COMMIT"
        assert two.say("COMMIT") == CONFLICT
        one.connection.close()
        assert eventually(partial(has_rows, "large", size + 1))
        read[size] = counted("large").read_in_a_row - before
        assert observer.rows(f"SELECT id FROM large WHERE id = '{made[0][0]}'") == made
    observer.say("DROP TABLE large")
    assert 0 < read[100_000] <= 2 * read[1000]

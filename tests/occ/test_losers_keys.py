"""What a transaction that has lost writes until its COMMIT into a table with keys of all kinds."""

import psycopg
import pytest

from tests.occ.conftest import Racer, Sessions

pytestmark = pytest.mark.timeout(30)

ODD = (
    "id int PRIMARY KEY, made text UNIQUE, many int CHECK (many > 0), r int, b int, old int,"
    ' new int, "Weird ""name" text, total int GENERATED ALWAYS AS (many * 2) STORED,'
    " d numeric DEFAULT 1.5"
)


@pytest.fixture
def odd(observer: Racer) -> Racer:
    """A table whose columns are called what they might be called inside."""
    observer.say("DROP TABLE IF EXISTS odd_child")
    observer.say("DROP TABLE IF EXISTS odd")
    assert observer.say(f"CREATE TABLE odd ({ODD})") == "CREATE TABLE"
    observer.say(
        "CREATE TABLE odd_child (id int PRIMARY KEY, p int REFERENCES odd ON DELETE SET NULL,"
        " q text REFERENCES odd (made))"
    )
    observer.say(
        "INSERT INTO odd (id, made, many) SELECT n, 'm' || n, n FROM generate_series(1, 9) AS s (n)"
    )
    observer.say("INSERT INTO odd_child VALUES (1, 1, 'm1'), (2, 2, NULL)")
    return observer


def lost_to_another(racers: Sessions) -> Racer:
    """A transaction that has changed row 9, as another has that is committed."""
    winner, loser = racers(2)
    for each in (winner, loser):
        each.say("BEGIN")
        assert each.say("UPDATE odd SET many = many + 1 WHERE id = 9") == "UPDATE 1"
    assert winner.say("COMMIT") == "COMMIT"
    return loser


@pytest.mark.parametrize(
    ("sql", "answer"),
    [
        ("UPDATE odd SET many = many + 1, old = 5, new = 6, r = b WHERE id = 1", "UPDATE 1"),
        ("INSERT INTO odd (id, made, many) VALUES (30, 'm1', 1)", "23505"),
        ("INSERT INTO odd (id, made, many) VALUES (1, 'z', 1)", "23505"),
        ("INSERT INTO odd (id, made, many) VALUES (30, 'z', 0)", "23514"),
        ("UPDATE odd SET made = 'm3' WHERE id = 4", "23505"),
        ("UPDATE odd SET id = id + 100 WHERE id > 2", "UPDATE 7"),
        ("DELETE FROM odd WHERE id = 1", "23503"),
        ("DELETE FROM odd WHERE id = 2", "DELETE 1"),
        ("INSERT INTO odd_child VALUES (9, 77, NULL)", "23503"),
        ("UPDATE odd_child SET p = NULL", "UPDATE 2"),
        (
            "INSERT INTO odd (id, made, many) VALUES (1, 'q', 1) ON CONFLICT DO NOTHING",
            "INSERT 0 0",
        ),
        (
            "INSERT INTO odd AS o (id, made, many) VALUES (50, 'm5', 1)"
            " ON CONFLICT ON CONSTRAINT odd_made_key DO UPDATE SET old = 99",
            "INSERT 0 1",
        ),
    ],
)
def test_a_table_with_odd_names_and_all_kinds_of_keys(
    racers: Sessions, odd: Racer, sql: str, answer: str
) -> None:
    loser = lost_to_another(racers)
    assert loser.rows("SELECT many FROM odd WHERE id = 9") == [(10,)]
    assert loser.say(sql) == answer


ODD_ROWS = "INSERT INTO odd (id, made, many) VALUES"
ON_MADE = "ON CONFLICT ON CONSTRAINT odd_made_key"
ON_ANY = "ON CONFLICT DO NOTHING"


@pytest.mark.parametrize(
    ("sql", "answer"),
    [
        (f"{ODD_ROWS} (1, 'q', 1) ON CONFLICT (id) DO NOTHING", "INSERT 0 0"),
        (f"{ODD_ROWS} (40, 'q', 1) ON CONFLICT (id) DO NOTHING", "INSERT 0 1"),
        (f"{ODD_ROWS} (40, 'm1', 1) ON CONFLICT (id) DO NOTHING", "23505"),
        (f"{ODD_ROWS} (1, 'm2', 1) ON CONFLICT (id) DO NOTHING", "INSERT 0 0"),
        (f"{ODD_ROWS} (40, 'm1', 1) ON CONFLICT (made) DO NOTHING", "INSERT 0 0"),
        (
            f"{ODD_ROWS} (40, 'm1', 1) ON CONFLICT ON CONSTRAINT odd_made_key DO NOTHING",
            "INSERT 0 0",
        ),
        (f"{ODD_ROWS} (1, 'q', 1) {ON_MADE} DO NOTHING", "23505"),
        (f"{ODD_ROWS} (40, 'q', 1), (40, 'r', 1) ON CONFLICT (id) DO NOTHING", "INSERT 0 1"),
        (
            f"{ODD_ROWS} (40, 'q', 1), (2, 'r', 1), (41, 's', 1) ON CONFLICT DO NOTHING",
            "INSERT 0 2",
        ),
        (f"{ODD_ROWS} (1, 'q', 0) ON CONFLICT DO NOTHING", "23514"),
        (f"{ODD_ROWS} (1, 'q', 1) ON CONFLICT (many) DO NOTHING", "42P10"),
        (f"{ODD_ROWS} (1, 'q', 1) ON CONFLICT (id, made) DO NOTHING", "42P10"),
        (f"{ODD_ROWS} (1, 'q', 1) ON CONFLICT ((id + 0)) DO NOTHING", "42P10"),
        (f"{ODD_ROWS} (1, 'q', 1) ON CONFLICT (id) WHERE id > 0 DO NOTHING", "INSERT 0 0"),
        (f"{ODD_ROWS} (1, 'q', 1) ON CONFLICT ON CONSTRAINT nothing DO NOTHING", "42704"),
        ("INSERT INTO odd_child VALUES (1, 77, NULL) ON CONFLICT DO NOTHING", "INSERT 0 0"),
        ("INSERT INTO odd_child VALUES (5, 77, NULL) ON CONFLICT DO NOTHING", "23503"),
        ("INSERT INTO nothing VALUES (1) ON CONFLICT DO NOTHING", "42P01"),
        ("INSERT INTO odd (nothing) VALUES (1) ON CONFLICT DO NOTHING", "42703"),
        ("INSERT INTO public.odd_child AS c VALUES (1, 1) ON CONFLICT DO NOTHING", "INSERT 0 0"),
    ],
)
@pytest.mark.parametrize("has_lost", [False, True])
def test_on_conflict_do_nothing_leaves_out_what_it_means_and_no_more(
    racers: Sessions, odd: Racer, sql: str, answer: str, has_lost: bool
) -> None:
    """As a transaction that has not lost is answered by PostgreSQL itself, so one that has."""
    winner, asking = racers(2)
    write = "UPDATE odd SET many = many + 1 WHERE id = 9"
    asking.say("BEGIN")
    assert asking.rows("SELECT many FROM odd WHERE id = 9") == [(9,)]
    if has_lost:
        assert winner.say(write) == "UPDATE 1"
    assert asking.say(write) == "UPDATE 1"
    assert asking.say(sql) == answer


def test_rows_that_meet_a_key_are_not_returned_and_the_next_statement_tells_of_them(
    racers: Sessions, odd: Racer
) -> None:
    loser = lost_to_another(racers)
    insert = "INSERT INTO odd (id, made, many) VALUES (%(id)s, 'q', %(many)s)"
    skipping = f"{insert} ON CONFLICT (id) DO NOTHING RETURNING id, total"
    assert loser.rows(skipping, {"id": 40, "many": 7}) == [(40, 14)]
    assert loser.rows(skipping, {"id": 40, "many": 8}) == []
    assert loser.rows("SELECT id, many FROM odd WHERE id >= 40") == [(40, 7)]
    with pytest.raises(psycopg.errors.UniqueViolation):
        loser.rows(insert, {"id": 40, "many": 9})


def test_the_rows_of_a_loser_in_full(racers: Sessions, odd: Racer) -> None:
    loser = lost_to_another(racers)
    row = loser.rows(
        "INSERT INTO odd (id, made, many, \"Weird \"\"name\") VALUES (30, 'z', 4, 'w') RETURNING *"
    )
    assert [str(value) for value in row[0]] == [
        *("30", "z", "4", "None", "None", "None", "None", "w", "8", "1.500000"),
    ]
    assert loser.say("DELETE FROM odd WHERE id = 2") == "DELETE 1"
    assert loser.rows("SELECT p FROM odd_child ORDER BY id") == [(1,), (None,)]

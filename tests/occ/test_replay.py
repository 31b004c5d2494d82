"""Which statements do the same again when they are run again with their snapshot."""

from collections.abc import Iterator

import pytest

from dsqlkit.local.occ.replay import Doings, doings
from tests.occ.conftest import CONFLICT, Racer, Sessions


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("UPDATE t SET v = v + 1 WHERE id = 1", Doings()),
        (
            "INSERT INTO t (a, b) VALUES (1, now())",
            Doings(frozenset({"now"}), (('"t"', ("a", "b")),)),
        ),
        ("INSERT INTO s.t SELECT 1", Doings(frozenset(), (('"s"."t"', None),))),
        (
            "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING",
            Doings(frozenset(), (('"t"', None),), leaves_out=True),
        ),
        (
            "WITH w AS (INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING RETURNING 1) SELECT 1",
            Doings(frozenset(), (('"t"', None),), leaves_out=True, mixed=True),
        ),
        (
            "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 1",
            Doings(frozenset(), (('"t"', None),)),
        ),
        ("COPY t (a) FROM STDIN", Doings(frozenset(), (('"t"', ("a",)),))),
        ("UPDATE t SET a = DEFAULT", Doings(unordered=True)),
        ("UPDATE t SET a = u.a FROM u WHERE u.id = t.id", Doings(chooses=True)),
        ("DELETE FROM t USING u WHERE u.id = t.id", Doings()),
        ("WITH w AS (UPDATE t SET a = 1) DELETE FROM t", Doings(chooses=True)),
        ("DELETE FROM t WHERE id IN (SELECT id FROM t LIMIT 1)", Doings(unordered=True)),
        ("DELETE FROM t WHERE id IN (SELECT id FROM t ORDER BY id LIMIT 1)", Doings()),
        ("this is no SQL", None),
    ],
)
def test_what_a_text_does(text: str, found: Doings | None) -> None:
    got = doings([text.encode()])
    assert got == found


@pytest.fixture
def made(observer: Racer) -> Iterator[None]:
    observer.say(
        "CREATE TABLE made (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), v int, at text"
        " DEFAULT clock_timestamp()::text)"
    )
    yield
    observer.say("DROP TABLE made")


@pytest.mark.parametrize(
    "insert",
    [
        "INSERT INTO made (v) VALUES (1), (2) RETURNING id, at",
        "INSERT INTO made (id, v, at) SELECT gen_random_uuid(), random() * 9, 'x'"
        " FROM generate_series(1, 5) RETURNING id, at",
        "INSERT INTO public.made VALUES (gen_random_uuid(), 1) RETURNING id, at",
    ],
)
def test_what_differs_each_time_is_kept_through_being_set_aside(
    racers: Sessions, made: None, observer: Racer, insert: str
) -> None:
    one, two = racers(2)
    one.say("BEGIN")
    rows = one.rows(insert)
    one.say("UPDATE race SET v = v + 1 WHERE id = 1")
    assert two.say("BEGIN") == "BEGIN"
    assert two.say("UPDATE race SET v = v + 1 WHERE id = 1") == "UPDATE 1"
    assert sorted(one.rows("SELECT id, at FROM made")) == sorted(rows)
    assert one.say("COMMIT") == "COMMIT"
    assert two.say("COMMIT") == CONFLICT
    assert sorted(observer.rows("SELECT id, at FROM made")) == sorted(rows)

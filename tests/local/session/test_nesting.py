"""Statements that nest deeply, as those that programs put together do."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint

DEEP = 700
NESTED: dict[str, tuple[int, Callable[[int], str]]] = {
    "a sum": (DEEP, lambda n: "+".join(["1"] * n)),
    "a text put together": (1, lambda n: f"length({'||'.join(['left(v, 0)'] * n)}) + 1"),
    "calls": (1, lambda n: "abs(" * n + "1" + ")" * n),
    "queries": (1, lambda n: "(SELECT " * n + "1" + ")" * n),
    "cases": (1, lambda n: "CASE WHEN true THEN " * n + "1" + " END" * n),
    "casts": (1, lambda n: "1" + "::int" * n),
}


@pytest.fixture(scope="module")
def connection(endpoint: Endpoint) -> Iterator[Connection]:
    with connect(endpoint) as opened:
        opened.execute("CREATE TABLE nested (id int PRIMARY KEY, v text)")
        opened.execute("INSERT INTO nested VALUES (1, 'a')")
        yield opened
        opened.execute("DROP TABLE nested")


@pytest.mark.parametrize("name", NESTED)
def test_hundreds_of_levels_are_answered_wherever_they_are(
    connection: Connection, name: str
) -> None:
    value, made = NESTED[name]
    deep = made(DEEP)
    for prepared in (False, True):
        found = connection.execute(f"SELECT {deep} FROM nested".encode(), prepare=prepared)
        assert found.fetchone() == (value,)
    asked = psycopg.ClientCursor(connection).execute(f"SELECT {deep} FROM nested WHERE id = 1")
    assert asked.fetchone() == (value,)
    with connection.transaction():
        connection.execute(f"UPDATE nested SET v = ({deep})::text WHERE id = 1".encode())
    assert connection.execute("SELECT v FROM nested").fetchone() == (str(value),)
    connection.execute("UPDATE nested SET v = 'a'")


def test_a_plan_of_hundreds_of_levels_is_printed(connection: Connection) -> None:
    _, made = NESTED["queries"]
    plan = connection.execute(f"EXPLAIN ANALYZE SELECT {made(200)}".encode()).fetchall()
    assert sum("InitPlan" in line for (line,) in plan) == 200


def test_what_is_too_deep_is_refused_and_the_session_goes_on(connection: Connection) -> None:
    _, made = NESTED["a sum"]
    for levels in (15_000, 60_000):
        with pytest.raises(psycopg.errors.StatementTooComplex, match="stack depth limit exceeded"):
            connection.execute(f"SELECT {made(levels)}".encode())
    assert connection.execute("SELECT count(*) FROM nested").fetchone() == (1,)

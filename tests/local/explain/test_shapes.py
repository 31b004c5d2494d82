"""A statement of each recorded shape answers a plan of that shape."""

import re
from collections.abc import Iterator

import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from tests.local.explain.asking import lines_of, set_up, shape
from tests.local.explain.shapes import FOOTER, SET_UP, SHAPES, TEAR_DOWN, Shape


@pytest.fixture(scope="module")
def db(endpoint: Endpoint) -> Iterator[Connection]:
    with connect(endpoint) as connection:
        connection.autocommit = True
        set_up(connection, SET_UP)
        yield connection
        connection.execute(TEAR_DOWN)


@pytest.mark.parametrize("recorded", SHAPES, ids=lambda each: each.name)
def test_a_plan_has_the_nodes_and_lines_of_the_recorded_one(
    db: Connection, recorded: Shape
) -> None:
    with db.transaction(force_rollback=True):
        lines = lines_of(db, recorded.sql)
    expected = recorded.plan.split("\n")
    found = [re.sub(r"Memory: \d+kB", "Memory: 25kB", line) for line in shape(lines)]
    assert found[: len(expected)] == expected
    below = [line.split(":")[0] for line in found[len(expected) :]]
    assert below == [name.split(":")[0] for name in FOOTER if _is_asked(name, recorded.sql)]


def _is_asked(footer: str, sql: str) -> bool:
    """Whether a line below the plan comes without SETTINGS."""
    analyzed, verbose = "ANALYZE" in sql, "VERBOSE" in sql
    if footer.startswith("Settings"):
        return False
    if footer.startswith("Query"):
        return verbose
    return analyzed if "Time" in footer else analyzed and verbose


def test_what_stands_below_a_plan_is_in_the_recorded_order(db: Connection) -> None:
    lines = lines_of(db, "EXPLAIN (ANALYZE, VERBOSE, SETTINGS) SELECT * FROM keyed WHERE id = 1")
    below = lines[-len(FOOTER) :]
    assert all(line.startswith(name) for line, name in zip(below, FOOTER, strict=True))
    both = lines_of(db, "EXPLAIN (VERBOSE, SETTINGS) SELECT 1")
    assert [line.split(":")[0] for line in both[-2:]] == ["Settings", "Query Identifier"]

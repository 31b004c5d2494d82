"""A plan that is asked for again tells what is so now."""

from collections.abc import Iterator

import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from tests.local.explain.asking import dpu, lines_of, set_up

ASKED = (
    "EXPLAIN (ANALYZE, VERBOSE) SELECT word FROM again WHERE day > '02/01/2026' AND word LIKE 'x%'"
)


@pytest.fixture(scope="module")
def other(endpoint: Endpoint) -> Iterator[Connection]:
    with connect(endpoint) as connection:
        connection.autocommit = True
        set_up(
            connection,
            (
                "CREATE TABLE again (id int PRIMARY KEY, day date, word text)",
                "INSERT INTO again SELECT n, date '2026-01-01' + n, 'y' FROM"
                " generate_series(1, 100) AS n",
                "ANALYZE again",
            ),
        )
        yield connection
        connection.execute("DROP TABLE again")


@pytest.fixture
def db(endpoint: Endpoint, other: Connection) -> Iterator[Connection]:
    with connect(endpoint) as connection:
        connection.autocommit = True
        yield connection


def _filtered(lines: list[str]) -> int:
    [line] = [line for line in lines if "Rows Filtered" in line]
    return int(line.split()[-1])


def test_a_plan_asked_for_again_is_the_same(db: Connection) -> None:
    first, *others = (lines_of(db, ASKED) for _ in range(4))
    assert _filtered(first) == 31
    for lines in others:
        assert [_filtered(lines), dpu(lines, "Read")] == [31, dpu(first, "Read")]


def test_a_plan_knows_the_rows_that_others_have_changed(db: Connection, other: Connection) -> None:
    read = dpu(lines_of(db, ASKED), "Read")
    other.execute("UPDATE again SET day = '2026-02-01', word = 'yy' WHERE id = 50")
    again = lines_of(db, ASKED)
    assert _filtered(again) == 32
    assert dpu(again, "Read") >= read
    other.execute("UPDATE again SET day = '2026-02-20', word = 'y' WHERE id = 50")
    assert _filtered(lines_of(db, ASKED)) == 31


def test_a_plan_in_a_transaction_knows_what_that_has_changed(db: Connection) -> None:
    assert _filtered(lines_of(db, ASKED)) == 31
    with db.transaction(force_rollback=True):
        assert _filtered(lines_of(db, ASKED)) == 31
        db.execute("UPDATE again SET day = '2026-01-01' WHERE id > 90")
        assert _filtered(lines_of(db, ASKED)) == 41
        assert _filtered(lines_of(db, ASKED)) == 41
    assert _filtered(lines_of(db, ASKED)) == 31


def test_a_plan_heeds_how_dates_are_read_now(db: Connection) -> None:
    assert _filtered(lines_of(db, ASKED)) == 31
    for style, filtered in (("SQL, DMY", 1), ("SQL, MDY", 31), ("SQL, DMY", 1), ("ISO, DMY", 1)):
        db.execute(f"SET datestyle = '{style}'".encode())
        assert _filtered(lines_of(db, ASKED)) == filtered

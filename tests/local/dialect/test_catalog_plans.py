"""What clients join of the catalog is planned as well as past the endpoint.

PostgreSQL plans by the rows it expects. Where it expects one of a thousand, it reads all columns of
all tables for each of a thousand others, and JDBC's driver waits for its foreign keys for minutes.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from dsqlkit.connection import Connection
from dsqlkit.local.dialect.catalog import SEEN
from tests.support.inside import connect_inside
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("local_cluster")


@pytest.fixture(scope="module")
def inside() -> Iterator[psycopg.Connection[Any]]:
    """A connection to which the catalog's names are those of the views that clients see."""
    with connect_inside() as opened:
        # As autovacuum does: PostgreSQL then knows how many rows there are, not what is in them.
        opened.execute("VACUUM pg_class, pg_attribute, pg_constraint, pg_index, pg_proc, pg_type")
        opened.execute("SET search_path = dsqlkit_seen, pg_catalog")
        yield opened


def plan(inside: psycopg.Connection[Any], sql: str, options: str = "") -> dict[str, Any]:
    found = inside.execute(f"EXPLAIN (FORMAT JSON{options}) {sql}".encode()).fetchone()
    assert found is not None
    node: dict[str, Any] = found[0][0]["Plan"]
    return node


def rows_looked_at(node: dict[str, Any]) -> float:
    """How many rows a plan's nodes have gone through, all together."""
    removed = sum(size for name, size in node.items() if name.startswith("Rows Removed"))
    own = (node["Actual Rows"] + removed) * node["Actual Loops"]
    return float(own) + sum(rows_looked_at(child) for child in node.get("Plans", ()))


@pytest.mark.parametrize("relation", sorted(SEEN))
def test_as_many_rows_are_expected_as_there_are(
    inside: psycopg.Connection[Any], relation: str
) -> None:
    there = inside.execute(f"SELECT FROM {relation}".encode()).rowcount
    past_it = plan(inside, f"SELECT * FROM pg_catalog.{relation}")["Plan Rows"]
    expected = plan(inside, f"SELECT * FROM {relation}")["Plan Rows"]
    assert expected >= min(there, past_it) / 8


def rows_for_five_look_ups(inside: psycopg.Connection[Any]) -> float:
    """How many rows are gone through to find five relations, and the indexes that they are."""
    sql = (
        "SELECT c.relname, x.indnkeyatts"
        " FROM (VALUES (2662), (2663), (2650), (2651), (2652)) AS named (oid)"
        " JOIN pg_class c ON c.oid = named.oid JOIN pg_index x ON x.indexrelid = c.oid"
    )
    with inside.transaction():
        # Of so few relations as there are here a whole read would be as good.
        inside.execute("SET LOCAL enable_hashjoin = off")
        inside.execute("SET LOCAL enable_mergejoin = off")
        node = plan(inside, sql, ", ANALYZE, TIMING OFF")
    assert node["Actual Rows"] == 5
    return rows_looked_at(node)


@pytest.fixture
def table(connection: Connection) -> Iterator[str]:
    connection.execute("CREATE TABLE planned (id int PRIMARY KEY, a int)")
    yield "planned"
    connection.execute("DROP TABLE planned")


def test_a_relation_is_looked_up_for_each_row_that_names_it(
    inside: psycopg.Connection[Any],
) -> None:
    there = inside.execute("SELECT FROM pg_class").rowcount
    # Five times those and more, if it reads them whole.
    assert rows_for_five_look_ups(inside) < 2 * there


def test_so_it_is_while_indexes_are_built_and_after_that(
    inside: psycopg.Connection[Any], connection: Connection, table: str
) -> None:
    there = inside.execute("SELECT FROM pg_class").rowcount
    for _ in range(2):
        with inside.transaction():
            inside.execute(f"LOCK TABLE public.{table} IN SHARE UPDATE EXCLUSIVE MODE".encode())
            job = submit(connection, f"ON {table} (a)")
            assert rows_for_five_look_ups(inside) < 2 * there
        wait_for(connection, job)
        assert rows_for_five_look_ups(inside) < 2 * there


def test_builds_that_were_dropped_are_not_looked_through(
    inside: psycopg.Connection[Any], connection: Connection, table: str
) -> None:
    before = rows_for_five_look_ups(inside)
    for _ in range(10):
        with inside.transaction():
            inside.execute(f"LOCK TABLE public.{table} IN SHARE UPDATE EXCLUSIVE MODE".encode())
            job = submit(connection, f"given_up ON {table} (a)")
            connection.execute("DROP INDEX given_up")
        wait_for(connection, job)
    assert eventually(lambda: rows_for_five_look_ups(inside) <= before)


TABLES = 150
JOINS = {
    "foreign keys and where they lead": (
        "SELECT tc.table_name, kcu.column_name, ccu.table_name, ccu.column_name"
        " FROM table_constraints tc JOIN key_column_usage kcu"
        " ON tc.constraint_name = kcu.constraint_name AND tc.table_schema = kcu.table_schema"
        " JOIN constraint_column_usage ccu ON ccu.constraint_name = tc.constraint_name"
        " WHERE tc.constraint_type = 'FOREIGN KEY' AND tc.table_schema = 'public'"
    ),
    "columns and their keys": (
        "SELECT c.table_name, c.column_name, tc.constraint_type FROM columns c"
        " LEFT JOIN key_column_usage k USING (table_schema, table_name, column_name)"
        " LEFT JOIN table_constraints tc ON tc.constraint_name = k.constraint_name"
        " AND tc.table_schema = k.table_schema WHERE c.table_schema = 'public'"
    ),
    "constraints and the columns they use": (
        "SELECT tc.constraint_name, u.table_name FROM table_constraints tc"
        " JOIN constraint_column_usage u USING (constraint_schema, constraint_name)"
    ),
}


@pytest.mark.parametrize("name", JOINS)
def test_views_are_joined_without_reading_them_anew_for_each_row(
    inside: psycopg.Connection[Any], name: str
) -> None:
    with inside.transaction(force_rollback=True):
        inside.execute("SET LOCAL search_path = information_schema, pg_catalog")
        for number in range(TABLES):
            inside.execute(
                f"CREATE TABLE public.planned_{number} (id int PRIMARY KEY, a int, b text,"
                f" parent int REFERENCES public.planned_{max(number - 1, 0)})".encode()
            )
        inside.execute("ANALYZE pg_class, pg_attribute, pg_constraint, pg_namespace, pg_depend")
        there = inside.execute("SELECT FROM pg_attribute").rowcount
        node = plan(inside, JOINS[name], ", ANALYZE, TIMING OFF")
    assert node["Actual Rows"] >= TABLES
    # The plan of foreign keys differs from sample to sample: up to 167 were seen.
    assert rows_looked_at(node) < 200 * there


def test_the_catalog_is_analysed_by_itself(inside: psycopg.Connection[Any]) -> None:
    analysed = (
        "SELECT last_analyze FROM pg_catalog.pg_stat_sys_tables WHERE relname = 'pg_attribute'"
    )
    before = inside.execute(analysed.encode()).fetchone()
    for number in range(80):
        columns = ", ".join(f"c{column} int" for column in range(10))
        inside.execute(f"CREATE TABLE public.planned_{number} ({columns})".encode())
    try:
        assert eventually(lambda: inside.execute(analysed.encode()).fetchone() != before)
    finally:
        for number in range(80):
            inside.execute(f"DROP TABLE public.planned_{number}".encode())


def submit(connection: Connection, definition: str) -> str:
    """The job of an index of this definition."""
    row = connection.execute(f"CREATE INDEX ASYNC {definition}".encode()).fetchone()
    assert row is not None
    return str(row[0])


def wait_for(connection: Connection, job: str) -> None:
    connection.execute("CALL sys.wait_for_job(%s)", [job])

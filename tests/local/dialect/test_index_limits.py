"""What cannot be an index, told at once, and how many of what a database may have."""

from collections.abc import Iterator

import psycopg
import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint


@pytest.fixture(scope="module")
def connection(endpoint: Endpoint) -> Iterator[Connection]:
    with connect(endpoint) as opened:
        opened.execute(
            "CREATE TABLE indexed (id int PRIMARY KEY, a text UNIQUE, j jsonb, s json,"
            " v varchar(1500), w varchar(1500), at timestamptz)"
        )
        yield opened
        opened.execute("DROP TABLE indexed")


def refused(connection: Connection, sql: str) -> tuple[str | None, str | None]:
    with pytest.raises(psycopg.Error) as refusal:
        connection.execute(sql.encode())
    return refusal.value.sqlstate, refusal.value.diag.message_primary


@pytest.mark.parametrize(
    ("keys", "sqlstate", "message"),
    [
        ("(j)", "0A000", "datatype jsonb is not supported in a key"),
        ("(a, s)", "0A000", "datatype json is not supported in a key"),
        ("((j -> 'a'))", "0A000", "datatype jsonb is not supported in a key"),
        ("((now()))", "42P17", "functions in index expression must be marked IMMUTABLE"),
        (
            "(a) WHERE at > now()",
            "42P17",
            "functions in index predicate must be marked IMMUTABLE",
        ),
        ("(nope)", "42703", 'column "nope" does not exist'),
        ("(lower(nope))", "42703", 'column "nope" does not exist'),
        ("((nope(a)))", "42883", "function nope(text) does not exist"),
        ("(v, w)", "54000", "key size greater than 2000 bytes not supported"),
    ],
)
def test_an_index_is_refused_before_its_build(
    connection: Connection, keys: str, sqlstate: str, message: str
) -> None:
    assert refused(connection, f"CREATE INDEX ASYNC ON indexed {keys}") == (sqlstate, message)


@pytest.mark.parametrize(
    "keys",
    ["(lower(a))", "((j ->> 'a'))", "(v) INCLUDE (w)", "(a NULLS FIRST) WHERE id > 7"],
)
def test_an_index_is_taken(connection: Connection, keys: str) -> None:
    done = connection.execute(f"CREATE INDEX ASYNC taken ON indexed {keys}".encode())
    assert done.statusmessage == "CREATE INDEX"
    (job,) = done.fetchone() or (None,)
    connection.execute(f"CALL sys.wait_for_job('{job}')".encode())
    connection.execute("DROP INDEX taken")


def test_a_table_has_at_most_24_indexes(connection: Connection) -> None:
    """The primary key, a unique constraint, and builds that are not done count."""
    connection.execute("CREATE TABLE many (id int PRIMARY KEY, a text UNIQUE)")
    try:
        for number in range(22):
            connection.execute(f"CREATE INDEX ASYNC many_{number} ON many (a)".encode())
        too_many = ("54000", "more than 24 indexes per table are not allowed")
        assert refused(connection, "CREATE INDEX ASYNC ON many (a)") == too_many
    finally:
        connection.execute("DROP TABLE many")


def test_a_database_has_at_most_ten_schemas(connection: Connection) -> None:
    made = []
    try:
        for number in range(10):
            connection.execute(f"CREATE SCHEMA more_{number}".encode())
            made.append(f"more_{number}")
        assert refused(connection, "CREATE SCHEMA eleventh") == (
            "54000",
            "more than 10 schemas not allowed",
        )
    finally:
        for name in made:
            connection.execute(f"DROP SCHEMA {name}".encode())


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("", "tables can have at most 255 columns"),
        (" PRIMARY KEY", "cannot use more than 256 columns in an index"),
    ],
)
def test_a_table_grows_no_further_than_its_columns(
    connection: Connection, key: str, told: str
) -> None:
    columns = ", ".join(f"c{number} int" for number in range(255))
    connection.execute(f"CREATE TABLE wide (id int{key}, {columns})".encode())
    try:
        assert refused(connection, "ALTER TABLE wide ADD COLUMN more int") == ("54011", told)
    finally:
        connection.execute("DROP TABLE wide")


def test_a_query_has_128_mib_of_temp_space(connection: Connection) -> None:
    sort = "SELECT repeat('x', 2000) || n FROM generate_series(1, 100000) n ORDER BY 1"
    assert refused(connection, sort) == (
        "54000",
        "query requires more than allowed temp space of 131072 KB to execute",
    )


def test_a_numeric_column_of_a_schema_element_has_six_places(connection: Connection) -> None:
    connection.execute("CREATE SCHEMA shop CREATE TABLE price (amount numeric)")
    try:
        connection.execute("INSERT INTO shop.price VALUES (1.23456789)")
        row = connection.execute("SELECT amount::text FROM shop.price").fetchone()
        assert row == ("1.234568",)
    finally:
        connection.execute("DROP SCHEMA shop CASCADE")

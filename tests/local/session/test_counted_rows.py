"""Rows of which no tag tells count towards 3,000 too: inside WITH, in functions, in a pipeline."""

import asyncio
from collections.abc import Iterator

import psycopg
import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.local.dialect.reading import read
from dsqlkit.local.occ.writers import Writers
from dsqlkit.local.statements.statement import UNBOUNDED
from dsqlkit.quotas import MAX_ROWS
from dsqlkit.token import TokenSigner
from tests.support.raw_client import RawClient, pipelined

TOO_MANY = "transaction row limit exceeded"
MADE = (
    "CREATE TABLE counted (id int PRIMARY KEY, v int)",
    "CREATE TABLE archive (id int, v int)",
    "CREATE FUNCTION touch(upto int) RETURNS bigint LANGUAGE sql AS $$"
    " WITH t AS (UPDATE counted SET v = v + 1 WHERE id <= upto RETURNING 1)"
    " SELECT count(*) FROM t $$",
    "CREATE FUNCTION touch_again(upto int) RETURNS bigint LANGUAGE sql"
    " BEGIN ATOMIC SELECT touch(upto); END",
    "CREATE VIEW touching AS SELECT touch(2000) AS n",
)


@pytest.fixture(scope="module")
def made(endpoint: Endpoint) -> Iterator[None]:
    with connect(endpoint) as maker:
        for sql in MADE:
            maker.execute(sql.encode())
        yield
        for kind in ("VIEW touching", "FUNCTION touch_again", "FUNCTION touch"):
            maker.execute(f"DROP {kind}".encode())
        maker.execute("DROP TABLE archive")
        maker.execute("DROP TABLE counted")


@pytest.fixture
def connection(endpoint: Endpoint, made: None) -> Iterator[Connection]:
    """A session over 3,000 rows of `counted`, all 0, and an empty `archive`."""
    with connect(endpoint) as opened:
        for table in ("counted", "archive"):
            for part in range(2):  # no more at once than a transaction may change
                opened.execute(f"DELETE FROM {table} WHERE id %% 2 = %s".encode(), (part,))
        opened.execute("INSERT INTO counted SELECT n, 0 FROM generate_series(1, 3000) n")
        yield opened


def refusal(connection: Connection, sql: str, *values: object) -> str:
    with pytest.raises(psycopg.Error) as refused:
        connection.execute(sql.encode(), values)
    assert refused.value.sqlstate == "54000"
    return str(refused.value)


def in_a_pipeline(connection: Connection, *statements: str) -> None:
    with connection.pipeline():
        for statement in statements:
            connection.execute(statement.encode())


def state(connection: Connection) -> tuple[int, ...]:
    row = connection.execute(
        "SELECT (SELECT count(*) FROM counted), (SELECT sum(v) FROM counted),"
        " (SELECT count(*) FROM archive)"
    ).fetchone()
    assert row is not None
    return tuple(map(int, row))


MOVING = (
    "WITH moved AS (DELETE FROM counted WHERE id <= {n} RETURNING *)"
    " INSERT INTO archive SELECT * FROM moved"
)
TWICE = (
    "WITH a AS (UPDATE counted SET v = 1 WHERE id <= {n} RETURNING 1),"
    " b AS (INSERT INTO archive SELECT n, 0 FROM generate_series(1, {n}) n RETURNING 1)"
    " SELECT count(*) FROM a, (SELECT 1 FROM b LIMIT 1) one"
)


@pytest.mark.parametrize("writing", [MOVING, TWICE])
@pytest.mark.parametrize("block", [False, True])
def test_rows_inside_with_count(connection: Connection, writing: str, block: bool) -> None:
    if block:
        connection.execute("BEGIN")
    assert refusal(connection, writing.format(n=1501)) == TOO_MANY
    connection.execute("ROLLBACK")
    assert state(connection) == (3000, 0, 0)
    connection.execute(writing.format(n=1500).encode())
    assert state(connection)[2] == 1500


@pytest.mark.parametrize("calling", ["SELECT touch({n})", "SELECT touch_again({n})"])
@pytest.mark.parametrize("block", [False, True])
def test_rows_of_a_function_count(connection: Connection, calling: str, block: bool) -> None:
    connection.execute("INSERT INTO counted VALUES (0, 0)")
    if block:
        connection.execute("BEGIN")
    assert refusal(connection, calling.format(n=3000)) == TOO_MANY
    connection.execute("ROLLBACK")
    assert state(connection) == (3001, 0, 0)
    assert connection.execute(calling.format(n=2999).encode()).fetchone() == (3000,)
    assert state(connection) == (3001, 3000, 0)


def test_they_add_up_with_others_in_a_transaction(connection: Connection) -> None:
    connection.execute("BEGIN")
    connection.execute("UPDATE counted SET v = 1 WHERE id <= 1000")
    assert connection.execute("SELECT touch(%s)", (1000,)).fetchone() == (1000,)
    connection.execute("SELECT v FROM counted WHERE id = 1")
    assert refusal(connection, "TABLE touching") == TOO_MANY
    assert connection.execute("COMMIT").statusmessage == "ROLLBACK"
    text = "UPDATE counted SET v = 1 WHERE id <= 2000; SELECT touch(1001)"
    assert refusal(connection, text) == TOO_MANY
    assert state(connection) == (3000, 0, 0)


def test_rows_that_a_cursor_writes_count_as_they_are_fetched(connection: Connection) -> None:
    declare = "DECLARE c CURSOR FOR SELECT touch(2000) FROM generate_series(1, 2)"
    with pytest.raises(psycopg.errors.NoActiveSqlTransaction):
        connection.execute(declare.encode())
    connection.execute("BEGIN")
    connection.execute(declare.encode())
    assert connection.execute("FETCH c").fetchone() == (2000,)
    assert refusal(connection, "FETCH c") == TOO_MANY
    connection.execute("ROLLBACK")
    assert state(connection) == (3000, 0, 0)


def test_rows_of_a_pipeline_count_together(connection: Connection) -> None:
    with pytest.raises(psycopg.Error, match=TOO_MANY):
        in_a_pipeline(
            connection,
            "UPDATE counted SET v = v + 1 WHERE id <= 2000",
            "UPDATE counted SET v = v + 1 WHERE id > 1999",
            "SELECT 1",
        )
    assert state(connection) == (3000, 0, 0)
    with connection.pipeline():
        connection.execute("UPDATE counted SET v = v + 1 WHERE id <= 2000")
        connection.execute("UPDATE counted SET v = v + 1 WHERE id > 2000")
        rows = connection.execute("SELECT sum(v) FROM counted")
    assert rows.fetchone() == (3000,)


LISTED = "UPDATE counted SET v = v + 1 WHERE id <= {n}"


@pytest.mark.parametrize(
    ("texts", "writes"),
    [
        ((LISTED.format(n=1500), MOVING.format(n=750)), 3000),
        ((MOVING.format(n=750), LISTED.format(n=2250)), 3000),
        ((LISTED.format(n=1500), "SELECT touch(1500)"), 3000),
        (("SELECT touch(1500)", LISTED.format(n=1500)), 3000),
        (("TABLE touching", "SELECT 1", "SELECT touch_again(1000)"), 3000),
        ((MOVING.format(n=750), TWICE.format(n=1500)), 3750),
        (("SELECT 1", f"EXPLAIN ANALYZE {LISTED.format(n=3000)}"), 3000),
        ((LISTED.format(n=1500), "EXPLAIN ANALYZE SELECT touch(1500)"), 3000),
    ],
)
@pytest.mark.parametrize("more", [0, 1])
def test_rows_of_a_pipeline_are_counted_of_which_no_tag_tells(
    connection: Connection, endpoint: Endpoint, texts: tuple[str, ...], writes: int, more: int
) -> None:
    before = state(connection)
    added = [f"INSERT INTO archive VALUES ({n}, 0)" for n in range(max(0, 3000 - writes) + more)]
    client = RawClient(endpoint)
    reply = client.send_frames(pipelined(*texts, *added))
    assert client.ask("SELECT 1").results[0].rows == [["1"]]
    client.close()
    if more or writes > MAX_ROWS:
        assert (reply.sqlstate, reply.message, reply.status) == ("54000", TOO_MANY, "I")
        assert state(connection) == before
    else:
        assert (reply.sqlstate, reply.status) == (None, "I")
        assert state(connection) != before


@pytest.mark.parametrize("options", ["ANALYZE", "(ANALYZE, VERBOSE)", "(ANALYZE, FORMAT JSON)"])
@pytest.mark.parametrize("block", [False, True])
def test_rows_of_an_explained_write_count(
    connection: Connection, options: str, block: bool
) -> None:
    connection.execute("INSERT INTO counted VALUES (0, 0)")
    for sql in ("UPDATE counted SET v = 1", "SELECT touch(3000)", MOVING.format(n=1501)):
        if block:
            connection.execute("BEGIN")
        assert refusal(connection, f"EXPLAIN {options} {sql}") == TOO_MANY
        connection.execute("ROLLBACK")
    assert state(connection) == (3001, 0, 0)
    connection.execute(f"EXPLAIN {options} UPDATE counted SET v = 1 WHERE id > 0".encode())
    connection.execute("EXPLAIN UPDATE counted SET v = 2")
    assert state(connection) == (3001, 3000, 0)


@pytest.mark.parametrize(("rows", "kept"), [(3000, 3000), (3001, 0)])
def test_rows_of_many_small_statements_count_together(
    connection: Connection, rows: int, kept: int
) -> None:
    add = "INSERT INTO archive VALUES (%s, 0)"
    failed = None
    try:
        with connection.pipeline(), connection.cursor() as cursor:
            cursor.executemany(add, [(number,) for number in range(rows)])
    except psycopg.Error as error:
        failed = error.sqlstate
    assert failed == (None if kept else "54000")
    assert state(connection) == (3000, 0, kept)


@pytest.mark.parametrize(("rows", "kept"), [(3000, 3000), (3001, 0)])
def test_asyncpgs_executemany_is_one_transaction(
    connection: Connection, endpoint: Endpoint, rows: int, kept: int
) -> None:
    import asyncpg

    async def add() -> str | None:
        client = await asyncpg.connect(
            host=endpoint.host,
            port=endpoint.port,
            user="admin",
            database="postgres",
            password=TokenSigner(endpoint).token().value,
            ssl="require",
        )
        try:
            values = [(number, 0) for number in range(rows)]
            await client.executemany("INSERT INTO archive VALUES ($1, $2)", values)
            return None
        except asyncpg.PostgresError as error:
            return str(error.sqlstate)
        finally:
            assert await client.fetchval("SELECT 1") == 1
            await client.close()

    assert asyncio.run(add()) == (None if kept else "54000")
    assert state(connection) == (3000, 0, kept)


def test_an_error_in_a_pipeline_is_its_own(connection: Connection) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        in_a_pipeline(
            connection,
            "UPDATE counted SET v = v + 1 WHERE id <= 2000",
            "SELECT 1 / 0",
            "UPDATE counted SET v = v + 1",
        )
    assert state(connection) == (3000, 0, 0)


def test_the_client_hears_of_it_at_the_statement_that_is_too_much(
    connection: Connection, endpoint: Endpoint
) -> None:
    """As from PostgreSQL: nothing after the error but the answer to its Sync."""
    client = RawClient(endpoint)
    reply = client.send_frames(
        pipelined(
            "UPDATE counted SET v = 1",
            "INSERT INTO archive VALUES (1, 1)",
            "INSERT INTO archive VALUES (2, 1)",
        )
    )
    assert reply.tags == ["UPDATE 3000"]
    assert (reply.sqlstate, reply.message, reply.status) == ("54000", TOO_MANY, "I")
    assert client.ask("SELECT 1").results[0].rows == [["1"]]
    client.close()


@pytest.mark.parametrize(
    ("sql", "most", "nested"),
    [
        ("SELECT 1", 0, False),
        ("INSERT INTO t VALUES (1), (2)", 2, False),
        ("INSERT INTO t SELECT 1", UNBOUNDED, False),
        ("UPDATE t SET a = 1", UNBOUNDED, False),
        ("WITH x AS (INSERT INTO t VALUES (1) RETURNING a) SELECT * FROM x", 1, True),
        ("WITH x AS (SELECT 1) DELETE FROM t USING x", UNBOUNDED, False),
        ("COPY (DELETE FROM t RETURNING *) TO STDOUT", UNBOUNDED, True),
        ("EXPLAIN ANALYZE DELETE FROM t", UNBOUNDED, True),
        ("CREATE FUNCTION f() RETURNS void BEGIN ATOMIC DELETE FROM t; END", 0, False),
    ],
)
def test_what_a_text_may_write(sql: str, most: int, nested: bool) -> None:
    statement = read(sql.encode()).statement
    assert (statement.most, statement.nested) == (most, nested)


@pytest.mark.parametrize(
    "making",
    [
        ["CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DELETE FROM t'"],
        ["CREATE FUNCTION f() RETURNS void BEGIN ATOMIC DELETE FROM t; END"],
        # In whatever order they come.
        [
            "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'SELECT g()'",
            "CREATE OR REPLACE FUNCTION g() RETURNS void LANGUAGE sql AS 'UPDATE t SET a = 1'",
        ],
    ],
)
def test_whoever_calls_what_writes_writes(making: list[str]) -> None:
    writers = Writers()
    using = read(b"SELECT a, f() FROM t").statement
    assert not writers.are_used_by(using)
    for sql in making:
        made = read(sql.encode()).statement.made
        assert made is not None
        writers.made(made)
    assert writers.are_used_by(using)
    assert not writers.are_used_by(read(b"SELECT count(*) FROM t").statement)
    made = read(b"CREATE VIEW v AS SELECT f()").statement.made
    assert made is not None
    writers.made(made)
    assert writers.are_used_by(read(b"SELECT * FROM v").statement)


def test_functions_that_were_there_before_are_known() -> None:
    async def ask(_sql: str) -> list[tuple[str | None, ...]]:
        return [
            ("CREATE OR REPLACE FUNCTION public.f() RETURNS void BEGIN ATOMIC DELETE FROM t; END",),
            ("CREATE VIEW v AS SELECT f() AS f;",),
            ("ALTER TABLE d ALTER COLUMN a SET DEFAULT f()",),
        ]

    writers = Writers()
    asyncio.run(writers.load(ask))
    assert writers.are_used_by(read(b"TABLE v").statement)
    assert writers.are_used_by(read(b"INSERT INTO d DEFAULT VALUES").statement)
    assert not writers.are_used_by(read(b"TABLE t").statement)

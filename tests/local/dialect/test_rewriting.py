"""Statements on their way to PostgreSQL: what is refused, what is rewritten, what is left alone."""

import pytest

from dsqlkit.local.dialect.reading import read
from dsqlkit.local.dialect.refusal import Refusal
from tests.support.refusals import refusal


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("TRUNCATE t", "unsupported statement: Truncate"),
        ("CREATE EXTENSION x", "unsupported statement: CreateExtension"),
        ("CREATE DATABASE x", "unsupported statement: Createdb"),
        ("CREATE TABLE t AS SELECT 1", "unsupported statement: CreateTableAs"),
        ("CREATE MATERIALIZED VIEW v AS SELECT 1", "unsupported statement: CreateTableAs"),
        ("CREATE TYPE m AS ENUM ('a')", "CREATE TYPE not supported"),
        ("CREATE TYPE m AS (a int)", "unsupported statement: CompositeType"),
        ("CREATE TYPE m AS RANGE (subtype = int4)", "unsupported statement: CreateRange"),
        ("CREATE TEMP TABLE t (a int)", "TEMPORARY or TEMP table not supported for CREATE TABLE"),
        ("CREATE UNLOGGED TABLE t (a int)", "UNLOGGED table not supported for CREATE TABLE"),
        ("SAVEPOINT a", "unsupported transaction statement: SAVEPOINT"),
        ("RELEASE a", "unsupported transaction statement: RELEASE"),
        ("ROLLBACK TO a", "unsupported transaction statement: ROLLBACK TO"),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE", "Unsupported isolation level: SERIALIZABLE"),
        (
            "SET TRANSACTION READ ONLY",
            'setting configuration parameter "TRANSACTION" not supported',
        ),
        ("LISTEN x", "unsupported statement: Listen"),
        ("VACUUM t", "unsupported VACUUM statement"),
        (
            "CREATE SCHEMA s CREATE TABLE t (a int) CREATE INDEX ON t (a)",
            "unsupported mode. please use CREATE INDEX ASYNC.",
        ),
        ("CREATE INDEX CONCURRENTLY i ON t (a)", "CONCURRENTLY not supported for CREATE INDEX"),
        ("SELECT * FROM t TABLESAMPLE SYSTEM (1)", "TABLESAMPLE clause not supported"),
        (
            "WITH x AS (SELECT * FROM t FOR SHARE) SELECT * FROM x",
            "locking clauses other than FOR UPDATE/FOR KEY SHARE are not supported",
        ),
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$BEGIN RETURN 1; END$$",
            "CREATE FUNCTION with language plpgsql not supported",
        ),
    ],
)
def test_refused_with_dsqls_words(sql: str, message: str) -> None:
    assert refusal(sql) == Refusal("0A000", message)


def test_serial_is_an_unknown_type() -> None:
    expected = Refusal("42704", 'type "serial" does not exist')
    assert refusal("CREATE TABLE t (id serial PRIMARY KEY)") == expected


@pytest.mark.parametrize(
    "sql",
    [
        "",
        ";",
        "SELECT 1",
        "select from where",
        "SELECT 'serial, for share, async index'",
        "BEGIN ISOLATION LEVEL REPEATABLE READ",
        "BEGIN READ ONLY",
        "SELECT * FROM t FOR UPDATE",
        "SELECT * FROM t FOR KEY SHARE",
        "ANALYZE t",
        "CREATE TABLE t (a numeric(10,2), b text)",
        "SELECT 1::numeric",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SELECT $1::int",
        "SELECT async FROM index",
    ],
)
def test_left_alone(sql: str) -> None:
    text = sql.encode()
    assert read(text).run == text


def test_text_that_is_not_utf_8_is_left_to_postgresql() -> None:
    text = b"SELECT '\xff'"
    assert read(text).run == text


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("CREATE TABLE t (a numeric)", "CREATE TABLE t (a numeric(18,6))"),
        (
            "create table é (a DECIMAL not null, b dec default 0, c numeric(4))",
            "create table é (a DECIMAL(18,6) not null, b dec(18,6) default 0, c numeric(4))",
        ),
        (
            "ALTER TABLE t ADD COLUMN a pg_catalog.numeric",
            "ALTER TABLE t ADD COLUMN a pg_catalog.numeric(18,6)",
        ),
        (
            "CREATE TABLE a (x numeric); TRUNCATE a; CREATE TABLE b (y numeric)",
            "CREATE TABLE a (x numeric(18,6)); SELECT pg_catalog.oid"
            " E'dsqlkit refuses 0A000 unsupported statement: Truncate';"
            " CREATE TABLE b (y numeric(18,6))",
        ),
    ],
)
def test_numeric_without_precision_gets_dsqls(sql: str, expected: str) -> None:
    assert read(sql.encode()).run.decode() == expected


@pytest.mark.parametrize(
    ("sql", "arguments"),
    [
        (
            "CREATE INDEX ASYNC ON t (a)",
            """false, false, NULL, pg_catalog.to_regclass('"t"'), 't', ARRAY['a']""",
        ),
        (
            'create unique /* x */ index async if not exists "Ä i" on s.t(a, lower(b)) include (c)',
            """true, true, 'Ä i', pg_catalog.to_regclass('"s"."t"'), 's.t', ARRAY['a', NULL]""",
        ),
        (
            "CREATE INDEX ASYNC async ON t (a)",
            """false, false, 'async', pg_catalog.to_regclass('"t"'), 't', ARRAY['a']""",
        ),
    ],
)
def test_an_async_index_becomes_a_job(sql: str, arguments: str) -> None:
    changed = read(sql.encode()).run.decode()
    assert f"dsqlkit.submit_index({arguments}" in changed
    assert sql[sql.lower().index("on ") :] in changed


@pytest.mark.parametrize("name", ["i", '"async"'])
def test_an_index_without_async_depends_on_its_table(name: str) -> None:
    run = read(f"CREATE INDEX {name} ON t (a)".encode()).run.decode()
    assert run.startswith("CALL dsqlkit.index_at_once('CREATE INDEX ")


def test_a_qualified_index_name_is_an_error_at_its_dot() -> None:
    sql = b"CREATE INDEX ASYNC s.i ON t (a)"
    assert read(sql).run == b"CREATE INDEX       s.i ON t (a)"


def test_long_rows_of_literals_are_not_parsed() -> None:
    rows = ",".join(f"({i},'it''s text')" for i in range(2000))
    text = f"INSERT INTO t VALUES {rows}".encode()
    assert read(text).run == text
    refused = f"SELECT * FROM t WHERE a IN ({','.join(map(str, range(5000)))}) FOR SHARE"
    assert refusal(refused) is not None


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT * FROM t FOR UPDATE NOWAIT", "SELECT * FROM t FOR UPDATE       "),
        (
            "SELECT 'nowait' FROM t FOR UPDATE OF t SKIP  LOCKED LIMIT 1",
            "SELECT 'nowait' FROM t FOR UPDATE OF t              LIMIT 1",
        ),
        ("SELECT nowait, locked FROM t FOR UPDATE", "SELECT nowait, locked FROM t FOR UPDATE"),
        (
            "SELECT 1; SELECT * FROM t FOR KEY SHARE SKIP LOCKED",
            "SELECT 1; SELECT * FROM t FOR KEY SHARE            ",
        ),
    ],
)
def test_locks_that_nobody_holds_are_not_skipped(sql: str, expected: str) -> None:
    assert read(sql.encode()).run.decode() == expected


def test_all_triggers_are_the_users() -> None:
    text = b"ALTER TABLE all_ DISABLE TRIGGER ALL, ENABLE TRIGGER all"
    assert read(text).run == b"ALTER TABLE all_ DISABLE TRIGGER USER, ENABLE TRIGGER USER"

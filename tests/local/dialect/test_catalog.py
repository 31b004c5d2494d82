"""The catalog as clients see it: what DSQL lacks is missing, and nothing is of the endpoint's."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dsqlkit.connection import Connection

NO_PARAMETERS: tuple[list[int] | None, ...] = (None, [])
"""For the simple protocol, and for the extended one."""


@pytest.fixture
def tables(connection: Connection) -> Iterator[None]:
    connection.execute('CREATE TABLE shown (id int PRIMARY KEY, balance numeric, "A b" text)')
    connection.execute("CREATE TABLE pointing (id int PRIMARY KEY, shown int REFERENCES shown)")
    yield
    connection.execute("DROP TABLE pointing")
    connection.execute("DROP TABLE shown")


@pytest.mark.parametrize("name", ["dsqlkit.job", "dsqlkit_seen.pg_class", '"dsqlkit_rows".t'])
def test_what_is_the_endpoints_does_not_exist(connection: Connection, name: str) -> None:
    for sql in (
        f"SELECT * FROM {name}",
        f"/* in any place */ SELECT 1 WHERE EXISTS (SELECT FROM pg_class, {name.upper()})"
        if '"' not in name
        else f"TABLE {name}",
        f"WITH x AS (TABLE {name}) SELECT * FROM x",
        f"CREATE VIEW v AS SELECT * FROM {name}",
    ):
        for parameters in NO_PARAMETERS:
            with pytest.raises(psycopg.errors.UndefinedTable) as missing:
                connection.execute(sql.encode(), parameters)
            told = missing.value.diag.message_primary
            assert told == f'relation "{name.replace(chr(34), "")}" does not exist'


@pytest.mark.parametrize(
    "name",
    [
        "pg_class",
        "pg_catalog.pg_class",
        "pg_index",
        "pg_indexes",
        "pg_attribute",
        "pg_constraint",
        "pg_namespace",
        "pg_roles",
        "pg_stats",
        "pg_settings",
        "pg_type",
        "pg_tables",
        "pg_views",
        "pg_proc",
        "pg_database",
        "pg_extension",
        "pg_depend",
        "pg_description",
        "pg_collation",
        "pg_tablespace",
        "pg_ts_config",
        "pg_ts_template",
        "pg_am",
        "pg_opclass",
        "pg_trigger",
        "pg_locks",
        "pg_stat_activity",
        "pg_stat_user_tables",
        "pg_stat_user_indexes",
        "information_schema.tables",
        "information_schema.columns",
        "information_schema.schemata",
        "sys.jobs",
        "sys.iam_pg_role_mappings",
    ],
)
def test_what_is_present_can_be_read(connection: Connection, tables: None, name: str) -> None:
    for parameters in NO_PARAMETERS:
        rows = connection.execute(f"SELECT * FROM {name}".encode(), parameters).fetchall()
        assert rows or name.startswith("sys.")


@pytest.mark.parametrize(
    "names",
    [
        "nspname FROM pg_namespace",
        "n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace",
        "relnamespace::regnamespace FROM pg_class",
        "schemaname FROM pg_tables",
        "schemaname FROM pg_views",
        "schemaname FROM pg_indexes",
        "schemaname FROM pg_stats",
        "rolname FROM pg_roles",
        "usename FROM pg_user",
        "schema_name FROM information_schema.schemata",
        "table_schema FROM information_schema.tables",
        "table_schema FROM information_schema.columns",
        "table_schema FROM information_schema.views",
        "table_schema FROM information_schema.table_privileges",
        "routine_schema FROM information_schema.routines",
        "specific_schema FROM information_schema.parameters",
    ],
)
def test_lists_leave_out_the_endpoint(connection: Connection, tables: None, names: str) -> None:
    found = {str(name) for (name,) in connection.execute(f"SELECT {names}".encode()).fetchall()}
    assert found
    assert "dsqlkit" not in found


def test_every_connection_is_encrypted(connection: Connection) -> None:
    assert connection.execute("SELECT DISTINCT ssl FROM pg_stat_ssl").fetchall() == [(True,)]


def test_there_is_one_database(connection: Connection) -> None:
    assert connection.execute("SELECT datname FROM pg_database").fetchall() == [("postgres",)]


def test_missing_names_can_be_said(connection: Connection) -> None:
    row = connection.execute("SELECT 'pg_proc', 1 AS pg_locks, 'dsqlkit.job'").fetchone()
    assert row == ("pg_proc", 1, "dsqlkit.job")


@pytest.mark.parametrize("parameters", NO_PARAMETERS)
@pytest.mark.parametrize(
    "sql",
    [
        "'dsqlkit'::regnamespace",
        "CAST('dsqlkit_seen' AS regnamespace)",
        "'DSQLkit.job'::regclass",
        "regclass '\"dsqlkit\".job'",
        "'dsqlkit.fail'::regproc",
        "'dsqlkit.job'::regtype",
        "has_schema_privilege('dsqlkit', 'USAGE')",
        "has_schema_privilege('admin', 'dsqlkit_rows'::text, 'USAGE')",
        "has_table_privilege('dsqlkit.job', 'SELECT')",
        "nextval('dsqlkit.x')",
    ],
)
def test_a_text_names_nothing_of_the_endpoints(
    connection: Connection, sql: str, parameters: list[int] | None
) -> None:
    with pytest.raises(psycopg.errors.InvalidSchemaName) as missing:
        connection.execute(f"SELECT {sql}".encode(), parameters)
    assert str(missing.value.diag.message_primary).startswith('schema "dsqlkit')


def test_nothing_of_the_endpoints_is_found_by_a_text(connection: Connection) -> None:
    asked = (
        "to_regnamespace('dsqlkit')",
        "to_regnamespace('dsqlkit_seen'::text)",
        "to_regclass('dsqlkit.job')",
        "to_regclass('\"dsqlkit_seen\".pg_class')",
        "to_regtype('dsqlkit.job')",
        "to_regproc('dsqlkit.fail')",
    )
    for parameters in NO_PARAMETERS:
        row = connection.execute(f"SELECT {', '.join(asked)}".encode(), parameters).fetchone()
        assert row == (None,) * len(asked)
    others = "to_regclass('pg_class')::text, to_regclass('dsqlkit'), length('dsqlkit.job')"
    assert connection.execute(f"SELECT {others}".encode()).fetchone() == ("pg_class", None, 11)


@pytest.mark.parametrize(
    ("sql", "sqlstate"),
    [
        ("SELECT dsqlkit.fail('XX000', 'boo')", "3F000"),
        ("SELECT \"dsqlkit\".lose('boo')", "3F000"),
        ("SELECT * FROM dsqlkit.submit_analyses()", "3F000"),
        ("CALL dsqlkit.grant_trust('x', 'y')", "3F000"),
        ("INSERT INTO dsqlkit.job DEFAULT VALUES", "42P01"),
        ("DELETE FROM dsqlkit.role_mapping", "42P01"),
        ("ROLLBACK TO SAVEPOINT dsqlkit_begin", "0A000"),
        ("DROP SCHEMA dsqlkit CASCADE", "42501"),
        ("CREATE TABLE sys.mine (id int)", "42501"),
        ("DROP VIEW sys.jobs", "42501"),
    ],
)
def test_the_endpoints_own_is_out_of_reach(connection: Connection, sql: str, sqlstate: str) -> None:
    with pytest.raises(psycopg.Error) as refused:
        connection.execute(sql.encode())
    assert refused.value.diag.sqlstate == sqlstate


def test_qualified_columns_of_the_catalog_are_found(connection: Connection, tables: None) -> None:
    rows = connection.execute(
        "SELECT pg_catalog.pg_class.relname::text, pg_catalog.pg_namespace.nspname::text"
        " FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace"
        ' ON pg_catalog.pg_namespace.oid = "pg_catalog"."pg_class".relnamespace'
        " WHERE pg_class.relname = %s",
        ["shown"],
    ).fetchall()
    assert rows == [("shown", "public")]
    assert connection.execute(
        "SELECT tableoid::regclass::text FROM pg_class WHERE relname = 'shown'"
    ).fetchone() == ("pg_class",)


def test_index_definitions_read_as_on_dsql(connection: Connection, tables: None) -> None:
    connection.execute("CREATE TABLE one (id int PRIMARY KEY)")
    rows = connection.execute(
        "SELECT indexdef FROM pg_indexes WHERE tablename IN ('shown', 'one') ORDER BY 1"
    ).fetchall()
    assert [definition for (definition,) in rows] == [
        "CREATE UNIQUE INDEX one_pkey ON public.one USING btree_index (id)",
        "CREATE UNIQUE INDEX shown_pkey ON public.shown USING btree_index (id)"
        ' INCLUDE (balance, "A b")',
    ]
    part = "SELECT pg_get_indexdef('one_pkey'::regclass, 1, true)"
    assert connection.execute(part.encode()).fetchone() == ("id",)
    connection.execute("DROP TABLE one")


@pytest.mark.parametrize(
    ("name", "value"),
    [("server_version", "16.15"), ("server_version_num", "160015"), ("max_connections", "20")],
)
def test_a_setting_has_one_value(connection: Connection, name: str, value: str) -> None:
    for sql in (
        f"SHOW {name}",
        f"SELECT current_setting('{name.upper()}')",
        f"SELECT current_setting('{name}', true)",
        f"SELECT setting FROM pg_settings WHERE name = '{name}'",
    ):
        for parameters in NO_PARAMETERS:
            assert connection.execute(sql.encode(), parameters).fetchone() == (value,)


def test_other_settings_are_as_they_are(connection: Connection) -> None:
    connection.execute("SET application_name = 'mine'")
    row = connection.execute(
        "SELECT current_setting('application_name'), current_setting('no.such', true),"
        " version(), sys.dsql_major_version()"
    ).fetchone()
    assert row == ("mine", None, "PostgreSQL 16", 1)
    for name in ("lc_collate", "no_such"):
        for sql in (f"SHOW {name}", f"SELECT current_setting('{name}')"):
            with pytest.raises(psycopg.errors.UndefinedObject) as unknown:
                connection.execute(sql.encode())
            expected = f'unrecognized configuration parameter "{name}"'
            assert unknown.value.diag.message_primary == expected
            assert unknown.value.diag.context is None


@pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")
def test_psql_describes_tables(connection: Connection, tables: None) -> None:
    program = Path(sys.executable).with_name("dsqlkit")
    commands = ("\\d shown", "\\d pointing", "\\dt", "\\di", "\\dn", "\\du", "\\dt *.jo*")
    done = subprocess.run(
        [program, "psql", "-X", *(word for command in commands for word in ("-c", command))],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    told = done.stdout.split("\n\n")
    assert "numeric(18,6)" in told[0]
    assert '"shown_pkey" PRIMARY KEY, btree_index (id) INCLUDE (balance, "A b")' in told[0]
    assert 'TABLE "pointing" CONSTRAINT "pointing_shown_fkey"' in told[0]
    assert "REFERENCES shown(id)" in told[1]
    assert "shown" in told[2]
    assert "pointing_pkey" in told[3]
    schemas = [line.split("|")[0].strip() for line in told[4].splitlines()[3:-1]]
    assert schemas == ["public", "sys"]
    assert "dsqlkit" not in told[5]
    assert "Did not find any relation" in done.stderr

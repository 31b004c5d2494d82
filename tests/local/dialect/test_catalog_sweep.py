"""All of the catalog, read by every way in: it answers, and nothing of the endpoint's own shows."""

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from dsqlkit.endpoint import Endpoint
from dsqlkit.local.dialect.catalog import OWN_TABLES, SEEN
from dsqlkit.token import TokenSigner
from tests.support.catalog import shown
from tests.support.inside import connect_inside
from tests.support.raw_client import RawClient


@pytest.fixture(scope="module")
def client(endpoint: Endpoint) -> Iterator[RawClient]:
    opened = RawClient(endpoint)
    with connect_inside() as inside:
        # What is made when it is first needed, for the tables that conflicts are about.
        for schema in ("dsqlkit_rows", "dsqlkit_view_public"):
            inside.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}".encode())
            inside.execute(f"CREATE TABLE {schema}.needed (a serial PRIMARY KEY, b text)".encode())
            inside.execute(f"CREATE VIEW {schema}.needed_view AS TABLE {schema}.needed".encode())
            inside.execute(
                f"CREATE FUNCTION {schema}.needed() RETURNS trigger LANGUAGE plpgsql"
                " AS 'BEGIN RETURN NULL; END'".encode()
            )
            inside.execute(
                f"CREATE TRIGGER needed AFTER INSERT ON {schema}.needed"
                f" FOR EACH ROW EXECUTE FUNCTION {schema}.needed()".encode()
            )
        for sql in (
            "CREATE TABLE swept (id bigint PRIMARY KEY, name text, up bigint REFERENCES swept)",
            "CREATE VIEW swept_view AS SELECT c.relname, p.proname FROM pg_class c, pg_proc p",
            "CREATE DOMAIN swept_domain AS text CHECK (VALUE <> '')",
            "CREATE SEQUENCE swept_sequence CACHE 1",
            "CREATE FUNCTION swept_function(n int) RETURNS int LANGUAGE sql AS 'SELECT n + 1'",
            "CREATE INDEX ASYNC swept_name ON swept (name)",
        ):
            assert opened.ask(sql).sqlstate is None
        yield opened
        for sql in (
            "VIEW swept_view",
            "TABLE swept",
            "DOMAIN swept_domain",
            "SEQUENCE swept_sequence",
        ):
            assert opened.ask(f"DROP {sql}").sqlstate is None
        assert opened.ask("DROP FUNCTION swept_function").sqlstate is None
        for schema in ("dsqlkit_rows", "dsqlkit_view_public"):
            inside.execute(f"DROP TABLE {schema}.needed CASCADE".encode())
            inside.execute(f"DROP FUNCTION {schema}.needed".encode())
    opened.close()


def relations(client: RawClient) -> list[str]:
    rows = shown(
        client,
        "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind IN ('r', 'v')"
        " AND c.relnamespace::regnamespace::text IN ('pg_catalog', 'information_schema', 'sys')"
        " ORDER BY 1",
    )
    return [name for (name,) in rows if name is not None]


def test_every_relation_can_be_read_and_shows_nothing_of_ours(client: RawClient) -> None:
    shown(client, "ANALYZE")
    names = relations(client)
    assert len(names) > 200
    for name in names:
        shown(client, f"SELECT * FROM {name}", "extended")


def test_what_is_seen_is_made_by_the_server(client: RawClient) -> None:
    with connect_inside() as inside:
        made = inside.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'dsqlkit_seen'::regnamespace"
        )
        assert {name for (name,) in made} == SEEN


_OF_ANY_TYPE = {"pg_attribute", "pg_stats"}
"""They have a column of type anyarray, over which PostgreSQL makes no view."""


@pytest.mark.parametrize("name", sorted(SEEN))
def test_other_ways_to_read_show_nothing_either(client: RawClient, name: str) -> None:
    columns = shown(
        client,
        "SELECT quote_ident(attname) FROM pg_attribute WHERE attnum = 1 AND attrelid ="
        f" 'pg_catalog.{name}'::regclass",
    )
    first = columns[0][0]
    views = [
        f"CREATE VIEW sly AS SELECT * FROM {name}",
        "TABLE sly",
        "SELECT definition FROM pg_views WHERE viewname = 'sly'",
        "SELECT pg_get_viewdef('sly'::regclass)",
        "DROP VIEW sly",
    ]
    for sql in (
        f"TABLE {name.upper()}",
        f'SELECT x FROM "pg_catalog" . "{name}" AS x',
        f"SELECT {name}.* FROM pg_catalog.{name}",
        f"SELECT pg_catalog.{name}.{first} FROM pg_catalog.{name}",
        f"WITH w AS (SELECT * FROM {name}) SELECT * FROM w",
        f"SELECT to_json(x) FROM {name} x",
        f"SELECT (SELECT string_agg(x::text, ',') FROM {name} x)",
        f"SELECT x.* FROM {name} x LEFT JOIN LATERAL (SELECT 1) y ON true UNION ALL TABLE {name}",
        f"DECLARE c CURSOR WITH HOLD FOR SELECT * FROM {name}",
        "FETCH ALL FROM c",
        "CLOSE c",
        *(views if name not in _OF_ANY_TYPE else ()),
        f"EXPLAIN VERBOSE SELECT * FROM {name}",
        f"EXPLAIN ANALYZE SELECT * FROM {name}",
    ):
        shown(client, sql)
    reply = client.ask(f"SELECT tableoid::regclass, x.* FROM {name} x")
    assert reply.sqlstate in (None, "42703")
    assert all("dsqlkit" not in str(row) for result in reply.results for row in result.rows)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT definition FROM pg_views WHERE schemaname <> 'public'",
        "SELECT pg_get_viewdef(oid, true) FROM pg_class WHERE relkind = 'v'",
        "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE prokind = 'f'",
        "SELECT pg_get_userbyid(relowner) FROM pg_class",
        "SELECT relacl FROM pg_class",
        "SELECT pg_get_ruledef(oid) FROM pg_rewrite",
        "SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend",
        "SELECT pg_describe_object(refclassid, refobjid, 0) FROM pg_depend",
        "SELECT * FROM pg_shdepend, pg_class LIMIT 100000",
        "SHOW ALL",
        "SELECT current_query() FROM pg_class",
        "SELECT current_schemas(true), current_setting('search_path')",
        "SELECT query, usename, application_name FROM pg_stat_activity",
        "SELECT relation::regclass FROM pg_locks",
        "SELECT oid::regclass FROM pg_class UNION ALL SELECT oid::regprocedure::text FROM pg_proc",
    ],
)
def test_functions_over_the_catalog_show_nothing_of_ours(client: RawClient, sql: str) -> None:
    for protocol in ("simple", "extended"):
        if "UNION" in sql:
            sql = sql.replace("oid::regclass FROM", "oid::regclass::text FROM")
        assert shown(client, sql, protocol)


@pytest.mark.parametrize(
    "body",
    [
        "'SELECT nspname::text FROM pg_namespace'",
        "$$ SELECT relname::text FROM pg_catalog.pg_class UNION SELECT 'it''s' $$",
        "E'SELECT n.nspname || \\'\\\\\\' FROM pg_namespace n'",
    ],
)
def test_a_function_reads_the_catalog_as_everybody_does(client: RawClient, body: str) -> None:
    made = f"CREATE FUNCTION sly() RETURNS SETOF text /* AS */ LANGUAGE sql AS {body}"
    assert client.ask(made).sqlstate is None
    assert len(shown(client, "SELECT sly()")) > 1
    assert shown(client, "SELECT pg_get_functiondef('sly'::regproc)")
    assert shown(client, "SELECT prosrc FROM pg_proc WHERE proname = 'sly'")
    client.ask("DROP FUNCTION sly")


@pytest.mark.parametrize(
    ("sql", "sqlstate"),
    [
        ("SELECT query_to_xml('TABLE pg_namespace', true, true, '')", "0A000"),
        ("SELECT Table_To_XMLSchema('pg_class', true, true, '')", "0A000"),
        ("SELECT ts_stat('SELECT to_tsvector(nspname) FROM pg_namespace')", "0A000"),
        ("SELECT ts_rewrite('a', 'SELECT ''a''::tsquery, ''b''::tsquery')", "0A000"),
        ("SELECT pg_catalog.TS_Rewrite(q, t) FROM (SELECT 'a'::tsquery, 'x') AS x (q, t)", "0A000"),
        ("CREATE VIEW sly AS SELECT ts_rewrite('a', 'TABLE x')", "0A000"),
        ("CREATE ROLE dsqlkit LOGIN", "42939"),
        ("CREATE USER dsqlkit_seen", "42939"),
        ("ALTER ROLE swept_role RENAME TO dsqlkit", "42939"),
        ("CREATE SCHEMA dsqlkit_rows", "42939"),
        ("CREATE SCHEMA IF NOT EXISTS dsqlkit_mine", "42939"),
        ("ALTER SCHEMA swept_schema RENAME TO dsqlkit", "42939"),
        ("SELECT NULL::dsqlkit.job", "3F000"),
        ("SET search_path = public, dsqlkit", "22023"),
        ("SET LOCAL search_path TO 'DSQLKIT_seen'", "22023"),
        ("SELECT set_config('search_path', 'public, \"dsqlkit\"', false)", "22023"),
        ("ALTER ROLE admin SET search_path = dsqlkit", "22023"),
    ],
)
def test_no_way_leads_past_what_is_seen(client: RawClient, sql: str, sqlstate: str) -> None:
    for protocol in ("simple", "extended"):
        assert client.ask(sql, protocol).sqlstate == sqlstate
    assert client.ask("SELECT rows_written()").sqlstate == "42883"
    assert client.ask("SET search_path = public").sqlstate is None


def test_a_query_is_rewritten_from_what_to_what(client: RawClient) -> None:
    assert shown(client, "SELECT ts_rewrite('a & b', 'a', 'c')") == [["'b' & 'c'"]]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM pg_tables",
        "SELECT * FROM pg_indexes WHERE tablename = 'swept' ORDER BY indexname",
        "SELECT * FROM pg_views",
        "SELECT * FROM swept_view",
        "SELECT * FROM information_schema.columns",
        "SELECT * FROM sys.jobs JOIN sys.iam_pg_role_mappings ON object_name = arn",
        "SELECT pg_get_viewdef(oid), pg_get_constraintdef(oid), current_query() FROM pg_am",
    ],
)
@pytest.mark.parametrize("options", ["", "VERBOSE", "ANALYZE", "(ANALYZE, VERBOSE, COSTS OFF)"])
def test_a_plan_over_the_catalog_shows_nothing_of_ours(
    client: RawClient, sql: str, options: str
) -> None:
    lines = [line or "" for (line,) in shown(client, f"EXPLAIN {options} {sql}")]
    assert not [line for line in lines if "coming_index" in line or "dropped_build" in line]


def test_a_plan_keeps_what_a_client_wrote(client: RawClient) -> None:
    told = client.ask("EXPLAIN VERBOSE SELECT 'dsqlkit.it''s', oid FROM pg_am").results[0].rows
    assert "  Output: 'dsqlkit.it''s'::text, oid" in [line for (line,) in told]


def test_the_endpoints_tables_are_known() -> None:
    with connect_inside() as inside:
        names = inside.execute(
            "SELECT relname FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'dsqlkit'::regnamespace"
        ).fetchall()
    assert {name for (name,) in names} == OWN_TABLES


def test_no_trigger_of_ours_counts(client: RawClient) -> None:
    assert shown(client, "SELECT relhastriggers FROM pg_class WHERE relname = 'swept_name'") == [
        ["f"]
    ]
    client.ask("CREATE TABLE plain (a text PRIMARY KEY, b text)")
    assert shown(client, "SELECT relhastriggers FROM pg_class WHERE relname = 'plain'") == [["f"]]
    assert (
        shown(
            client,
            "SELECT * FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid AND relname = 'plain'",
        )
        == []
    )
    client.ask("DROP TABLE plain")
    assert shown(client, "SELECT * FROM pg_event_trigger") == []


def test_a_cluster_has_one_extension_and_17_functions_in_sys(client: RawClient) -> None:
    assert shown(client, "SELECT extname FROM pg_extension") == [["plpgsql"]]
    assert shown(client, "SELECT * FROM pg_available_extensions") == []
    names = shown(
        client,
        "SELECT p.proname, pg_get_function_arguments(p.oid) FROM pg_proc p"
        " JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'sys' ORDER BY 1",
    )
    assert names[:3] == [
        ["base32_str_to_uuid", "text"],
        ["base_type_oid", "oid"],
        ["cluster_size", ""],
    ]
    assert len(names) == 17
    assert shown(client, "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_'") == [["admin"]]
    schemas = shown(client, "SELECT nspname FROM pg_namespace ORDER BY 1")
    assert [name for (name,) in schemas] == [
        "information_schema",
        "pg_catalog",
        "pg_toast",
        "public",
        "sys",
    ]


def test_the_catalog_is_copied_out_as_it_is_seen(client: RawClient) -> None:
    for sql in (
        "COPY pg_namespace TO STDOUT",
        "COPY pg_catalog.pg_namespace (nspname, oid) TO STDOUT (FORMAT csv)",
        "COPY (TABLE pg_proc) TO STDOUT",
    ):
        data = client.copied(sql)
        assert data
        assert b"dsqlkit" not in data


def test_the_catalog_is_nobodys_to_write(client: RawClient) -> None:
    for sql in ("DELETE FROM pg_class", "UPDATE pg_proc SET proname = 'x'", "TRUNCATE pg_class"):
        assert client.ask(sql).sqlstate in ("42501", "0A000")


_NAMES = """
    d d+ dS dS+ da daS dA dA+ dAc dAf dAo dAp db dc dcS dC dC+ dd ddS dD dDS+ ddp dE dE+ dRp dRs
    des det deu dew df dfS dfS+ dF dFd dFp dFt dg dg+ di diS+ dl dL dLS+ dm dn dnS+ do doS dO dOS
    dp dpS dP drds ds ds+ dt dtS+ dT dTS+ du duS+ dv dvS+ dx dx+ dX dy l l+ z conninfo
"""
COMMANDS = [f"\\{name}" for name in _NAMES.split()]
OF_OBJECTS = (
    r"\d swept",
    r"\d+ swept",
    r"\d swept_pkey",
    r"\d+ swept_view",
    r"\d swept_sequence",
    r"\df+ swept_function",
    r"\sf swept_function",
    r"\sf pg_catalog.version",
    r"\sv swept_view",
    r"\sv pg_catalog.pg_tables",
    r"\dD+ swept_domain",
    r"\dT+ swept_domain",
    r"\d pg_catalog.pg_class",
    r"\d+ pg_catalog.pg_tables",
    r"\d+ information_schema.columns",
    r"\dn *",
    r"\dt *.*",
    r"\df *.*",
    r"\dv *.*",
    r"\d sys.jobs",
)


@pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")
def test_psqls_commands_answer_and_show_nothing_of_ours(
    client: RawClient, endpoint: Endpoint
) -> None:
    environment = {
        **{"PATH": os.environ["PATH"], "PGHOST": "localhost", "PGPORT": str(endpoint.port)},
        **{"PGUSER": "admin", "PGDATABASE": "postgres", "PGSSLMODE": "verify-full"},
        "PGPASSWORD": TokenSigner(endpoint).token().value,
        "PGSSLROOTCERT": str(endpoint.root_certificate),
    }
    asked = [word for command in (*COMMANDS, *OF_OBJECTS) for word in ("-c", command)]
    done = subprocess.run(
        ["psql", "-X", *asked],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "ERROR" not in done.stderr
    said = (done.stdout + done.stderr).splitlines()
    assert [line for line in said if "dsqlkit" in line] == []

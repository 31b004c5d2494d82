"""What pg_dump asks of the catalog: whose everything is, and what of it is not a client's."""

import pytest

from tests.support.catalog import shown
from tests.support.raw_client import RawClient


def test_every_owner_in_the_catalog_is_a_role_that_is_listed(client: RawClient) -> None:
    """What pg_dump asks for: it stops at an owner that pg_roles does not have."""
    columns = shown(
        client,
        "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r' AND a.attnum > 0"
        " AND a.atttypid = 'oid'::regtype AND a.attname ~ '(owner|datdba|grantor|roleid|member)$'"
        " AND has_table_privilege(c.oid, 'SELECT')",
    )
    assert ["pg_namespace", "nspowner"] in columns
    assert ["pg_database", "datdba"] in columns
    assert len(columns) > 15
    for relation, column in columns:
        missing = (
            f"SELECT {column} FROM {relation} WHERE {column} NOT IN (SELECT oid FROM pg_roles)"
        )
        assert shown(client, missing) == [], relation


def test_what_is_in_sys_is_nobodys_to_dump(client: RawClient) -> None:
    outside = shown(
        client,
        "SELECT o.oid FROM (SELECT 'pg_namespace'::regclass, oid FROM pg_namespace"
        " WHERE nspname = 'sys' UNION ALL SELECT 'pg_class'::regclass, oid FROM pg_class"
        " WHERE relnamespace = 'sys'::regnamespace UNION ALL SELECT 'pg_proc'::regclass, oid"
        " FROM pg_proc WHERE pronamespace = 'sys'::regnamespace) AS o (class, oid) WHERE"
        " NOT EXISTS (SELECT FROM pg_depend d"
        " WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e')",
    )
    assert outside == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT pg_get_viewdef('sys.jobs'::regclass, true)",
        "SELECT pg_get_viewdef('sys.iam_pg_role_mappings'::regclass)",
        "SELECT definition FROM pg_views WHERE schemaname = 'sys'",
        "SELECT pg_get_ruledef(oid) FROM pg_rewrite WHERE ev_class = 'sys.jobs'::regclass",
        "SELECT definition FROM pg_views WHERE viewname = 'pg_settings'",
    ],
)
def test_a_view_of_ours_has_no_definition_to_show(client: RawClient, sql: str) -> None:
    rows = shown(client, sql)
    assert rows
    assert {value for (value,) in rows} == {None}


def test_the_functions_of_sys_look_built_in(client: RawClient) -> None:
    rows = shown(
        client,
        "SELECT p.proname, l.lanname, p.prosrc, pg_get_functiondef(p.oid) FROM pg_proc p"
        " JOIN pg_language l ON l.oid = p.prolang WHERE p.pronamespace = 'sys'::regnamespace",
    )
    assert len(rows) == 17
    for name, language, source, definition in rows:
        assert (language, source) == ("internal", name)
        assert definition is not None
        assert f"${name}$" in definition
        assert " LANGUAGE internal" in definition


def test_documents_and_text_are_compressed_but_for_keys(client: RawClient) -> None:
    client.ask("CREATE TABLE pressed (id text PRIMARY KEY, a json, b jsonb, c text, d text UNIQUE)")
    rows = shown(
        client,
        "SELECT attname, attcompression FROM pg_attribute"
        " WHERE attrelid = 'pressed'::regclass AND attnum > 0",
    )
    assert rows == [["id", ""], ["a", "l"], ["b", "l"], ["c", "l"], ["d", ""]]
    client.ask("DROP TABLE pressed")

"""Session parameters: the few that DSQL takes, at every way in, and no way past the list."""

import pytest

from dsqlkit.endpoint import Endpoint
from dsqlkit.local.dialect.parameters import ALLOWED
from tests.support.raw_client import RawClient
from tests.support.refusals import refusal


def no_setting(name: str) -> tuple[str, str]:
    return "0A000", f'setting configuration parameter "{name}" not supported'


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("SET statement_timeout = 0", "statement_timeout"),
        ("set STATEMENT_TIMEOUT to '5s'", "statement_timeout"),
        ('SET "Statement_Timeout" TO DEFAULT', "Statement_Timeout"),
        ("SET LOCAL lock_timeout = 1", "lock_timeout"),
        ("SET SESSION client_min_messages TO warning", "client_min_messages"),
        ("SET foo.bar = '1'", "foo.bar"),
        ("SET dsqlkit.written = '1'", "dsqlkit.written"),
        ("SET work_mem FROM CURRENT", "work_mem"),
        ("SET SESSION AUTHORIZATION admin", "session_authorization"),
        ("SET ROLE r", "role"),
        ("SET ROLE NONE", "role"),
        ("SET SEED TO 0.5", "seed"),
        ("SET standard_conforming_strings = off", "standard_conforming_strings"),
        ("SET default_transaction_isolation = 'read committed'", "default_transaction_isolation"),
        ("SET LOCAL transaction_isolation = 'serializable'", "transaction_isolation"),
        ("SET default_transaction_read_only = on", "default_transaction_read_only"),
        ("SET TRANSACTION READ ONLY", "TRANSACTION"),
        ("RESET statement_timeout", "statement_timeout"),
        ("RESET SESSION AUTHORIZATION", "session_authorization"),
        ("ALTER ROLE r SET statement_timeout = 0", "statement_timeout"),
        (
            'ALTER USER "admin" SET default_transaction_isolation = x',
            "default_transaction_isolation",
        ),
        ("ALTER ROLE ALL SET work_mem = '1MB'", "work_mem"),
        ("ALTER ROLE r IN DATABASE postgres SET foo.bar = 1", "foo.bar"),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql SET work_mem = 1 AS 'SELECT 1'", "work_mem"),
        ("CREATE FUNCTION f() RETURNS int SET ROLE r LANGUAGE sql RETURN 1", "role"),
        (
            "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'SET LOCAL a.b = 1'",
            "a.b",
        ),
    ],
)
def test_a_statement_that_sets_another_parameter_is_refused(sql: str, name: str) -> None:
    found = refusal(sql)
    assert found is not None
    assert (found.sqlstate, found.message) == no_setting(name)


@pytest.mark.parametrize(
    ("sql", "level"),
    [
        (
            "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED",
            "READ COMMITTED",
        ),
        (
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY, ISOLATION LEVEL SERIALIZABLE",
            "SERIALIZABLE",
        ),
        ("START TRANSACTION ISOLATION LEVEL READ UNCOMMITTED", "READ UNCOMMITTED"),
    ],
)
def test_there_is_one_isolation_level(sql: str, level: str) -> None:
    found = refusal(sql)
    assert found is not None
    assert (found.sqlstate, found.message) == ("0A000", f"Unsupported isolation level: {level}")


VALUES = {
    "application_name": "mine",
    "client_encoding": "UTF8",
    "datestyle": "ISO, DMY",
    "extra_float_digits": "2",
    "intervalstyle": "iso_8601",
    "search_path": "public",
    "timezone": "Asia/Tokyo",
}


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_an_allowed_parameter_is_set_and_shown(client: RawClient, name: str) -> None:
    value = VALUES.get(name, "off")
    for protocol in ("simple", "extended"):
        for sql in (
            f"SET {name.upper()} = '{value}'",
            f"SELECT set_config('{name.upper()}', '{value}', false)",
        ):
            assert client.ask(sql, protocol).sqlstate is None
            assert client.ask(f"SHOW {name}", protocol).results[0].rows == [[value]]
            assert client.ask(f"SELECT current_setting('{name}')").results[0].rows == [[value]]
            assert client.ask(f"RESET {name}", protocol).sqlstate is None
    assert client.ask("RESET ALL").sqlstate is None


@pytest.mark.parametrize("protocol", ["simple", "extended"])
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT set_config('{}', '0', false)",
        "SELECT pg_catalog.\"set_config\"('{}', '0', true)",
        "SELECT * FROM set_config('{}', '0', false)",
        "SELECT 1 FROM set_config('{}', '0', false) AS s (x), generate_series(1, 2)",
        "WITH w AS (SELECT set_config('{}', '0', false)) SELECT * FROM w",
        "SELECT 1 WHERE set_config('{}', '0', false) <> ''",
        "SELECT set_config(name, gen_random_uuid()::text, false) FROM (VALUES ('{}')) AS v (name)",
        "SELECT set_config((SELECT '{}'), (SELECT '0'), false)",
        "SELECT set_config(setting_name => '{}', new_value => '0', is_local => false)",
        "SELECT count(set_config('{}', '0', false))",
        "VALUES (set_config('{}', '0', false))",
        "COPY (SELECT set_config('{}', '0', false)) TO STDOUT",
        "UPDATE pg_settings SET setting = '0' WHERE name = '{}'",
        "UPDATE pg_catalog.pg_settings SET setting = '0' WHERE name = '{}'",
    ],
)
@pytest.mark.parametrize("name", ["statement_timeout", "default_transaction_isolation"])
def test_set_config_knows_no_other_parameter(
    client: RawClient, sql: str, name: str, protocol: str
) -> None:
    reply = client.ask(sql.format(name), protocol)
    assert reply.sqlstate is not None
    assert (reply.sqlstate, reply.message) == no_setting(name)
    shown = client.ask(
        "SELECT current_setting('statement_timeout'),"
        " current_setting('default_transaction_isolation')"
    )
    assert shown.results[0].rows == [["0", "repeatable read"]]


def test_a_function_that_calls_set_config_is_refused_when_it_is_called(client: RawClient) -> None:
    body = "SELECT set_config(n, $$1$$, false)"
    made = f"CREATE FUNCTION sly(n text) RETURNS text LANGUAGE sql AS '{body}'"
    assert client.ask(made).sqlstate is None
    for sql in ("SELECT sly('response.headers')", "SELECT * FROM sly('response.headers')"):
        reply = client.ask(sql)
        assert (reply.sqlstate, reply.message) == no_setting("response.headers")
    assert client.ask("DROP FUNCTION sly").sqlstate is None


def test_a_view_and_a_default_that_call_set_config_are_refused(client: RawClient) -> None:
    call = "set_config('work_mem', '1MB', false)"
    for make, use, drop in (
        (f"CREATE VIEW sly AS SELECT {call} AS x", "TABLE sly", "DROP VIEW sly"),
        (
            f"CREATE TABLE sly (a text DEFAULT {call})",
            "INSERT INTO sly DEFAULT VALUES",
            "DROP TABLE sly",
        ),
        (
            f"CREATE TABLE sly (a text CHECK ({call} <> a))",
            "INSERT INTO sly VALUES ('x')",
            "DROP TABLE sly",
        ),
    ):
        assert client.ask(make).sqlstate is None
        reply = client.ask(use)
        assert (reply.sqlstate, reply.message) == no_setting("work_mem")
        assert client.ask(drop).sqlstate is None


def test_an_encoding_that_is_not_utf_8_is_refused(client: RawClient) -> None:
    words = ("22023", 'invalid value for parameter "client_encoding": "LATIN1"')
    for sql in (
        "SET client_encoding = 'LATIN1'",
        "SET NAMES 'LATIN1'",
        "SELECT set_config('client_encoding', 'LATIN1', false)",
        "ALTER USER admin SET client_encoding = 'LATIN1'",
    ):
        reply = client.ask(sql)
        assert (reply.sqlstate, reply.message) == words


def test_a_session_that_is_read_only_writes_nothing(endpoint: Endpoint) -> None:
    client = RawClient(endpoint)
    client.ask("CREATE TABLE kept (a int)")
    assert client.ask("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY").sqlstate is None
    for before in ([], ["BEGIN"]):
        for sql in before:
            client.ask(sql)
        assert client.ask("INSERT INTO kept VALUES (1)").sqlstate == "25006"
        client.ask("ROLLBACK")
    client.ask("BEGIN READ WRITE")
    assert client.ask("INSERT INTO kept VALUES (1)").sqlstate is None
    client.ask("COMMIT")
    both = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE"
    assert client.ask(both).sqlstate is None
    assert client.ask("DROP TABLE kept").sqlstate is None
    client.close()


def test_a_role_is_set_inside_a_transaction(client: RawClient) -> None:
    client.ask("CREATE ROLE other")
    client.ask("GRANT other TO admin")
    client.ask("BEGIN")
    assert client.ask("SET LOCAL ROLE other").sqlstate is None
    assert client.ask("SELECT current_user").results[0].rows == [["other"]]
    client.ask("COMMIT")
    assert client.ask("SELECT current_user").results[0].rows == [["admin"]]
    assert client.ask("DROP ROLE other").sqlstate is None

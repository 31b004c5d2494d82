"""CREATE INDEX without ASYNC: on an empty table, where the session has asked for it."""

from collections.abc import Iterator

import psycopg
import pytest

from dsqlkit.connection import Connection

OFF = "SET disable_sync_create_index = off"
MODE = "unsupported mode. please use CREATE INDEX ASYNC."


@pytest.fixture
def table(connection: Connection) -> Iterator[str]:
    connection.execute("CREATE TABLE at_once (id int PRIMARY KEY, name text, doc jsonb)")
    yield "at_once"
    connection.execute("DROP TABLE at_once")


def refusal(connection: Connection, sql: str) -> tuple[str | None, str]:
    with pytest.raises(psycopg.Error) as refused:
        connection.execute(sql.encode())
    return refused.value.sqlstate, str(refused.value).splitlines()[0]


def test_it_is_refused_as_the_parameter_is_on(connection: Connection, table: str) -> None:
    assert refusal(connection, "CREATE INDEX ON at_once (name)") == ("0A000", MODE)
    assert refusal(connection, "CREATE INDEX ON nowhere (name)") == ("0A000", MODE)
    assert refusal(connection, "CREATE INDEX ON at_once (name DESC)") == ("0A000", MODE)


def test_an_empty_table_gets_it_at_once(connection: Connection, table: str) -> None:
    connection.execute(OFF)
    made = connection.execute('CREATE UNIQUE INDEX IF NOT EXISTS "At once" ON at_once (name)')
    assert made.statusmessage == "CREATE INDEX"
    connection.execute("CREATE INDEX ON at_once (lower(name)) INCLUDE (id)")
    found = connection.execute(
        "SELECT indexrelid::regclass::text, indisvalid, indisunique FROM pg_index"
        " WHERE indrelid = 'at_once'::regclass AND NOT indisprimary ORDER BY 1"
    ).fetchall()
    assert found == [('"At once"', True, True), ("at_once_lower_id_idx", True, False)]
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute("INSERT INTO at_once VALUES (1, 'a'), (2, 'a')")


def test_a_table_with_rows_does_not(connection: Connection, table: str) -> None:
    connection.execute("INSERT INTO at_once VALUES (1)")
    connection.execute(OFF)
    assert refusal(connection, "CREATE INDEX ON at_once (name)") == ("0A000", MODE)


def test_all_other_rules_hold(connection: Connection, table: str) -> None:
    connection.execute("SELECT set_config('disable_sync_create_index', 'off', false)")
    for sql, sqlstate in (
        ("CREATE INDEX ON nowhere (name)", "42P01"),
        ("CREATE INDEX ON at_once (nothing)", "42703"),
        ("CREATE INDEX ON at_once (doc)", "0A000"),
        ("CREATE INDEX ON at_once (name DESC)", "0A000"),
        ("CREATE INDEX CONCURRENTLY ON at_once (name)", "0A000"),
        ("CREATE INDEX ON at_once USING btree (name)", "0A000"),
        ("CREATE INDEX ON at_once ((random()))", "42P17"),
    ):
        code, message = refusal(connection, sql)
        assert code == sqlstate, (sql, message)
        assert "dsqlkit" not in message

"""What a client is told on the way has no word of what is the endpoint's own."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.local.dialect.catalog import OWN_TABLES


@pytest.fixture
def _table(connection: Connection) -> Iterator[None]:
    connection.execute("CREATE TABLE swept (id bigint PRIMARY KEY)")
    yield
    connection.execute("DROP TABLE swept")


@pytest.mark.usefixtures("_table")
@pytest.mark.parametrize("sql", ["ANALYZE", "ANALYZE VERBOSE"])
def test_an_analyze_of_everything_says_nothing_of_ours(
    connection: Connection, endpoint: Endpoint, sql: str
) -> None:
    arn = "arn:aws:iam::123456789012:role/analyst"
    connection.execute("CREATE ROLE swept_analyst LOGIN")
    connection.execute(f"AWS IAM GRANT swept_analyst TO '{arn}'".encode())
    told: list[str] = []
    try:
        with connect(replace(endpoint, user="swept_analyst")) as analyst:
            for session in (connection, analyst):
                session.add_notice_handler(lambda each: told.append(each.message_primary or ""))
            connection.execute(sql.encode())
            assert told == []
            analyst.execute(sql.encode())
    finally:
        connection.execute(f"AWS IAM REVOKE swept_analyst FROM '{arn}'".encode())
        connection.execute("DROP ROLE swept_analyst")
    assert 'permission denied to analyze "swept", skipping it' in told
    named = {each.split('"')[1] for each in told}
    assert not [name for name in named if name in OWN_TABLES or name.startswith(("pg_", "sql_"))]


def test_a_schema_goes_without_a_word_of_ours(connection: Connection) -> None:
    told: list[str | None] = []
    connection.add_notice_handler(lambda notice: told.append(notice.message_primary))
    connection.execute("CREATE SCHEMA swept_away")
    connection.execute("DROP SCHEMA swept_away")
    assert told == []

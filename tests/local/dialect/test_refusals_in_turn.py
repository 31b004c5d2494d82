"""A refused statement takes its turn: among others of its message, and in a transaction."""

import psycopg
import pytest

from dsqlkit.connection import Connection
from tests.local.dialect.test_rules import REFUSED
from tests.support.raw_client import RawClient

ABORTED = (
    "25P02",
    "current transaction is aborted, commands ignored until end of transaction block",
)
LIVE = [REFUSED[index] for index in range(0, len(REFUSED), 5)]
"""Some of each kind."""


@pytest.mark.parametrize("protocol", ["simple", "extended"])
@pytest.mark.parametrize(("sql", "message"), LIVE)
def test_a_refusal_takes_its_turn(client: RawClient, protocol: str, sql: str, message: str) -> None:
    refused = client.ask(sql, protocol)
    assert (refused.sqlstate, refused.message, refused.status) == ("0A000", message, "I")
    assert client.ask("BEGIN", protocol).status == "T"
    refused = client.ask(sql, protocol)
    assert (refused.sqlstate, refused.message, refused.status) == ("0A000", message, "E")
    again = client.ask(sql, protocol)
    assert (again.sqlstate, again.message) == ABORTED
    ended = client.ask("COMMIT", protocol)
    assert (ended.tags, ended.status) == (["ROLLBACK"], "I")


@pytest.mark.parametrize("protocol", ["simple", "extended"])
@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("AWS IAM GRANT app TO $1", 'syntax error at or near "$1"'),
        ("AWS IAM GRANT app", "syntax error at end of input"),
        ("SELECT 1 FROM; AWS IAM FOO", 'syntax error at or near ";"'),
        ("SELECT 1; AWS IAM FOO", 'syntax error at or near "FOO"'),
        ("/* é */ AWS IAM FOO; SELECT FROM FROM", 'syntax error at or near "FOO"'),
    ],
)
def test_a_malformed_statement_of_dsqls_own_is_a_syntax_error(
    client: RawClient, protocol: str, sql: str, message: str
) -> None:
    refused = client.ask(sql, protocol)
    assert (refused.sqlstate, refused.message, refused.status) == ("42601", message, "I")
    assert refused.results == []


def test_a_syntax_error_says_where_it_is(connection: Connection) -> None:
    with pytest.raises(psycopg.errors.SyntaxError) as refused:
        connection.execute("/* é */ AWS IAM FOO")
    assert refused.value.diag.statement_position == "17"


@pytest.mark.parametrize(("sql", "message"), LIVE)
def test_a_refusal_among_several_statements_undoes_them(
    client: RawClient, sql: str, message: str
) -> None:
    reply = client.ask(f"SELECT 1; {sql}; SELECT 2")
    assert (reply.sqlstate, reply.message, reply.status) == ("0A000", message, "I")
    assert reply.tags == ["SELECT 1"]

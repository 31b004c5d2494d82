"""Shipped SQL: one text for psql and for Python."""

import pytest

from dsqlkit.errors import UsageError
from dsqlkit.queries import load, names, parse_query, read_sql, split_statements


def test_the_chapters_query_ships_with_its_defaults() -> None:
    assert "query" in names()
    query = load("query")
    assert query.parameters == {
        "account_type": "savings",
        "region_code": "US",
        "status": "active",
        "metadata_key": "account_tier_1",
    }
    assert "region_code = %(region_code)s" in query.sql
    assert query.sql.startswith("SELECT")
    assert query.sql.endswith("INTERVAL '1 year'")


def test_a_given_value_replaces_a_default() -> None:
    assert load("query", {"region_code": "DE"}).parameters["region_code"] == "DE"


@pytest.mark.parametrize(
    ("text", "values", "complaint"),
    [
        ("SELECT :'a'", {}, "needs a value for its parameter a"),
        ("SELECT 1", {"a": "1"}, "has no parameter a"),
        ("SELECT 1; SELECT 2", {}, "holds 2 statements"),
        ("-- nothing\n;", {}, "holds 0 statements"),
    ],
)
def test_a_query_that_cannot_be_run_is_a_usage_error(
    text: str, values: dict[str, str], complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        parse_query("mine", text, values)


def test_an_unknown_name_is_a_usage_error_that_lists_the_names() -> None:
    with pytest.raises(UsageError) as error:
        load("../pyproject")
    assert error.value.hint is not None
    assert "query" in error.value.hint


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("SELECT ':''a''', \"it's :'a'\" /* :'a' */", "SELECT ':''a''', \"it's :'a'\" /* :'a' */"),
        ("SELECT $$ :'a' $$", "SELECT $$ :'a' $$"),
        ("SELECT E'\\' :\\'a' ", "SELECT E'\\' :\\'a'"),
        ("SELECT 'x' LIKE '50%'", "SELECT 'x' LIKE '50%%'"),
        ("SELECT :'a'::text", "SELECT %(a)s::text"),
    ],
)
def test_only_a_parameter_outside_quotes_and_comments_is_bound(text: str, sql: str) -> None:
    assert parse_query("mine", "\\if :{?a} \\else \\set a x \\endif\n" + text).sql == sql


def test_a_default_may_be_quoted() -> None:
    text = "\\if :{?a} \\else \\set a 'it''s two words' \\endif\nSELECT :'a';"
    assert parse_query("mine", text).parameters == {"a": "it's two words"}


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("", ()),
        ("-- only words;\n", ()),
        ("CREATE TABLE a (b int);\nSELECT 1", ("CREATE TABLE a (b int)", "SELECT 1")),
        ("\\echo hello; there\nSELECT 1;", ("SELECT 1",)),
        ("SELECT 1 -- one", ("SELECT 1 -- one",)),
        ("-- first;\nSELECT ';' -- inside;\n, 2;", ("SELECT ';' -- inside;\n, 2",)),
        ('SELECT ";""" FROM t; ;', ('SELECT ";""" FROM t',)),
        ("SELECT $x$;$x$, $1;SELECT 2", ("SELECT $x$;$x$, $1", "SELECT 2")),
    ],
)
def test_statements_end_at_a_semicolon_that_is_not_quoted(
    text: str, statements: tuple[str, ...]
) -> None:
    assert split_statements(text) == statements


def test_shipped_files_are_read_by_their_path_below_sql() -> None:
    assert "FROM accounts7" in read_sql("queries/query.sql")

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


@pytest.mark.parametrize(
    ("text", "written", "instead"),
    [
        ("SELECT * FROM t WHERE id = $1", r"\$1", "p1"),
        ("SELECT * FROM t WHERE id = :id", ":id", "id"),
        ("SELECT * FROM t WHERE id IN (:first_id)", ":first_id", "first_id"),
        ("SELECT * FROM t WHERE id = %(ids)s", r"%\(ids\)s", "ids"),
    ],
)
def test_a_parameter_in_another_programs_words_is_told_in_ours(
    text: str, written: str, instead: str
) -> None:
    with pytest.raises(UsageError, match=f"has {written}, and nothing") as error:
        parse_query("QUERY", text)
    assert error.value.hint is not None
    assert f":'{instead}'" in error.value.hint
    assert f"`parameters={instead}=VALUE`" in error.value.hint


@pytest.mark.parametrize(
    "text",
    ["SELECT x::text", "SELECT a[1:2]", "SELECT '$1 :id'", "SELECT $$ $1 $$", "SELECT 5 % s, a$1"],
)
def test_what_only_looks_like_a_parameter_is_left_alone(text: str) -> None:
    assert parse_query("QUERY", text).sql == text.replace("%", "%%")


@pytest.mark.parametrize(
    ("word", "line", "column"), [("SELECT", 3, 1), ("$2", 5, 8), ("nope", 5, 13), ("x", 6, 6)]
)
def test_a_place_in_what_the_server_got_is_found_in_the_text(
    word: str, line: int, column: int
) -> None:
    text = "-- mine\n\nSELECT :'a',\n \\echo\n :'a', :'b' nope\nFROM x;"
    query = parse_query("file.sql", text, {"a": "1", "b": "2"})
    sent = "SELECT $1,\n\n $1, $2 nope\nFROM x"
    place = query.place(sent.index(word) + 1)
    assert place is not None
    assert (place.line, place.column, place.text) == (line, column, text.split("\n")[line - 1])


def test_a_place_is_counted_from_the_first_line_though_that_is_empty() -> None:
    place = parse_query("QUERY", "\nSELEC 1").place(1)
    assert place is not None
    assert (place.line, place.column, place.text) == (2, 1, "SELEC 1")


@pytest.mark.parametrize("count", [9, 10, 12])
def test_a_place_behind_parameters_of_more_than_one_digit_is_right(count: int) -> None:
    values = {f"p{number}": "v" for number in range(count)}
    text = "SELECT " + ", ".join(f":'{name}'" for name in values) + " FROMM t"
    sent = "SELECT " + ", ".join(f"${number + 1}" for number in range(count)) + " FROMM t"
    place = parse_query("QUERY", text, values).place(sent.index("FROMM") + 1)
    assert place is not None
    assert place.column == text.index("FROMM") + 1

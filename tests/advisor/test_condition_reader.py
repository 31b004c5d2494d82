"""What each condition lets a B-tree do, by table."""

import pytest

from dsqlkit.advisor.condition import ELSEWHERE
from dsqlkit.advisor.reading import read_query
from dsqlkit.advisor.syntax import parse
from dsqlkit.errors import UsageError
from dsqlkit.plans.catalog import Catalog, View
from tests.advisor.made import query, table


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("n = 1", ["n equal =1"]),
        ("1 = n", ["n equal =1"]),
        ("n < 5", ["n range <5"]),
        ("5 < n", ["n range >5"]),
        ("n >= 5 AND n < 9", ["n range >=5", "n range <9"]),
        ("n BETWEEN 5 AND 9", ["n range >=5 <=9"]),
        ("n IN (1, 2)", ["n in =1 =2"]),
        ("n = ANY (ARRAY[1, 2])", ["n in =1 =2"]),
        ("n = ANY ('{1,2}')", ["n in =1 =2"]),
        ("name = ANY ('{a,\"b c\"}')", ["name in =a =b c"]),
        ("name LIKE 'ab%'", ["name prefix LIKEab"]),
        ("name LIKE 'a_b%'", ["name prefix LIKEa"]),
        (r"name LIKE 'a\_b%'", ["name prefix LIKEa_b"]),
        ("name LIKE 'ab'", ["name equal =ab"]),
        ("name IS NULL", ["name null"]),
        ("on_sale", ["on_sale equal =t"]),
        ("NOT on_sale", ["on_sale equal =f"]),
        ("at > now() - interval '1 day'", ["at range >?"]),
        ("name = 'it''s'", ["name equal =it's"]),
        ("name::varchar = 'x'", ["name equal =x"]),
        ("n = 1::bigint", ["n equal =1"]),
        ("price = 1", ["price equal =1"]),
        ("(n, name) = (1, 'x')", ["n equal =1", "name equal =x"]),
        ("(n, name) > (1, 'x')", ["n range >=1"]),
        ("n = (SELECT 3)", ["n equal =?"]),
        ("n <> 1", ["n differs <>1"]),
        ("n NOT IN (1, 2)", ["n differs <>1 <>2"]),
        ("name IS NOT NULL", ["name not null"]),
        ("on_sale IS TRUE", ["on_sale equal =t"]),
        ("on_sale IS FALSE", ["on_sale equal =f"]),
        ("on_sale = false", ["on_sale equal =f"]),
        ("on_sale <> true", ["on_sale equal =f"]),
        ("on_sale IS NOT TRUE", ["on_sale differs IS NOTt"]),
        ("starts_with(name, 'ab')", ["name prefix LIKEab"]),
        ("name ^@ 'ab'", ["name prefix LIKEab"]),
        ("name ~ '^ab'", ["name prefix LIKEab"]),
        ("name ~ '^ab+c'", ["name prefix LIKEab"]),
        ("name ~ '^abc*'", ["name prefix LIKEab"]),
        ("lower(name) = 'x'", ["lower(name) equal =x"]),
        ("lower(name) LIKE 'x%'", ["lower(name) prefix LIKEx"]),
        ("n + 1 = 3", ["n + 1 equal =3"]),
        ("document ->> 'k' = 'x'", ["document ->> 'k' equal =x"]),
        ("(document ->> 'k')::int > 5", ["(document ->> 'k')::int range >5"]),
        ("date_trunc('day', local) = '2025-01-01'", ["date_trunc('day', local) equal =2025-01-01"]),
        ("name NOT LIKE 'a%'", []),
        ("n = id", []),
        ("true", []),
    ],
)
def test_a_condition_is_read_as_what_a_b_tree_can_do(condition: str, expected: list[str]) -> None:
    (use,) = query(f"SELECT id FROM t WHERE {condition}").uses
    found = [
        " ".join(
            [each.column, each.comparison]
            + [bound.operator + (bound.value or "?") for bound in each.bounds]
        )
        for each in use.predicates
    ]
    assert found == expected
    assert use.obstacles == ()


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("date_trunc('day', at) = '2025-01-01'", "compared inside an expression that may change"),
        ("id::text = '3'", "id is compared cast"),
        ("lasts = '1 day'", "lasts is interval, which cannot be in a key"),
        ("bytes = '\\x00'", "bytes is bytea, which cannot be in a key"),
        ("name ~ 'ab'", "does not begin with ^"),
        ("name ~ '^ab|c'", "does not begin with ^"),
        ("n < 5 OR (n = 5 AND id < 9)", "Write (n, id) < (5, 9)"),
        ("(n = 5 AND id > 9) OR n > 5", "Write (n, id) > (5, 9)"),
        ("at::date = '2025-01-01'", "at is compared cast"),
        ("n = 1.5", "n is integer and is compared as numeric"),
        ("code = 'x'::text", "code is character and is compared as text"),
        ("name LIKE '%x'", "begins with a wildcard"),
        ("name ILIKE 'x%'", "ILIKE ignores case"),
        ("code LIKE 'x%'", "a char column is compared as text"),
        ("name LIKE upper('ab') || '%'", "known only when the query runs"),
        ("n = 1 OR n = 2", "write n IN"),
        ("n = 1 OR name = 'x'", "write a UNION"),
        ("n > random() * 5", "changes from row to row"),
        ("(n, name) IN ((1, 'a'), (2, 'b'))", "join with VALUES"),
        ("document = '{}'", "document is jsonb, which cannot be in a key"),
    ],
)
def test_what_no_index_serves_is_said_with_its_reason(condition: str, why: str) -> None:
    (use,) = query(f"SELECT id FROM t WHERE {condition}").uses
    assert use.predicates == ()
    (obstacle,) = use.obstacles
    assert why in obstacle.why


def test_a_date_compared_with_a_moment_is_served_with_a_caution_for_dsql() -> None:
    (use,) = query("SELECT id FROM t WHERE day >= now()").uses
    assert "DSQL's may not" in use.predicates[0].caution
    (use,) = query("SELECT id FROM t WHERE at >= now()").uses
    assert use.predicates[0].caution == ""


def test_parameters_have_their_values_and_names() -> None:
    sql = "SELECT id FROM t WHERE name LIKE %(start)s AND n = %(n)s AND name <> '100%%'"
    (use,) = query(sql, start="ab%", n="7").uses
    prefix, equal, differs = use.predicates
    assert (prefix.literal, equal.literal, differs.literal) == (False, False, True)
    assert (prefix.bounds[0].value, equal.bounds[0].value) == ("ab", "7")
    assert prefix.text == "name LIKE :'start'"


@pytest.mark.parametrize(
    ("sql", "needed"),
    [
        ("SELECT count(*) FROM t WHERE n = 1", "n"),
        ("SELECT name FROM t WHERE n = 1 ORDER BY price", "n name price"),
        ("SELECT t.name AS x FROM t GROUP BY x HAVING max(day) > '2025-01-01'", "day name"),
        ("SELECT s.n FROM (SELECT n, name FROM t) s", "n name"),
        ("DELETE FROM t WHERE n = 1 RETURNING name", "n name"),
        ("UPDATE t SET price = price + 1 WHERE n = 1", "n price"),
        ("SELECT sum(n) FILTER (WHERE on_sale) OVER (ORDER BY at) FROM t", "at n on_sale"),
    ],
)
def test_the_columns_that_a_query_reads_are_found_everywhere(sql: str, needed: str) -> None:
    (use,) = query(sql).uses
    assert " ".join(sorted(use.needed)) == needed


def test_a_star_needs_all_columns() -> None:
    (use,) = query("SELECT * FROM t").uses
    assert use.needed == {column.name for column in table().columns}


_NULLS_APART = {"ORDER BY at NULLS FIRST LIMIT 5", "ORDER BY at DESC NULLS LAST LIMIT 5"}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("ORDER BY at LIMIT 5", (("at",), 5)),
        ("ORDER BY at DESC, id DESC LIMIT 5 OFFSET 20", (("at", "id"), 25)),
        ("ORDER BY 1 LIMIT 5", (("id",), 5)),
        ("ORDER BY at DESC NULLS FIRST LIMIT 5", (("at",), 5)),
        ("ORDER BY at NULLS FIRST LIMIT 5", (("at",), 5)),
        ("ORDER BY at DESC NULLS LAST LIMIT 5", (("at",), 5)),
        ("ORDER BY at, id DESC LIMIT 5", (("at",), 5)),
        ("ORDER BY n + 1 LIMIT 5", (("n + 1",), 5)),
        ("ORDER BY random() LIMIT 5", None),
        ("ORDER BY at", None),
        ("LIMIT 5", None),
        ("GROUP BY id ORDER BY id LIMIT 5", None),
    ],
)
def test_an_order_counts_only_where_a_limit_ends_it(
    sql: str, expected: tuple[tuple[str, ...], float] | None
) -> None:
    (use,) = query(f"SELECT id FROM t {sql}").uses
    found = use.ordering
    assert (None if found is None else (found.columns, found.limit)) == expected
    if found is not None:
        assert found.whole is ("id DESC LIMIT 5" not in sql or "at DESC" in sql)
        assert found.nulls_first == ({"at"} if sql in _NULLS_APART else frozenset())


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1 FROM t a JOIN t b ON a.n = b.id", "a>b.id b>a.n"),
        ("SELECT 1 FROM t a JOIN t b USING (n)", "a>b.n b>a.n"),
        ("SELECT 1 FROM t a, t b WHERE a.n = b.id + 1", "b>a.n"),
        ("SELECT 1 FROM t a LEFT JOIN t b ON a.n = b.id", "a>b.id"),
        ("SELECT 1 FROM t a RIGHT JOIN t b ON a.n = b.id", "b>a.n"),
        ("SELECT 1 FROM t a FULL JOIN t b ON a.n = b.id", ""),
        ("SELECT 1 FROM t a JOIN t b ON a.n = b.name", ""),
        ("SELECT 1 FROM t a WHERE a.n IN (SELECT b.id FROM t b)", "a>b.id b>a.n"),
        ("SELECT 1 FROM t a WHERE EXISTS (SELECT FROM t b WHERE b.id = a.n)", "a>b.id b>a.n"),
        ("SELECT 1 FROM t a WHERE NOT EXISTS (SELECT FROM t b WHERE b.id = a.n)", "a>b.id"),
        ("SELECT 1 FROM t a WHERE a.n NOT IN (SELECT b.id FROM t b)", ""),
        (
            "SELECT 1 FROM t a JOIN t b ON b.at >= a.at AND b.at < a.day",
            "a>b.at a>b.at b>a.at b>a.day",
        ),
        ("SELECT (SELECT max(b.n) FROM t b WHERE b.id = a.n) FROM t a", "a>b.id"),
        ("UPDATE t a SET n = 1 FROM t b WHERE b.id = a.n", "a>b.id b>a.n"),
        ("DELETE FROM t a USING t b WHERE b.id = a.n", "a>b.id b>a.n"),
    ],
)
def test_joins_say_which_rows_find_which(sql: str, expected: str) -> None:
    read = query(sql)
    found = [
        f"{read.uses[each.outer].alias}>{read.uses[each.inner].alias}.{each.column}"
        for each in read.lookups
    ]
    assert " ".join(sorted(found)) == expected


def test_the_side_that_an_outer_join_keeps_is_not_narrowed_by_its_condition() -> None:
    a, b = query("SELECT 1 FROM t a LEFT JOIN t b ON a.id = b.n AND a.n = 1 AND b.price = 2").uses
    assert a.predicates == ()
    assert [each.column for each in b.predicates] == ["price"]


@pytest.mark.parametrize(
    ("sql", "pushed"),
    [
        ("SELECT * FROM (SELECT id, n FROM t) s WHERE s.n = 1", True),
        ("WITH s AS (SELECT n AS m FROM t) SELECT * FROM s WHERE m = 1", True),
        ("SELECT * FROM (SELECT n, count(*) FROM t GROUP BY n) s WHERE s.n = 1", True),
        ("SELECT * FROM (SELECT max(n) AS n FROM t) s WHERE s.n = 1", False),
        ("SELECT * FROM (SELECT n FROM t ORDER BY n LIMIT 5) s WHERE s.n = 1", False),
        ("SELECT * FROM (SELECT n, row_number() OVER () FROM t) s WHERE s.n = 1", False),
    ],
)
def test_a_condition_on_a_subquery_counts_inside_where_it_is_pushed_down(
    sql: str, pushed: bool
) -> None:
    (use,) = query(sql).uses
    assert [each.column for each in use.predicates] == (["n"] if pushed else [])


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 FROM t AS u (a, b) WHERE b = 'x'",
        "SELECT 1 FROM (SELECT id, name FROM t) AS u (a, b) WHERE u.b = 'x'",
        "WITH c AS (SELECT name FROM t) SELECT 1 FROM c AS u (b) WHERE b = 'x'",
    ],
)
def test_columns_are_known_by_the_names_that_an_alias_gives_them(sql: str) -> None:
    (use,) = query(sql).uses
    assert [each.column for each in use.predicates] == ["name"]


def test_what_is_no_table_of_the_catalog_is_named() -> None:
    read = query("SELECT * FROM t JOIN seen ON seen.id = t.id")
    assert read.unknown == ("seen",)
    assert [use.alias for use in read.uses] == ["t"]


def test_rows_that_are_changed_or_locked_need_their_table() -> None:
    for sql in ("UPDATE t SET n = 2 WHERE n = 1", "SELECT n FROM t WHERE n = 1 FOR UPDATE"):
        assert not query(sql).uses[0].index_alone
    assert query("SELECT n FROM t WHERE n = 1").uses[0].index_alone


def test_a_row_that_an_outer_join_added_is_no_row_of_the_table() -> None:
    sql = "SELECT 1 FROM t a LEFT JOIN t b ON b.n = a.id WHERE b.id IS NULL AND a.price IS NULL"
    a, b = query(sql).uses
    assert [each.column for each in a.predicates] == ["price"]
    assert b.predicates == ()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 FROM (VALUES (1), (2)) v (c) JOIN t ON t.n = v.c",
        "SELECT 1 FROM unnest(ARRAY[1, 2]) u (c) JOIN t ON t.n = u.c",
        "WITH s AS (SELECT max(n) AS c FROM t AS x) SELECT 1 FROM s JOIN t ON t.n = s.c",
        "SELECT 1 FROM t WHERE t.n IN (SELECT unnest(ARRAY[1, 2]))",
    ],
)
def test_what_comes_from_no_table_finds_rows_too(sql: str) -> None:
    read = query(sql)
    assert [(each.outer, each.column) for each in read.lookups] == [(ELSEWHERE, "n")]
    assert all(not use.predicates for use in read.uses)


def test_not_in_a_subquery_is_told_to_be_written_otherwise() -> None:
    read = query("SELECT 1 FROM t a WHERE a.n NOT IN (SELECT b.id FROM t b WHERE b.price = 1)")
    assert "write NOT EXISTS" in read.notes[0]
    assert read.uses[0].filtered == {"n"}


def test_a_view_is_looked_through() -> None:
    view = View("public", "seen", "SELECT id AS key, n FROM t WHERE price = 1")
    asked = parse("SELECT key FROM seen WHERE n = 5", {})
    (use,) = read_query(asked, Catalog((table(),), (view,))).uses
    assert sorted(each.column for each in use.predicates) == ["n", "price"]


@pytest.mark.parametrize("deep", ["+".join(["1"] * 250), " OR ".join(["1"] * 2000)])
def test_a_condition_of_many_terms_is_read(deep: str) -> None:
    (use,) = query(f"SELECT name FROM t WHERE name = 'a' AND n > ({deep})").uses
    assert use.table.name == "t"


def test_one_too_deep_to_be_looked_at_is_refused() -> None:
    with pytest.raises(UsageError, match="nests more than 300 expressions"):
        parse(f"SELECT name FROM t WHERE n = {'+'.join(['1'] * 400)}", {})

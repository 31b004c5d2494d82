"""What PostgreSQL reads whole or sorts, and DSQL reads by its key."""

import pytest

from dsqlkit.connection import Connection
from tests.local.explain.asking import dpu, lines_of, shape


@pytest.mark.parametrize(
    ("where", "condition", "rows"),
    [
        ("id = 3", "(id = 3)", 1),
        ("id = 3::bigint", "(id = '3'::bigint)", 1),
        ("id > 4 AND 9 >= id", "((id > 4) AND (id <= 9))", 5),
        ("3 = id", "(id = 3)", 1),
        ("id IN (1, 4, 99)", "(id = ANY ('{1,4,99}'::integer[]))", 2),
        ("id = (SELECT 4)", "(id = $0)", 1),
    ],
)
def test_a_small_table_is_read_by_its_key(
    small: Connection, where: str, condition: str, rows: int
) -> None:
    lines = lines_of(small, f"EXPLAIN ANALYZE SELECT * FROM few WHERE {where}")
    assert shape(lines)[:6] == [
        "Index Only Scan using few_pkey on few",
        f"  Index Cond: {condition}",
        "  -> Storage Scan on few_pkey",
        "      Projections: id, name, amount",
        "      -> B-Tree Scan on few_pkey",
        f"          Index Cond: {condition}",
    ]
    assert f"(actual rows={rows} loops=1)" in lines[4]


@pytest.mark.parametrize(
    ("where", "filters"),
    [
        ("id = 3 OR id = 4", "  Filter: ((id = 3) OR (id = 4))"),
        ("id + 0 = 3", "  Filter: ((id + 0) = 3)"),
        ("id = 3.5", "  Filter: ((id)::numeric = 3.5)"),
        ("id::text = '3'", "  Filter: ((id)::text = '3'::text)"),
        ("id <> 3", "      Filters: (id <> 3)"),
        ("name = 'v1'", "      Filters: ((name)::text = 'v1'::text)"),
    ],
)
def test_what_is_no_bound_of_a_key_stays_a_filter(
    small: Connection, where: str, filters: str
) -> None:
    lines = shape(lines_of(small, f"EXPLAIN SELECT * FROM few WHERE {where}"))
    assert filters in lines
    assert not any("Index Cond" in line for line in lines)


def test_a_key_of_two_columns_is_bound_from_the_first_on(small: Connection) -> None:
    asked = "EXPLAIN ANALYZE SELECT x FROM two WHERE y LIKE 'z%' AND x < 15"
    whole = """ AND day > '2026-01-08' AND "k 1" = 'k1'"""
    lines = lines_of(small, asked + whole)
    condition = """((("k 1")::text = 'k1'::text) AND (day > '2026-01-08'::date))"""
    assert shape(lines)[:-2] == [
        "Index Only Scan using two_pkey on two",
        f"  Index Cond: {condition}",
        "  Filter: (y ~~ 'z%'::text)",
        "  -> Storage Scan on two_pkey",
        "      Projections: x, y",
        "      Filters: (x < 15)",
        "      Rows Filtered: 2",
        "      -> B-Tree Scan on two_pkey",
        f"          Index Cond: {condition}",
    ]
    assert "(actual rows=4 loops=1)" in lines[7]
    second = shape(lines_of(small, asked + " AND day = '2026-01-08'"))
    assert "      Filters: ((x < 15) AND (day = '2026-01-08'::date))" in second
    assert not any("Index Cond" in line for line in second)


def test_a_read_by_key_costs_that_row_alone(small: Connection) -> None:
    one = """SELECT * FROM two WHERE "k 1" = 'k1' AND day = '2026-01-02'"""
    explain = "EXPLAIN (ANALYZE, VERBOSE) "
    # Key and row: 2 x (6 + 4), 4 and 604 bytes.
    assert str(dpu(lines_of(small, explain + one), "Read")) == "0.00115"
    whole = dpu(lines_of(small, explain + "SELECT * FROM two"), "Read")
    assert dpu(lines_of(small, explain + one + " OR x = 1"), "Read") == whole
    assert str(whole) == "0.02300"


def test_a_join_that_meets_keys_again_and_again_looks_them_up_in_batches(small: Connection) -> None:
    lines = shape(
        lines_of(
            small,
            "EXPLAIN SELECT f.name, o.note FROM owned o JOIN owned f2 ON f2.id = o.owner"
            " JOIN few f ON f.id = f2.owner ORDER BY o.id LIMIT 5",
        )
    )
    assert not any("Memoize" in line for line in lines)


@pytest.mark.parametrize(
    ("sql", "plan"),
    [
        (
            "SELECT * FROM few ORDER BY id",
            """\
Index Only Scan using few_pkey on few
  -> Storage Scan on few_pkey
      Projections: id, name, amount
      -> B-Tree Scan on few_pkey""",
        ),
        (
            "SELECT name FROM few ORDER BY id DESC LIMIT 3 OFFSET 2",
            """\
Limit
  ->  Index Only Scan Backward using few_pkey on few
        -> Storage Scan on few_pkey
            Projections: id, name
            Limit: 5
            -> B-Tree Scan on few_pkey""",
        ),
        (
            "SELECT name FROM few WHERE id < 9 AND name = 'v1' ORDER BY id",
            """\
Index Only Scan using few_pkey on few
  Index Cond: (id < 9)
  -> Storage Scan on few_pkey
      Projections: id, name
      Filters: ((name)::text = 'v1'::text)
      Rows Filtered: 5
      -> B-Tree Scan on few_pkey
          Index Cond: (id < 9)""",
        ),
        (
            'SELECT x FROM two ORDER BY "k 1" DESC, day DESC',
            """\
Index Only Scan Backward using two_pkey on two
  -> Storage Scan on two_pkey
      Projections: "k 1", day, x
      -> B-Tree Scan on two_pkey""",
        ),
    ],
)
def test_the_order_of_a_key_needs_no_sort(small: Connection, sql: str, plan: str) -> None:
    lines = lines_of(small, f"EXPLAIN ANALYZE {sql}")
    assert shape(lines)[:-2] == plan.split("\n")
    if "LIMIT" in sql:
        assert "(actual rows=5 loops=1)" in lines[5]


@pytest.mark.parametrize(
    "order", ["name", "id DESC NULLS LAST", "id + 0", "amount, id", "id, name"]
)
def test_another_order_is_sorted(small: Connection, order: str) -> None:
    assert shape(lines_of(small, f"EXPLAIN SELECT * FROM few ORDER BY {order}"))[0] == "Sort"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT DISTINCT id FROM few ORDER BY id",
        "SELECT id, count(*) FROM few GROUP BY id ORDER BY id",
        "SELECT id, row_number() OVER (ORDER BY id) FROM few",
        "SELECT * FROM few ORDER BY id FOR UPDATE",
        "WITH w AS MATERIALIZED (SELECT * FROM few ORDER BY id) SELECT * FROM w LIMIT 1",
    ],
)
def test_no_node_has_its_rows_sorted_by_the_key(small: Connection, sql: str) -> None:
    lines = shape(lines_of(small, f"EXPLAIN ANALYZE {sql}"))
    assert not any("Sort" in line for line in lines)


def test_a_correlated_subquery_reads_a_small_table_by_its_key(small: Connection) -> None:
    lines = lines_of(
        small,
        "EXPLAIN ANALYZE SELECT (SELECT name FROM few f WHERE f.id = o.owner) FROM owned o"
        " WHERE o.id < 3",
    )
    at = shape(lines).index("    ->  Index Only Scan using few_pkey on few f")
    assert shape(lines)[at + 1 : at + 6] == [
        "          Index Cond: (id = o.owner)",
        "          -> Storage Scan on few_pkey",
        "              Projections: name",
        "              -> B-Tree Scan on few_pkey",
        "                  Index Cond: (id = o.owner)",
    ]
    assert "(actual rows=1 loops=2)" in lines[at + 4]


@pytest.mark.parametrize("order", ["", " ORDER BY id"])
def test_a_limit_is_not_that_of_a_table_expression_beside_it(small: Connection, order: str) -> None:
    sql = f"WITH w AS MATERIALIZED (SELECT * FROM few{order}) SELECT * FROM w LIMIT 1"
    lines = [line.strip() for line in lines_of(small, f"EXPLAIN {sql}")]
    assert lines[0].startswith("Limit ")
    assert not any(line.startswith("Limit:") for line in lines)

"""What PostgreSQL reads whole, and DSQL by its key; and who drops which rows."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from tests.local.explain.asking import dpu, lines_of, set_up, shape

_SET_UP = (
    "CREATE SCHEMA small",
    "SET search_path = small",
    "CREATE TABLE few (id int PRIMARY KEY, name varchar(9), amount numeric)",
    "INSERT INTO few SELECT n, 'v' || n % 3, n FROM generate_series(1, 20) AS n",
    'CREATE TABLE two ("k 1" varchar(9), day date, x int, y text, PRIMARY KEY ("k 1", day))',
    "INSERT INTO two SELECT 'k' || n % 3, date '2026-01-01' + n, n, repeat('z', 600)"
    " FROM generate_series(1, 20) AS n",
    "CREATE TABLE log (what text, level int)",
    "INSERT INTO log SELECT 'what ' || n, n % 5 FROM generate_series(1, 2000) AS n",
    "CREATE TABLE owned (id int PRIMARY KEY, owner int, note text)",
    "INSERT INTO owned SELECT n, n % 300, 'n' FROM generate_series(1, 2500) AS n",
    "CREATE INDEX ASYNC by_owner ON owned (owner)",
    "CREATE TABLE turned (id int PRIMARY KEY, kind int, state text, note text, amount numeric)",
    "CREATE INDEX ASYNC by_kind ON turned (kind) INCLUDE (state)",
    "INSERT INTO turned SELECT n, n % 50, CASE WHEN n % 250 = 1 THEN 'open' ELSE 'sent' END,"
    " 'n' || n % 4, n FROM generate_series(1, 2500) AS n",
    "ANALYZE turned",
    "ANALYZE few",
    "ANALYZE two",
    "ANALYZE log",
    "ANALYZE owned",
)


@pytest.fixture(scope="module")
def db(endpoint: Endpoint) -> Iterator[Connection]:
    with connect(endpoint) as connection:
        connection.autocommit = True
        set_up(connection, _SET_UP)
        yield connection
        connection.execute("DROP SCHEMA small CASCADE")


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
    db: Connection, where: str, condition: str, rows: int
) -> None:
    lines = lines_of(db, f"EXPLAIN ANALYZE SELECT * FROM few WHERE {where}")
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
def test_what_is_no_bound_of_a_key_stays_a_filter(db: Connection, where: str, filters: str) -> None:
    lines = shape(lines_of(db, f"EXPLAIN SELECT * FROM few WHERE {where}"))
    assert filters in lines
    assert not any("Index Cond" in line for line in lines)


def test_a_key_of_two_columns_is_bound_from_the_first_on(db: Connection) -> None:
    asked = "EXPLAIN ANALYZE SELECT x FROM two WHERE y LIKE 'z%' AND x < 15"
    whole = """ AND day > '2026-01-08' AND "k 1" = 'k1'"""
    lines = lines_of(db, asked + whole)
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
    second = shape(lines_of(db, asked + " AND day = '2026-01-08'"))
    assert "      Filters: ((x < 15) AND (day = '2026-01-08'::date))" in second
    assert not any("Index Cond" in line for line in second)


def test_who_drops_rows_of_a_key_is_told_apart(db: Connection) -> None:
    lines = lines_of(
        db,
        "EXPLAIN (ANALYZE, VERBOSE) SELECT name FROM few"
        " WHERE id >= 3 AND name = 'v1' AND amount < 10",
    )
    assert "  Rows Removed by Filter: 4" in lines
    assert "      Rows Filtered: 12" in lines
    assert "(actual rows=6 loops=1)" in lines[5]
    assert "(actual rows=18 loops=1)" in lines[9]


def test_a_read_by_key_costs_that_row_alone(db: Connection) -> None:
    one = """SELECT * FROM two WHERE "k 1" = 'k1' AND day = '2026-01-02'"""
    explain = "EXPLAIN (ANALYZE, VERBOSE) "
    # Key and row: 2 x (6 + 4), 4 and 604 bytes.
    assert str(dpu(lines_of(db, explain + one), "Read")) == "0.00115"
    whole = dpu(lines_of(db, explain + "SELECT * FROM two"), "Read")
    assert dpu(lines_of(db, explain + one + " OR x = 1"), "Read") == whole
    assert str(whole) == "0.02300"


@pytest.mark.parametrize(
    "write",
    [
        "DELETE FROM log",
        "UPDATE log SET what = 'z'",
        "UPDATE log SET what = what || '8'",
        "UPDATE log SET level = 0",
    ],
)
def test_who_dropped_rows_is_told_after_they_were_changed(db: Connection, write: str) -> None:
    with db.transaction(force_rollback=True):
        lines = lines_of(db, f"EXPLAIN ANALYZE {write} WHERE level = 3 AND what LIKE '%8'")
    assert "        Rows Removed by Filter: 200" in lines
    assert "            Rows Filtered: 1600" in lines


def test_a_column_that_another_node_needs_is_projected(db: Connection) -> None:
    joined = shape(
        lines_of(
            db,
            "EXPLAIN SELECT o.* FROM owned o"
            " WHERE o.owner IN (SELECT id FROM few WHERE name = 'v1')",
        )
    )
    at = next(n for n, line in enumerate(joined) if line.endswith("Scan using few_pkey on few"))
    assert joined[at + 2].strip() == "Projections: id"
    subquery = "SELECT (SELECT name FROM few f WHERE f.id = o.owner) FROM owned o WHERE o.id = 4"
    assert shape(lines_of(db, f"EXPLAIN {subquery}"))[:4] == [
        "Index Only Scan using owned_pkey on owned o",
        "  Index Cond: (id = 4)",
        "  -> Storage Scan on owned_pkey",
        "      Projections: owner",
    ]


def test_a_join_that_meets_keys_again_and_again_looks_them_up_in_batches(db: Connection) -> None:
    lines = shape(
        lines_of(
            db,
            "EXPLAIN SELECT f.name, o.note FROM owned o JOIN owned f2 ON f2.id = o.owner"
            " JOIN few f ON f.id = f2.owner ORDER BY o.id LIMIT 5",
        )
    )
    assert not any("Memoize" in line for line in lines)


def test_a_row_that_is_taken_as_one_value_is_projected_whole(db: Connection) -> None:
    for taken in ("json_agg(f)", "count(DISTINCT f)", "max(f::text)"):
        lines = shape(lines_of(db, f"EXPLAIN SELECT {taken} FROM few f WHERE id < 3"))
        assert any(line.strip() == "Projections: id, name, amount" for line in lines)
    lines = shape(lines_of(db, "EXPLAIN SELECT name FROM few f WHERE name <> 'f.*'"))
    assert any(line.strip() == "Projections: name" for line in lines)


def test_rows_that_the_index_dropped_are_told_from_those_of_the_look_up(db: Connection) -> None:
    lines = lines_of(
        db,
        "EXPLAIN ANALYZE SELECT id, note FROM turned"
        " WHERE kind = 1 AND state <> 'open' AND note > 'n2' AND amount > 100",
    )
    assert shape(lines)[:-2] == [
        "Index Scan using by_kind on turned",
        "  Index Cond: (kind = 1)",
        "  Filter: (amount > '100'::numeric)",
        "  Rows Removed by Filter: 1",
        "  -> Storage Scan on by_kind",
        "      Filters: (state <> 'open'::text)",
        "      Rows Filtered: 10",
        "      -> B-Tree Scan on by_kind",
        "          Index Cond: (kind = 1)",
        "  -> Storage Lookup on turned",
        "      Projections: id, note, amount",
        "      Filters: (note > 'n2'::text)",
        "      Rows Filtered: 20",
        "      -> B-Tree Lookup on turned",
    ]
    rows = [
        int(line.split("actual rows=")[1].split()[0]) for line in lines if "actual rows" in line
    ]
    assert rows == [40, 50, 20, 40]


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT * FROM few EXCEPT SELECT * FROM few", "id, name, amount"),
        ("WITH a AS MATERIALIZED (SELECT * FROM few) SELECT id FROM a", "id, name, amount"),
        ("SELECT id FROM (SELECT * FROM few OFFSET 0) AS f", "id"),
        ("SELECT id FROM few UNION ALL SELECT id FROM few WHERE amount > 3", "id"),
        ("SELECT count(amount) FROM few", "amount"),
        ("SELECT name, count(*) FROM few GROUP BY name", "name"),
        ("SELECT id, rank() OVER (ORDER BY amount) FROM few", "id, amount"),
        ("INSERT INTO few SELECT * FROM few", "id, name, amount"),
        ("SELECT f.name FROM few f JOIN few g ON g.id = f.id + 1", "id, name"),
    ],
)
def test_what_the_nodes_above_use_is_projected(db: Connection, sql: str, columns: str) -> None:
    lines = shape(lines_of(db, f"EXPLAIN {sql}"))
    assert (
        next(line for line in lines if "Projections" in line).strip() == f"Projections: {columns}"
    )


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE owned o SET note = f.name FROM few f WHERE f.id = o.id AND o.owner = 3",
        "DELETE FROM owned o USING few f WHERE f.id = o.owner",
        "SELECT * FROM few WHERE id = 1 FOR UPDATE",
    ],
)
def test_no_node_gives_up_where_postgresql_stores_a_row(db: Connection, sql: str) -> None:
    text = "\n".join(lines_of(db, f"EXPLAIN (VERBOSE) {sql}"))
    assert "ctid" not in text
    assert "Output:\n" not in text


@pytest.mark.parametrize("where", ["", " WHERE x > 10", """ WHERE "k 1" = 'k1'"""])
def test_a_delete_reads_what_a_select_would(db: Connection, where: str) -> None:
    explain = "EXPLAIN (ANALYZE, VERBOSE) "
    read = dpu(lines_of(db, f"{explain}SELECT * FROM two{where}"), "Read")
    with db.transaction(force_rollback=True):
        deleted = dpu(lines_of(db, f"{explain}DELETE FROM two{where}"), "Read")
        assert deleted == (read if where else dpu_of_rows(20))
    assert read > dpu_of_rows(1)


def dpu_of_rows(rows: int) -> Decimal:
    """What so many reads of the smallest size cost."""
    return round(rows * 128 * Decimal("0.001875") / 1024, 5)


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
def test_the_order_of_a_key_needs_no_sort(db: Connection, sql: str, plan: str) -> None:
    lines = lines_of(db, f"EXPLAIN ANALYZE {sql}")
    assert shape(lines)[:-2] == plan.split("\n")
    if "LIMIT" in sql:
        assert "(actual rows=5 loops=1)" in lines[5]


@pytest.mark.parametrize(
    "order", ["name", "id DESC NULLS LAST", "id + 0", "amount, id", "id, name"]
)
def test_another_order_is_sorted(db: Connection, order: str) -> None:
    assert shape(lines_of(db, f"EXPLAIN SELECT * FROM few ORDER BY {order}"))[0] == "Sort"


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
def test_no_node_has_its_rows_sorted_by_the_key(db: Connection, sql: str) -> None:
    lines = shape(lines_of(db, f"EXPLAIN ANALYZE {sql}"))
    assert not any("Sort" in line for line in lines)


def test_a_correlated_subquery_reads_a_small_table_by_its_key(db: Connection) -> None:
    lines = lines_of(
        db,
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
def test_a_limit_is_not_that_of_a_table_expression_beside_it(db: Connection, order: str) -> None:
    sql = f"WITH w AS MATERIALIZED (SELECT * FROM few{order}) SELECT * FROM w LIMIT 1"
    lines = [line.strip() for line in lines_of(db, f"EXPLAIN {sql}")]
    assert lines[0].startswith("Limit ")
    assert not any(line.startswith("Limit:") for line in lines)

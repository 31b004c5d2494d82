"""What EXPLAIN answers on the local cluster, beside what real clusters answered (shared plans)."""

import re
from collections.abc import Iterator
from decimal import Decimal

import psycopg
import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from tests.local.explain.asking import dpu, lines_of, set_up, shape

_SET_UP = (
    "CREATE SCHEMA printed",
    "CREATE TABLE printed.bare (data text)",
    "CREATE TABLE printed.keyed (id int PRIMARY KEY, data text)",
    "CREATE TABLE printed.worded (id varchar(36) PRIMARY KEY, data text)",
    "CREATE TABLE printed.orders (id int PRIMARY KEY, customer int, status text, note text,"
    " total numeric(10, 2), placed timestamp)",
    "INSERT INTO printed.orders SELECT n, n % 50, CASE WHEN n % 7 = 0 THEN 'open' ELSE 'sent' END,"
    " 'note ' || n, n, timestamp '2026-01-01' + n * interval '1 hour'"
    " FROM generate_series(1, 2500) AS n",
    "CREATE INDEX ASYNC by_customer ON printed.orders (customer) INCLUDE (status)",
    "ANALYZE printed.orders",
)


@pytest.fixture(scope="module")
def db(endpoint: Endpoint) -> Iterator[Connection]:
    with connect(endpoint) as connection:
        connection.autocommit = True
        set_up(connection, _SET_UP)
        connection.execute("SET search_path = printed")
        yield connection
        connection.execute("DROP SCHEMA printed CASCADE")


def test_a_read_by_the_primary_key(db: Connection) -> None:
    db.execute("INSERT INTO keyed VALUES (12, 'x')")
    lines = lines_of(db, "EXPLAIN (ANALYZE, VERBOSE, SETTINGS) SELECT * FROM keyed WHERE id = 12")
    assert shape(lines)[:8] == [
        "Index Only Scan using keyed_pkey on printed.keyed",
        "  Output: id, data",
        "  Index Cond: (keyed.id = 12)",
        "  -> Storage Scan on keyed_pkey",
        "      Projections: id, data",
        "      -> B-Tree Scan on keyed_pkey",
        "          Index Cond: (keyed.id = 12)",
        "Settings: work_mem = '128MB'",
    ]
    assert re.fullmatch(r"Query Identifier: [a-z1-9]{13}", lines[8])
    assert re.fullmatch(r"Planning Time: \d+\.\d{3} ms", lines[9])
    assert re.fullmatch(r"Execution Time: \d+\.\d{3} ms", lines[10])
    assert lines[11] == "Statement DPU Estimate:"
    assert re.fullmatch(r"  Compute: \d+\.\d{5} DPU", lines[12])
    assert lines[13] == "  Read: 0.00023 DPU (Transaction minimum: 0.00375)"
    assert lines[14] == "  Write: 0.00000 DPU"
    assert len(lines) == 16
    figures = r"  \(cost=\d+\.\d\d\.\.\d+\.\d\d rows=1 width=36 loops=1\) \(actual rows=1 loops=1\)"
    assert re.fullmatch(r"  -> Storage Scan on keyed_pkey" + figures, lines[3])


def test_a_table_without_a_primary_key_and_a_limit(db: Connection) -> None:
    assert shape(lines_of(db, "EXPLAIN SELECT data FROM bare LIMIT 1 OFFSET 2")) == [
        "Limit",
        "  ->  Full Scan (btree-table) on bare",
        "        -> Storage Scan on bare",
        "            Projections: data",
        "            Limit: 3",
        "            -> B-Tree Scan on bare",
    ]


def test_what_an_index_lacks_is_looked_up(db: Connection) -> None:
    sql = "EXPLAIN ANALYZE SELECT * FROM orders WHERE customer = 7 AND status = 'open'"
    lines = lines_of(db, sql + " AND note LIKE '%7'")
    assert shape(lines)[:-2] == [
        "Index Scan using by_customer on orders",
        "  Index Cond: (customer = 7)",
        "  Filter: (note ~~ '%7'::text)",
        "  -> Storage Scan on by_customer",
        "      Filters: (status = 'open'::text)",
        "      Rows Filtered: 42",
        "      -> B-Tree Scan on by_customer",
        "          Index Cond: (customer = 7)",
        "  -> Storage Lookup on orders",
        "      Projections: id, customer, status, note, total, placed",
        "      -> B-Tree Lookup on orders",
    ]
    assert "(actual rows=50 loops=1)" in lines[6]
    assert shape(lines_of(db, sql.replace("*", "customer, status")))[0] == (
        "Index Only Scan using by_customer on orders"
    )


def test_a_percent_sign_in_a_filter_is_one(db: Connection) -> None:
    lines = lines_of(
        db, "EXPLAIN ANALYZE SELECT id FROM orders WHERE note <> '%s %I' AND total > 9"
    )
    assert "  Rows Removed by Filter: 9" in lines
    assert "      Rows Filtered: 0" in lines


def test_filters_of_storage_and_of_the_query_processor(db: Connection) -> None:
    lines = lines_of(
        db, "EXPLAIN ANALYZE SELECT id FROM orders WHERE status = 'open' AND total > 2000"
    )
    assert shape(lines)[:-2] == [
        "Index Only Scan using orders_pkey on orders",
        "  Filter: (total > '2000'::numeric)",
        "  Rows Removed by Filter: 285",
        "  -> Storage Scan on orders_pkey",
        "      Projections: id, total",
        "      Filters: (status = 'open'::text)",
        "      Rows Filtered: 2143",
        "      -> B-Tree Scan on orders_pkey",
    ]


def test_a_join_by_key_is_batched(db: Connection) -> None:
    lines = lines_of(
        db,
        "EXPLAIN ANALYZE WITH few AS MATERIALIZED"
        " (SELECT id FROM orders WHERE customer = 3 ORDER BY id LIMIT 5)"
        " SELECT o.* FROM few JOIN orders o USING (id)",
    )
    found = shape(lines)
    at = found.index("  ->  CTE Scan on few")
    assert found[0] == "Nested Loop (Batched Join)"
    assert found[1] == "  Recheck Cond: (id = few.id)"
    assert found[2] == "  CTE few"
    assert found[at + 1 : at + 6] == [
        "  ->  Index Only Scan using orders_pkey on orders o",
        "        Index Cond: (id = few.id)",
        "        -> Storage Scan on orders_pkey",
        "            Projections: id, customer, status, note, total, placed",
        "            -> B-Tree Scan on orders_pkey",
    ]
    assert "rows=5 loops=1)" in lines[at + 1]


def test_a_batched_join_counts_the_keys_that_met_a_row(db: Connection) -> None:
    few = "SELECT 2498 + n AS id FROM generate_series(1, 9) AS n"
    lines = lines_of(
        db,
        f"EXPLAIN ANALYZE WITH few AS MATERIALIZED ({few}) SELECT o.* FROM few JOIN orders o"
        " USING (id)",
    )
    [inner] = [line for line in lines if "using orders_pkey on orders o" in line]
    assert "rows=2 loops=1)" in inner
    assert sum("actual rows=2 loops=1)" in line for line in lines) == 2


def test_rows_that_are_dropped_in_many_loops_are_told_for_each(db: Connection) -> None:
    # Each of five customers has 50 orders: 7 or 8 are open, of which none has so high a total.
    sql = (
        "EXPLAIN ANALYZE SELECT c FROM generate_series(1, 5) AS c WHERE NOT EXISTS (SELECT 1 FROM"
        " orders o WHERE o.customer = c AND o.status = 'open' AND o.total > 100000)"
    )
    with db.transaction(force_rollback=True):
        for method in ("hashjoin", "mergejoin", "material"):
            db.execute(f"SET LOCAL enable_{method} = off".encode())
        lines = lines_of(db, sql)
    assert any("Nested Loop Anti Join" in line for line in lines)
    [by_processor] = [line.split()[-1] for line in lines if "Removed by Filter" in line]
    [by_storage] = [line.split()[-1] for line in lines if "Rows Filtered" in line]
    assert int(by_processor) in (7, 8)
    assert int(by_storage) + int(by_processor) == 50


def test_what_a_batched_join_compares_is_its_own_filter(db: Connection) -> None:
    sql = "SELECT * FROM few f LEFT JOIN orders o ON o.id = f.id AND o.total > f.low"
    found = (
        "WITH few AS MATERIALIZED (SELECT n AS id, 3000 AS low FROM generate_series(1, 5) AS n) "
    )
    lines = lines_of(db, f"EXPLAIN ANALYZE {found}{sql}")
    plan = shape(lines)
    at = plan.index("  Join Filter: (o.total > (f.low)::numeric)")
    assert plan[at - 2 : at] == ["  Join Type: Left", "  Recheck Cond: (id = f.id)"]
    assert plan[at + 1] == "  Rows Removed by Join Filter: 5"
    inner = plan.index("  ->  Index Only Scan using orders_pkey on orders o")
    assert not any("Filter" in line for line in plan[inner:])
    assert "rows=5 loops=1)" in lines[inner]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM orders a, orders b WHERE a.id = b.customer AND b.note <> a.note",
        "SELECT * FROM orders WHERE customer = 1 OR status = 'open' OR id = 4",
        "UPDATE orders SET total = 0 WHERE customer = 1",
        "DELETE FROM orders WHERE note = 'x'",
        "SELECT * FROM bare UNION SELECT note FROM orders WHERE id IN (1, 2)",
        "SELECT status, count(*) FROM orders GROUP BY ROLLUP (status) ORDER BY 2 DESC",
    ],
)
@pytest.mark.parametrize("options", ["", "(ANALYZE)", "(ANALYZE, VERBOSE)", "(COSTS OFF)"])
def test_no_plan_shows_how_postgresql_stores(db: Connection, sql: str, options: str) -> None:
    with db.transaction(force_rollback=True):
        text = "\n".join(lines_of(db, f"EXPLAIN {options} {sql}"))
    assert not re.search("Bitmap|Heap|Seq Scan|ctid|Node Type", text)


@pytest.mark.parametrize(
    ("table", "values", "size"),
    [
        ("bare", "repeat('x', 1000)", 1020),
        ("bare", "'x'", 128),
        ("keyed", "{n}, repeat('é', 500)", 1012),
        ("worded", "repeat('k', 35) || {n}, repeat('x', 100000)", 100084),
    ],
)
def test_a_write_costs_what_clusters_printed(
    db: Connection, table: str, values: str, size: int
) -> None:
    # 20, 12 and 84 bytes beside the data, read off recorded INSERTs.
    rows = ", ".join(f"({values.format(n=n)})" for n in (1, 2))
    with db.transaction(force_rollback=True):
        lines = lines_of(db, f"EXPLAIN (ANALYZE, VERBOSE) INSERT INTO {table} VALUES {rows}")
    assert dpu(lines, "Write") == round(2 * size * Decimal("0.05") / 1024, 5)


def test_writes_of_an_index_are_entries_too(db: Connection) -> None:
    explain = "EXPLAIN (ANALYZE, VERBOSE) "
    with db.transaction(force_rollback=True):
        one = "INSERT INTO orders (id, customer) VALUES (9001, 1)"
        assert dpu(lines_of(db, explain + one), "Write") == Decimal("0.01250")
        other = "UPDATE orders SET note = 'other' WHERE id = 9001"
        assert dpu(lines_of(db, explain + other), "Write") == Decimal("0.00625")
        indexed = "UPDATE orders SET customer = 2 WHERE id = 9001"
        assert dpu(lines_of(db, explain + indexed), "Write") == Decimal("0.01875")
        assert dpu(lines_of(db, explain + indexed.replace("9001", "-1")), "Write") == 0


def test_explain_without_analyze_writes_nothing(db: Connection) -> None:
    lines = lines_of(db, "EXPLAIN (VERBOSE) DELETE FROM orders")
    assert not any("DPU" in line for line in lines)
    assert lines_of(db, "SELECT count(*) FROM orders") == [2500]


def test_an_explained_write_in_autocommit_is_kept_as_on_a_cluster(db: Connection) -> None:
    lines_of(db, "EXPLAIN ANALYZE INSERT INTO bare VALUES ('kept')")
    assert lines_of(db, "SELECT count(*) FROM bare WHERE data = 'kept'") == [1]


def test_an_error_points_into_the_clients_own_text(db: Connection) -> None:
    for sql in (
        "EXPLAIN SELECT nothing FROM orders",
        "SELECT 1; EXPLAIN (ANALYZE) SELECT nothing FROM orders",
    ):
        with pytest.raises(Exception, match="nothing") as caught:
            db.execute(sql.encode())
        position = caught.value.diag.statement_position  # type: ignore[attr-defined]
        assert int(position) == sql.index("nothing") + 1


def test_a_text_of_several_statements_answers_a_plan_for_its_explain(db: Connection) -> None:
    cursor = db.execute("SELECT 1; EXPLAIN SELECT * FROM bare; SELECT 2")
    assert cursor.fetchall() == [(1,)]
    assert cursor.nextset()
    assert str(cursor.fetchone()[0]).startswith("Full Scan (btree-table) on bare")  # type: ignore[index]
    assert cursor.nextset()
    assert cursor.fetchall() == [(2,)]


def test_in_a_pipeline_each_statement_has_its_answer(db: Connection) -> None:
    with db.pipeline():
        before = db.execute("SELECT 1")
        plan = db.execute("EXPLAIN SELECT * FROM bare")
        after = db.execute("SELECT 2")
    assert before.fetchall() == [(1,)]
    assert str(plan.fetchone()[0]).startswith("Full Scan")  # type: ignore[index]
    assert after.fetchall() == [(2,)]


def test_a_plan_knows_what_others_have_changed_since_the_last(
    db: Connection, endpoint: Endpoint
) -> None:
    asked = "EXPLAIN SELECT note FROM changing WHERE customer = 1"
    index = "CREATE INDEX ASYNC by_its_customer ON printed.changing (customer)"
    with connect(endpoint) as other:
        other.autocommit = True
        set_up(
            other,
            (
                "CREATE TABLE printed.changing (id int PRIMARY KEY, customer int, note text)",
                "INSERT INTO printed.changing SELECT n, n, 'n' FROM generate_series(1, 2000) AS n",
                index,
                "ANALYZE printed.changing",
            ),
        )
        assert "Index Scan using by_its_customer" in lines_of(db, asked)[0]
        set_up(
            other,
            (
                "DROP INDEX printed.by_its_customer",
                f"{index} INCLUDE (note)",
                "ANALYZE printed.changing",
            ),
        )
        assert "Index Only Scan using by_its_customer" in lines_of(db, asked)[0]
        other.execute("ALTER TABLE printed.changing RENAME COLUMN note TO remark")
        with pytest.raises(psycopg.errors.SerializationFailure, match="OC001"):  # it is told, once
            lines_of(db, asked.replace("note", "remark"))
        renamed = lines_of(db, asked.replace("note", "remark"))
        assert any(line.strip() == "Projections: remark" for line in renamed)
        other.execute("DROP TABLE printed.changing")


def test_a_summary_is_there_where_it_is_asked_for(db: Connection) -> None:
    [_, planning] = lines_of(db, "EXPLAIN (SUMMARY) SELECT 1")
    assert planning.startswith("Planning Time: ")
    assert len(lines_of(db, "EXPLAIN (ANALYZE, SUMMARY OFF) SELECT 1")) == 1


def test_names_are_quoted_as_in_sql(db: Connection) -> None:
    db.execute('CREATE TABLE "Odd T" ("Na me" text PRIMARY KEY, "q" int)')
    sql = """SELECT "Na me", q FROM "Odd T" AS x WHERE "Na me" = 'it''s' AND q > 3"""
    assert shape(lines_of(db, f"EXPLAIN (VERBOSE) {sql}"))[:-1] == [
        'Index Only Scan using "Odd T_pkey" on printed."Odd T" x',
        '  Output: "Na me", q',
        """  Index Cond: (x."Na me" = 'it''s'::text)""",
        '  -> Storage Scan on "Odd T_pkey"',
        '      Projections: "Na me", q',
        "      Filters: (x.q > 3)",
        '      -> B-Tree Scan on "Odd T_pkey"',
        """          Index Cond: (x."Na me" = 'it''s'::text)""",
    ]


def test_another_format_is_postgresqls(db: Connection) -> None:
    [document] = lines_of(db, "EXPLAIN (FORMAT JSON) SELECT * FROM bare")
    assert document[0]["Plan"]["Node Type"] == "Seq Scan"

"""Rows scanned: every read counted once, whatever the plan prints of it."""

import pytest

from dsqlkit.plans.parse import parse_plan
from dsqlkit.plans.scans import rows_scanned, scans
from tests.plans.samples import dsql, postgres


@pytest.mark.parametrize(
    ("number", "scanned"),
    [("01", None), ("02", None), ("03", 120), ("04", 0), ("05", 6), ("06", 3), ("07", None)],
)
def test_rows_scanned_by_the_recorded_dsql_plans(number: str, scanned: int | None) -> None:
    assert rows_scanned(dsql(number)) == scanned


@pytest.mark.parametrize(
    ("name", "version", "scanned"),
    [
        ("select_1", 16, None),
        ("costs_off", 16, None),
        ("seq_scan_filter", 16, 20_000),
        ("index_only_scan", 16, 528),
        ("bitmap_and_or", 16, 80),
        ("nested_loop_memoize", 16, 67 + 5),
        ("append_partitions", 16, 2_002),
        ("never_executed", 16, 500),
        ("recursive", 16, 0),
        ("function_scans", 16, 0),
        ("one_time_filter", 16, 0),
        ("semi_anti", 16, 500 + 500 * 2),
        ("modifying_cte", 18, 3),
        ("costs_off_analyze", 18, 509),
        ("parallel", 18, 120_000),
    ],
)
def test_rows_scanned_by_postgres(name: str, version: int, scanned: int | None) -> None:
    assert rows_scanned(postgres(name, version)) == scanned


def _dsql_scan(scan: str, storage: str, b_tree: str, below: str = "") -> str:
    cost = "(cost=1.00..2.00 rows=9 width=4)"
    return (
        f"Index Scan using i on t  {cost} (actual time=0.1..0.2 {scan})\n"
        f"  -> Storage Scan on i {cost} (actual {storage})\n"
        f"      -> B-Tree Scan on i {cost} (actual {b_tree})\n{below}"
    )


@pytest.mark.parametrize(
    ("text", "read", "sent", "given"),
    [
        # Each layer drops some: the index reads 100, storage sends 40, the scan gives 10.
        (
            _dsql_scan(
                "rows=10 loops=1)\n  Filter: (a > 1)\n  Rows Removed by Filter: 30",
                "rows=40 loops=1)\n      Filters: (b > 1)\n      Rows Filtered: 60",
                "rows=100 loops=1",
            ),
            100,
            40,
            10,
        ),
        # The B-Tree Scan may be printed after its filter: what storage dropped was read too.
        (
            _dsql_scan(
                "rows=40 loops=1", "rows=40 loops=1)\n      Rows Filtered: 60", "rows=40 loops=1"
            ),
            100,
            40,
            40,
        ),
        # Averages over loops.
        (_dsql_scan("rows=2 loops=50", "rows=2 loops=50", "rows=3 loops=50"), 150, 100, 100),
        # One batch of keys serves many loops of the scan.
        (_dsql_scan("rows=1 loops=64", "rows=64 loops=1", "rows=64 loops=1"), 64, 64, 64),
        # Point reads of the table are of rows that the index read has counted.
        (
            _dsql_scan(
                "rows=3 loops=1",
                "rows=3 loops=1",
                "rows=3 loops=1",
                "  -> Storage Lookup on t (cost=1.00..2.00 rows=9 width=4)"
                " (actual rows=1000000000000 loops=3)\n",
            ),
            3,
            3,
            3,
        ),
    ],
    ids=["three layers", "filtered early", "loops", "batched", "lookups"],
)
def test_a_dsql_read_counts_once(text: str, read: int, sent: int, given: int) -> None:
    plan = parse_plan(text.replace("))", ")"))
    [scan] = scans(plan)
    assert (scan.read, scan.sent, scan.given) == (read, sent, given)
    assert rows_scanned(plan) == read


def test_a_recheck_of_a_bitmap_counts_what_it_dropped() -> None:
    plan = parse_plan(
        "Bitmap Heap Scan on t  (cost=1.00..2.00 rows=9 width=4) (actual rows=5 loops=2)\n"
        "  Recheck Cond: (k > 1)\n"
        "  Rows Removed by Index Recheck: 7\n"
        "  Filter: (a = 1)\n"
        "  Rows Removed by Filter: 3\n"
        "  ->  Bitmap Index Scan on i  (cost=1.00..2.00 rows=9 width=4) (actual rows=8 loops=2)\n"
    )
    assert rows_scanned(plan) == (5 + 7 + 3) * 2


def test_without_analyze_dsql_still_expects_what_each_layer_lets_through() -> None:
    [scan] = scans(dsql("01"))
    assert (scan.measured, scan.read, scan.sent, scan.given) == (False, 100_000, 66_666, 33_333)
    assert (scan.dropped, scan.dropped_late, scan.reads_all) == (66_667, 33_333, True)


def test_subplans_below_a_scan_are_scans_of_their_own() -> None:
    plan = postgres("hashed_subplan")
    assert [(scan.node.relation, scan.read) for scan in scans(plan)] == [
        ("customers", 500),
        ("orders", 20_000),
    ]


def test_what_a_look_up_filters_is_read_and_looked_up_but_not_sent() -> None:
    plan = parse_plan("""\
Index Scan using i on t  (cost=0.28..9.00 rows=5 width=8) (actual time=0.1..0.2 rows=3 loops=1)
  Index Cond: (a = 1)
  Filter: (b ~~ 'x%'::text)
  Rows Removed by Filter: 2
  -> Storage Scan on i  (cost=0.28..9.00 rows=5 width=8 loops=1) (actual rows=50 loops=1)
      -> B-Tree Scan on i  (cost=0.28..9.00 rows=5 width=8 loops=1) (actual rows=50 loops=1)
          Index Cond: (a = 1)
  -> Storage Lookup on t  (cost=0.28..9.00 rows=5 width=8 loops=1) (actual rows=5 loops=1)
      Filters: (c = 2)
      Rows Filtered: 45
      -> B-Tree Lookup on t  (cost=0.28..9.00 rows=5 width=8 loops=1) (actual rows=50 loops=1)
Planning Time: 0.1 ms
Execution Time: 0.2 ms""")
    [scan] = scans(plan)
    assert (scan.read, scan.sent, scan.given, scan.lookups) == (50, 5, 3, 50)

"""What changed between two plans."""

from decimal import Decimal

import pytest

from dsqlkit.plans.compare import compare, same_nodes
from dsqlkit.plans.model import Plan
from dsqlkit.plans.parse import parse_plan

WHOLE = """\
Full Scan (btree-table) on t  (cost=100.00..200.00 rows=9 width=4) (actual time=1..2 rows=5 loops=1)
  -> Storage Scan on t  (cost=100.00..200.00 rows=9 width=4) (actual rows=5 loops=1)
      Filters: (a = 1)
      Rows Filtered: 95
      -> B-Tree Scan on t  (cost=100.00..200.00 rows=9 width=4) (actual rows=100 loops=1)
Execution Time: 2.000 ms
Statement DPU Estimate:
  Compute: 0.50000 DPU
  Read: 0.10000 DPU
  Write: 0.00000 DPU
  Total: 0.60000 DPU"""

BY_KEY = """\
Index Only Scan using i on t  (cost=100.00..104.00 rows=5 width=4) (actual time=1..2 rows=5 loops=1)
  Index Cond: (a = 1)
  -> Storage Scan on i  (cost=100.00..104.00 rows=5 width=4 loops=1) (actual rows=5 loops=1)
      -> B-Tree Scan on i  (cost=100.00..104.00 rows=5 width=4 loops=1) (actual rows=5 loops=1)
          Index Cond: (a = 1)
Execution Time: 1.000 ms
Statement DPU Estimate:
  Compute: 0.90000 DPU
  Read: 0.01000 DPU
  Write: 0.00000 DPU
  Total: 0.91000 DPU"""


def test_a_plan_is_the_same_as_itself() -> None:
    same = compare([parse_plan(WHOLE)], [parse_plan(WHOLE)])
    assert same.changes == ()
    assert same.growth.rows_scanned == same.growth.dpu == Decimal(1)


def test_nodes_filters_and_figures_that_changed_are_told() -> None:
    found = compare([parse_plan(WHOLE)], [parse_plan(BY_KEY)])
    nodes = [(each.before, each.after) for each in found.changes if each.what == "node"]
    assert ("Storage Scan on t; Filters: (a = 1)", "Storage Scan on i") in nodes
    assert {each.what for each in found.changes} == {"node", "rows_scanned", "dpu", "execution_ms"}
    assert found.growth.rows_scanned == Decimal("0.05")
    assert found.growth.dpu == Decimal("0.1"), "without compute"


def test_growth_is_held_to_a_limit() -> None:
    worse = compare([parse_plan(BY_KEY)], [parse_plan(WHOLE)]).growth
    assert worse.above(Decimal("1.2")) == ("rows_scanned", "dpu")
    assert worse.above(Decimal(10)) == ("rows_scanned",)
    assert worse.above(Decimal(20)) == ()


def test_something_after_nothing_is_growth_without_end() -> None:
    none = WHOLE.replace("rows=100 loops", "rows=0 loops").replace("rows=5 loops", "rows=0 loops")
    none = none.replace("Rows Filtered: 95", "Rows Filtered: 0")
    assert compare([parse_plan(none)], [parse_plan(WHOLE)]).growth.above(Decimal(99)) == (
        "rows_scanned",
    )


def _runs(*times: str) -> list[Plan]:
    return [parse_plan(WHOLE.replace("Time: 2.000", f"Time: {time}")) for time in times]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (("2.000",), ("3.000",), ("2.000", "3.000")),
        (("2.000",), ("2.000",), None),
        (("2.0", "2.2", "2.4"), ("2.3", "2.5", "2.7"), None),
        (("2.0", "2.2", "2.4"), ("5.0", "5.2"), ("2.200 (spread 0.200)", "5.100 (spread 0.100)")),
    ],
)
def test_times_differ_where_they_are_further_apart_than_their_runs(
    before: tuple[str, ...], after: tuple[str, ...], told: tuple[str, str] | None
) -> None:
    found = compare(_runs(*before), _runs(*after))
    times = [(each.before, each.after) for each in found.changes if each.what == "execution_ms"]
    assert times == ([told] if told else [])


def test_nodes_stand_beside_each_other_where_they_are_the_same_too() -> None:
    found = compare([parse_plan(WHOLE)], [parse_plan(WHOLE)])
    assert [each.before for each in found.nodes] == [each.after for each in found.nodes]
    assert len(found.nodes) == 3
    both = compare([parse_plan(WHOLE)], [parse_plan(BY_KEY)]).nodes
    assert {each.before for each in both} >= {"Storage Scan on t; Filters: (a = 1)"}


def test_runs_of_one_statement_have_the_same_nodes() -> None:
    assert same_nodes(_runs("1.0", "2.0"))
    assert not same_nodes([parse_plan(WHOLE), parse_plan(BY_KEY)])

"""Own time: each node's time without that of the nodes it waited for."""

import pytest

from dsqlkit.plans.parse import parse_plan
from dsqlkit.plans.timing import node_times
from tests.plans.samples import Recorded, dsql, postgres, recorded


def _node(depth: int, name: str, ms: float, loops: int = 1, *below: str) -> str:
    arrow = " " * (6 * depth - 4) + "->  " if depth else ""
    column = " " * (6 * depth + 2)
    line = f"{arrow}{name}  (cost=1.00..2.00 rows=1 width=4) "
    line += f"(actual time=0.000..{ms:.3f} rows=1 loops={loops})"
    return "\n".join([line, *(column + text for text in below)])


def _own(*lines: str) -> dict[str, float | None]:
    times = node_times(parse_plan("\n".join(lines)))
    return {t.node.title: None if t.own_ms is None else round(t.own_ms, 3) for t in times.walk()}


def test_loops_are_counted() -> None:
    assert _own(
        _node(0, "Nested Loop", 10),
        _node(1, "Seq Scan on a", 1),
        _node(1, "Index Scan using i on b", 0.02, 300),
    ) == {"Nested Loop": 3.0, "Seq Scan on a": 1.0, "Index Scan using i on b": 6.0}


def test_below_a_gather_the_processes_run_side_by_side() -> None:
    assert _own(
        _node(0, "Gather", 10, 1, "Workers Planned: 2", "Workers Launched: 2"),
        _node(1, "Parallel Seq Scan on a", 8, 3),
    ) == {"Gather": 2.0, "Seq Scan on a": 8.0}


def test_a_single_copy_gather_runs_its_input_once() -> None:
    assert _own(
        _node(0, "Gather", 10, 1, "Workers Launched: 1", "Single Copy: true"),
        _node(1, "Seq Scan on a", 8, 1),
    ) == {"Gather": 2.0, "Seq Scan on a": 8.0}


def test_a_cte_is_part_of_the_scans_that_read_it() -> None:
    cte = "  CTE c\n    ->  Seq Scan on a  (cost=1.00..2.00 rows=1 width=4) "
    cte += "(actual time=0.000..6.000 rows=1 loops=1)"
    assert _own(
        _node(0, "Append", 20),
        cte,
        _node(1, "CTE Scan on c", 12),
        _node(1, "CTE Scan on c x", 6),
    ) == {"Append": 2.0, "Seq Scan on a": 6.0, "CTE Scan on c": 4.0}


@pytest.mark.parametrize(
    ("label", "mention"),
    [("InitPlan 1 (returns $0)", "(v > $0)"), ("InitPlan 1", "(v > (InitPlan 1).col1)")],
)
def test_an_init_plan_is_part_of_the_node_that_needs_it(label: str, mention: str) -> None:
    init = f"  {label}\n    ->  Seq Scan on a  (cost=1.00..2.00 rows=1 width=4) "
    init += "(actual time=0.000..6.000 rows=1 loops=1)"
    assert _own(
        _node(0, "Aggregate", 20),
        init,
        _node(1, "Seq Scan on b", 18, 1, f"Filter: {mention}"),
    ) == {"Aggregate": 2.0, "Seq Scan on a": 6.0, "Seq Scan on b": 12.0}


def test_a_subplan_is_part_of_its_owner() -> None:
    subplan = "  SubPlan 1\n    ->  Seq Scan on a  (cost=1.00..2.00 rows=1 width=4) "
    subplan += "(actual time=0.000..0.500 rows=1 loops=10)"
    assert _own(_node(0, "Seq Scan on b", 8), subplan) == {
        "Seq Scan on b": 3.0,
        "Seq Scan on a": 5.0,
    }


def test_storage_nodes_have_no_time_and_their_scan_has_all_of_it() -> None:
    limit, scan, *storage = node_times(dsql("06")).walk()
    assert limit.own_ms == pytest.approx(0.002)
    assert scan.own_ms == 1.595
    assert {(time.own_ms, time.share) for time in storage} == {(None, None)}
    assert scan.share == pytest.approx(1.595 / 1.597)


@pytest.mark.parametrize("case", recorded(), ids=lambda case: f"{case.version}-{case.name}")
def test_own_times_add_up_to_the_whole(case: Recorded) -> None:
    times = node_times(parse_plan(case.text))
    owns = [time.own_ms for time in times.walk()]
    if times.total_ms is None:
        assert set(owns) <= {None, 0.0}
    else:
        # Each node's time is printed as an average rounded to a thousandth of a millisecond.
        loops = sum(time.node.loops or 0 for time in times.walk())
        gathers = "Gather" in case.text  # workers start later and end earlier than the Gather
        slack = 0.001 * loops + 0.01 + (0.5 * times.total_ms if gathers else 0.0)
        assert sum(own or 0 for own in owns) == pytest.approx(times.total_ms, abs=slack)
        assert all((own or 0) >= 0 for own in owns)


def test_without_timing_no_time_is_made_up() -> None:
    times = node_times(postgres("merge_join"))
    assert {(t.total_ms, t.own_ms, t.share) for t in times.walk()} == {(None, None, None)}

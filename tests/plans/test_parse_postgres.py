"""Text plans of PostgreSQL 14 to 18, against what FORMAT JSON says of the same statements."""

import pytest

from dsqlkit.plans.model import Trigger
from dsqlkit.plans.node import Property
from dsqlkit.plans.parse import parse_plan
from tests.plans import postgres_json
from tests.plans.samples import Recorded, postgres, recorded


@pytest.mark.parametrize("case", recorded(), ids=lambda case: f"{case.version}-{case.name}")
def test_text_and_json_of_a_plan_agree(case: Recorded) -> None:
    plan = parse_plan(case.text)
    from_text = [postgres_json.from_text(node) for node in plan.walk()]
    from_json = [postgres_json.from_json(node) for node in postgres_json.walk(case.json["Plan"])]
    if "Gather" in case.text:  # how workers share the rows differs between the two runs
        from_text, from_json = (
            [node | {"rows": None} for node in n] for n in (from_text, from_json)
        )
    assert from_text == from_json
    assert dict(plan.settings) == case.json.get("Settings", {})
    calls = [trigger["Calls"] for trigger in case.json.get("Triggers", [])]
    assert [trigger.calls for trigger in plan.triggers] == calls


@pytest.mark.parametrize("case", recorded(), ids=lambda case: f"{case.version}-{case.name}")
def test_every_line_below_a_node_or_the_tree_is_understood(case: Recorded) -> None:
    plan = parse_plan(case.text)
    lines = [line for node in plan.walk() for line in node.properties] + list(plan.footer)
    without_label = {line.value for line in lines if not line.label}
    assert without_label <= {"Update on public.parts_1", "Update on public.parts_2"}


def test_workers_keep_their_own_lines() -> None:
    [sort] = [n for n in postgres("parallel_sort_verbose").walk() if n.node_type == "Sort"]
    workers = [line for line in sort.properties if line.label.startswith("Worker")]
    assert [line.label for line in workers] == ["Worker 0", "Worker 1"]
    assert [line.details[0].label for line in workers] == ["Sort Method", "Sort Method"]
    assert sort.values("Sort Method") == ("top-N heapsort  Memory: 25kB",)


def test_a_grouping_sets_sort_holds_its_groups() -> None:
    group = postgres("grouping_sets").root
    [sort_key] = [line for line in group.properties if line.label == "Sort Key"]
    assert [line.label for line in sort_key.details] == ["Group Key"]
    assert len(group.values("Group Key")) == 3


def test_triggers_are_read_whatever_their_names() -> None:
    [trigger] = postgres("update_triggers").triggers
    assert (trigger.name, trigger.calls) == ("on: change", 3)
    [constraint] = postgres("insert_fk_trigger").triggers
    assert constraint.name == "for constraint orders_customer_id_fkey"
    untimed = parse_plan("Result  (cost=0.00..0.01 rows=1 width=4)\nTrigger a: b: calls=2")
    assert untimed.triggers == (Trigger("a: b", 2, None),)


def test_the_jit_block_is_kept_apart_from_the_times() -> None:
    plan = postgres("jit", version=15)
    assert [line.label for line in plan.jit] == ["Functions", "Options", "Timing"]
    assert plan.execution_ms is not None


def test_a_condition_may_hold_newlines_arrows_and_colons() -> None:
    [scan] = postgres("string_with_newline").walk()
    condition = scan.value("Filter") or ""
    assert "two\nlines\n  -> Seq Scan on x" in condition
    [scan] = postgres("quoted_names").walk()
    assert (scan.schema, scan.relation, scan.alias) == ("public", "My Table", "My Alias")
    assert "'x''5: (cost=1)'" in (scan.value("Filter") or "")


def test_never_executed_nodes_have_run_no_loop_and_given_no_row() -> None:
    idle = [node for node in postgres("never_executed").walk() if node.never_executed]
    assert [node.node_type for node in idle] == ["Bitmap Heap Scan", "Bitmap Index Scan"]
    assert {(node.loops, node.rows_total, node.actual) for node in idle} == {(0, 0, None)}


def test_without_costs_and_times_the_tree_is_still_there() -> None:
    plan = postgres("costs_off")
    assert [node.node_type for node in plan.walk()].count("Hash Join") == 1
    assert not plan.analyzed
    assert all(node.cost is None and node.loops is None for node in plan.walk())
    bare = postgres("costs_off_analyze")
    assert bare.analyzed
    assert all(node.actual and node.actual.total_ms is None for node in bare.walk())
    assert bare.execution_ms is None


def test_postgres_18_prints_fractions_of_a_row() -> None:
    [table] = [n for n in postgres("recursive", version=18).walk() if "WorkTable" in n.node_type]
    assert table.actual is not None
    assert (table.actual.rows, table.rows_total) == (0.9, 9)


def test_buffers_of_planning_do_not_hide_the_planning_time() -> None:
    plan = postgres("index_only_scan", version=18)
    assert plan.planning_ms is not None
    [planning] = [line for line in plan.footer if line.label == "Planning"]
    assert planning.value == ""
    assert planning.details[0].label == "Buffers"


def test_a_plan_that_writes_says_so_even_in_a_cte() -> None:
    assert postgres("modifying_cte").writes
    assert postgres("merge").writes
    assert not postgres("lock_rows").writes


def test_partitions_that_an_update_names_are_kept() -> None:
    assert postgres("update_partitions").root.properties[:2] == (
        Property("", "Update on public.parts_1"),
        Property("", "Update on public.parts_2"),
    )

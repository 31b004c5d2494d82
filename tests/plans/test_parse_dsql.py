"""The recorded plans of Aurora DSQL, and what else its layout allows."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from dsqlkit.plans.model import DpuAmount
from dsqlkit.plans.node import PlanNode
from dsqlkit.plans.parse import parse_plan
from tests.plans.samples import dsql, dsql_text


def _outline(node: PlanNode, depth: int = 0) -> list[str]:
    below = [line for child in node.children for line in _outline(child, depth + 1)]
    label = f"{node.label}: " if node.label else ""
    return ["  " * depth + label + node.title, *below]


@pytest.mark.parametrize(
    ("number", "outline"),
    [
        (
            "01",
            [
                "Full Scan (btree-table) on transaction",
                "  Storage Scan on transaction",
                "    B-Tree Scan on transaction",
            ],
        ),
        (
            "02",
            [
                "Index Only Scan using idx1 on account",
                "  Storage Scan on idx1",
                "    B-Tree Scan on idx1",
            ],
        ),
        (
            "03",
            [
                "Index Only Scan using test_table_pkey on test_table",
                "  Storage Scan on test_table_pkey",
                "    B-Tree Scan on test_table_pkey",
            ],
        ),
        ("04", ["Insert on test_table", '  Values Scan on "*VALUES*"']),
        (
            "05",
            [
                "Limit",
                "  Sort",
                "    Full Scan (btree-table) on transactions",
                "      Storage Scan on transactions",
                "        B-Tree Scan on transactions",
            ],
        ),
        (
            "06",
            [
                "Limit",
                "  Index Scan Backward using idx_transactions_payer on transactions",
                "    Storage Scan on idx_transactions_payer",
                "      B-Tree Scan on idx_transactions_payer",
                "    Storage Lookup on transactions",
                "      B-Tree Lookup on transactions",
            ],
        ),
        (
            "07",
            [
                "Sort",
                "  CTE candidates: Limit",
                "    Limit",
                "      Index Only Scan using idx_workflow_dispatch_queue on workflow_dispatch",
                "        Storage Scan on idx_workflow_dispatch_queue",
                "          B-Tree Scan on idx_workflow_dispatch_queue",
                "  Nested Loop (Batched Join)",
                "    CTE Scan on candidates",
                "    Index Only Scan using workflow_dispatch_pkey on workflow_dispatch",
                "      Storage Scan on workflow_dispatch_pkey",
                "        B-Tree Scan on workflow_dispatch_pkey",
            ],
        ),
    ],
)
def test_the_trees_of_the_recorded_plans(number: str, outline: list[str]) -> None:
    assert _outline(dsql(number).root) == outline


def test_the_three_filter_layers_stay_with_their_nodes() -> None:
    scan, storage, b_tree = dsql("02").walk()
    key = "(customer_id = '4b18a761-5870-4d7c-95ce-0a48eca3fceb'::uuid)"
    assert (scan.value("Index Cond"), b_tree.value("Index Cond")) == (key, key)
    assert scan.value("Filter") == "(balance > '100'::numeric)"
    assert storage.value("Filters") == "((status)::text = 'pending'::text)"
    assert storage.value("Projections") == "balance"


def test_a_storage_node_names_an_index_only_where_its_scan_uses_it() -> None:
    _, scan, storage, b_tree, lookup, b_tree_lookup = dsql("06").walk()
    assert {node.index for node in (scan, storage, b_tree)} == {"idx_transactions_payer"}
    assert (storage.relation, b_tree.relation) == (None, None)
    assert (lookup.relation, b_tree_lookup.relation) == ("transactions", "transactions")
    assert (lookup.index, b_tree_lookup.index) == (None, None)


def test_storage_nodes_have_rows_and_no_times() -> None:
    [storage] = [node for node in dsql("05").walk() if node.node_type == "Storage Scan"]
    assert storage.actual is not None
    assert (storage.actual.rows, storage.actual.loops) == (6, 1)
    assert storage.actual.total_ms is None
    assert storage.count("Rows Filtered") == 0
    assert [node.cost.loops for node in dsql("07").walk() if node.cost and node.cost.loops] == [
        1
    ] * 4


def test_verbose_names_are_taken_apart() -> None:
    scan = dsql("03").root
    assert (scan.schema, scan.relation, scan.index) == ("public", "test_table", "test_table_pkey")
    joined = [node for node in dsql("07").walk() if node.alias]
    assert [(node.relation, node.alias) for node in joined] == [("workflow_dispatch", "intent")]


def test_the_dpu_estimate_has_its_minimums() -> None:
    plan = dsql("04")
    assert plan.dpu is not None
    assert dict(plan.dpu.parts) == {
        "compute": DpuAmount(Decimal("0.01550")),
        "read": DpuAmount(Decimal("0.00307"), Decimal("0.00375")),
        "write": DpuAmount(Decimal("0.01875"), Decimal("0.05000")),
    }
    assert plan.dpu.total == Decimal("0.03732")
    assert (plan.query_identifier, plan.planning_ms, plan.execution_ms) == (
        "jtkjkexhjotbo",
        0.068,
        0.543,
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n  ", "\n"),
        lambda text: text.replace(": 0.", ":       0."),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("  Write", "  MultiRegionWrite: 0.00100 DPU\n  Write"),
    ],
    ids=["no indentation", "padded", "carriage returns", "multi-Region"],
)
def test_the_dpu_estimate_is_read_from_other_layouts(change: Callable[[str], str]) -> None:
    head, footer = dsql_text("04").split("Query Identifier")
    plan = parse_plan(head + change("Query Identifier" + footer))
    assert plan.dpu is not None
    assert plan.dpu.total == Decimal("0.03732")
    assert plan.dpu.parts["write"].minimum == Decimal("0.05000")


@pytest.mark.parametrize("number", ["01", "02", "05", "06", "07"])
def test_a_plan_without_verbose_has_no_dpu(number: str) -> None:
    assert dsql(number).dpu is None


def test_times_and_settings_are_absent_where_they_were_not_printed() -> None:
    plan = dsql("01")
    assert (plan.planning_ms, plan.execution_ms, plan.query_identifier) == (None, None, None)
    assert (dict(plan.settings), plan.jit, plan.triggers) == ({}, (), ())


def test_indentation_is_compared_and_not_counted() -> None:
    text = """\
 Index Scan using i on t  (cost=100.54..208.56 rows=2 width=36)
     Filter: (a > 1)
     Index Cond: (b = 1)
     -> Storage Scan on i (cost=100.54..208.56 rows=2 width=36)
           Projections: a
               -> B-Tree Scan on i (cost=100.54..208.56 rows=2 width=36)
                 Index Cond: (b = 1)
     -> Storage Lookup on t (cost=100.54..208.56 rows=2 width=36)
           -> B-Tree Lookup on t (cost=100.54..208.56 rows=2 width=36)
Planning Time: 0.118 ms
"""
    plan = parse_plan(text)
    assert _outline(plan.root) == [
        "Index Scan using i on t",
        "  Storage Scan on i",
        "    B-Tree Scan on i",
        "  Storage Lookup on t",
        "    B-Tree Lookup on t",
    ]
    assert plan.planning_ms == 0.118


def test_node_types_of_a_later_release_are_taken_as_they_are() -> None:
    text = """\
Vector Index Scan (hnsw) using v on items i  (cost=1.00..2.00 rows=3 width=4 loops=1)
  New Line: whatever, (even) this
  -> Storage Merge-Scan on v (cost=1.00..2.00 rows=3 width=4) (actual rows=3 loops=2)
"""
    scan, storage = parse_plan(text).walk()
    assert (scan.node_type, scan.variant, scan.index, scan.relation, scan.alias) == (
        "Vector Index Scan",
        "hnsw",
        "v",
        "items",
        "i",
    )
    assert scan.value("New Line") == "whatever, (even) this"
    assert storage.rows_total == 6


def test_a_table_named_as_an_index_above_is_still_a_table() -> None:
    plan = parse_plan(
        "Nested Loop\n"
        "  ->  Index Only Scan using same on t\n"
        "        ->  Full Scan (btree-table) on same\n"
        "              -> Storage Scan on same\n"
    )
    storage = list(plan.walk())[-1]
    assert (storage.relation, storage.index) == ("same", None)


def test_numbers_of_more_than_20_digits_are_read() -> None:
    plan = parse_plan("""\
Aggregate  (cost=22500012500012503138304.00..22500012500012503138304.00 rows=1 width=8)
  ->  Nested Loop  (cost=0.20..12500012500012501041152.00 rows=999999999999999983222784 width=16)
        ->  Seq Scan on a  (cost=0.00..1.00 rows=1 width=4)
        ->  Seq Scan on b  (cost=0.00..1.00 rows=1 width=4)""")
    assert plan.root.node_type == "Aggregate"
    [join] = plan.root.children
    assert join.node_type == "Nested Loop"
    assert join.cost is not None
    assert join.cost.rows == 999999999999999983222784

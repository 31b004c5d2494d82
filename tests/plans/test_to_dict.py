"""The JSON of a plan: stable keys, None where the plan does not say."""

import json

from dsqlkit.plans.result import ExplainResult, read_result
from dsqlkit.plans.to_dict import to_dict
from tests.plans.samples import dsql_text


def _document(number: str) -> dict[str, object]:
    result: ExplainResult = read_result(dsql_text(number))
    document: dict[str, object] = json.loads(json.dumps(to_dict(result), allow_nan=False))
    return document


def test_the_document_of_an_analyzed_plan() -> None:
    document = _document("05")
    assert {key: document[key] for key in document if key not in ("plan", "findings")} == {
        "execution_ms": 0.679,
        "planning_ms": 0.121,
        "rows": 5,
        "rows_scanned": 6,
        "dpu": None,
        "rolled_back": False,
    }
    assert document["findings"] == []


def test_a_plan_that_was_not_run_has_no_figures_of_a_run() -> None:
    document = _document("01")
    for key in ("execution_ms", "planning_ms", "rows", "rows_scanned", "dpu"):
        assert document[key] is None
    plan = document["plan"]
    assert isinstance(plan, dict)
    for key in ("rows", "loops", "rows_removed", "total_ms", "own_ms", "share"):
        assert plan[key] is None
    assert plan["rows_expected"] == 33_333


def test_the_node_of_a_scan() -> None:
    plan = _document("06")["plan"]
    assert isinstance(plan, dict)
    assert plan["node"] == "Limit"
    [scan] = plan["children"]
    children = scan.pop("children")
    assert scan == {
        "node": "Index Scan",
        "variant": None,
        "label": None,
        "relation": "transactions",
        "schema": None,
        "alias": None,
        "index": "idx_transactions_payer",
        "parallel": False,
        "backward": True,
        "rows": 3,
        "rows_expected": 2,
        "rows_removed": 0,
        "loops": 1,
        "total_ms": 1.595,
        "own_ms": 1.595,
        "share": 0.9987,
        "cost": {"startup": 100.54, "total": 208.56},
        "width": 36,
        "properties": [{"label": "Index Cond", "value": "(payer_id = 1)", "details": []}],
    }
    assert [child["node"] for child in children] == ["Storage Scan", "Storage Lookup"]


def test_the_dpu_estimate_keeps_its_minimums_apart() -> None:
    assert _document("04")["dpu"] == {
        "compute": 0.0155,
        "read": 0.00307,
        "write": 0.01875,
        "total": 0.03732,
        "minimums": {"read": 0.00375, "write": 0.05},
    }


def test_each_part_of_the_dpu_is_a_key_of_one_word() -> None:
    label, amount = "Multi-Region Write", "0.01748 DPU (Transaction minimum: 0.05000)"
    text = dsql_text("04").replace("  Total: ", f"  {label}: {amount}\n  Total: ")
    dpu = to_dict(read_result(text))["dpu"]
    assert dpu["multi_region_write"] == 0.01748
    assert dpu["minimums"] == {"read": 0.00375, "write": 0.05, "multi_region_write": 0.05}


def test_a_finding_names_its_node() -> None:
    findings = _document("06")["findings"]
    assert isinstance(findings, list)
    [finding] = findings
    assert finding.keys() == {"code", "severity", "node", "observed", "why", "advice"}
    assert finding["code"] == "storage_lookup"
    assert finding["severity"] == "low"
    assert finding["node"] == "Index Scan Backward using idx_transactions_payer on transactions"

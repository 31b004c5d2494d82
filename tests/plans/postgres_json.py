"""What PostgreSQL's FORMAT JSON says of a plan, in the words of its text format.

The rules are those of `ExplainNode` in PostgreSQL's explain.c, written down a second time and the
other way around, so that a mistake in the reader of text shows as a difference.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from dsqlkit.plans.node import Cost, PlanNode

_AGGREGATES = {
    "Plain": "Aggregate",
    "Sorted": "GroupAggregate",
    "Hashed": "HashAggregate",
    "Mixed": "MixedAggregate",
}
_SAME_IN_TEXT = (
    "Filter",
    "Index Cond",
    "Recheck Cond",
    "Hash Cond",
    "Merge Cond",
    "Join Filter",
    "One-Time Filter",
    "TID Cond",
    "Cache Key",
    "Function Call",
    "Conflict Resolution",
)
_LISTS = ("Output", "Presorted Key", "Conflict Arbiter Indexes")
_COUNTS = ("Rows Removed by Filter", "Rows Removed by Index Recheck", "Heap Fetches")


def from_json(node: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of one JSON node that its text states too."""
    facts: dict[str, Any] = {
        "node_type": _node_type(node),
        "parallel": node["Parallel Aware"],
        "backward": node.get("Scan Direction") == "Backward",
        "index": node.get("Index Name"),
        "schema": node.get("Schema"),
        "relation": _relation(node),
        "alias": _alias(node),
        "label": node.get("Subplan Name"),
        "cost": _cost(node),
        "never_executed": "Actual Loops" in node and node["Actual Loops"] == 0,
        "loops": node.get("Actual Loops"),
        "rows": node.get("Actual Rows", 0),
        "children": len(node.get("Plans", [])),
    }
    for label in _SAME_IN_TEXT:
        facts[label] = node.get(label)
    for label in _LISTS:
        facts[label] = ", ".join(node[label]) if label in node else None
    # Text leaves out a count of zero; never executed nodes have none in text either.
    for label in _COUNTS:
        facts[label] = float(node.get(label, 0))
    return facts


def from_text(node: PlanNode) -> dict[str, Any]:
    """The same facts of the node that was read from text."""
    facts: dict[str, Any] = {
        "node_type": node.node_type,
        "parallel": node.parallel,
        "backward": node.backward,
        "index": node.index,
        "schema": node.schema,
        "relation": node.relation,
        "alias": node.alias,
        "label": node.label,
        "cost": node.cost,
        "never_executed": node.never_executed,
        "loops": node.loops,
        "rows": node.actual.rows if node.actual else 0,
        "children": len(node.children),
    }
    for label in (*_SAME_IN_TEXT, *_LISTS):
        facts[label] = node.value(label)
    for label in _COUNTS:
        facts[label] = node.count(label)
    return facts


def walk(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The JSON node and all below it, in the order in which text prints them."""
    yield node
    for child in node.get("Plans", []):
        yield from walk(child)


def _node_type(node: Mapping[str, Any]) -> str:
    kind: str = node["Node Type"]
    if kind == "ModifyTable":
        return str(node["Operation"])
    if kind == "Aggregate":
        mode = node["Partial Mode"]
        return ("" if mode == "Simple" else mode + " ") + _AGGREGATES[node["Strategy"]]
    if kind == "SetOp":
        prefix = "HashSetOp" if node["Strategy"] == "Hashed" else "SetOp"
        return f"{prefix} {node['Command']}"
    join = node.get("Join Type", "Inner")
    if kind == "Nested Loop":
        return kind if join == "Inner" else f"Nested Loop {join} Join"
    if kind in ("Hash Join", "Merge Join") and join != "Inner":
        return kind.replace("Join", f"{join} Join")
    return kind


def _relation(node: Mapping[str, Any]) -> str | None:
    for key in ("Relation Name", "CTE Name", "Function Name"):
        if key in node:
            return str(node[key])
    return node.get("Alias")


def _alias(node: Mapping[str, Any]) -> str | None:
    alias = node.get("Alias")
    return None if alias == _relation(node) else alias


def _cost(node: Mapping[str, Any]) -> Cost | None:
    if "Total Cost" not in node:
        return None
    return Cost(
        node["Startup Cost"], node["Total Cost"], int(node["Plan Rows"]), node["Plan Width"]
    )

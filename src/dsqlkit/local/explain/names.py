"""What PostgreSQL calls a node of a plan in text, of its properties in a document (explain.c)."""

import re
from typing import Final

from dsqlkit.local.explain.conditions import quote
from dsqlkit.local.explain.document import Node

_AGGREGATES: Final = {
    "Plain": "Aggregate",
    "Sorted": "GroupAggregate",
    "Hashed": "HashAggregate",
    "Mixed": "MixedAggregate",
}
_FROM: Final = (
    "Relation Name",
    "CTE Name",
    "Function Name",
    "Table Function Name",
    "Tuplestore Name",
)
_NUMBERED: Final = re.compile(r"(?:CTE|InitPlan|SubPlan) ")


def kind_of(node: Node) -> str:
    """The name of a node that is no scan of a table."""
    kind = str(node["Node Type"])
    if kind == "Aggregate":
        kind = _AGGREGATES[node["Strategy"]]
        partial = node.get("Partial Mode", "Simple")
        kind = kind if partial == "Simple" else f"{partial} {kind}"
    elif kind == "SetOp":
        kind = ("HashSetOp" if node["Strategy"] == "Hashed" else "SetOp") + f" {node['Command']}"
    elif kind == "ModifyTable":
        kind = str(node["Operation"])
    elif kind in ("Hash Join", "Merge Join", "Nested Loop") and node["Join Type"] != "Inner":
        kind = f"{kind.removesuffix(' Join')} {node['Join Type']} Join"
    return kind


def target_of(node: Node, *, verbose: bool) -> str:
    """What a node reads or writes, with the words before it; empty where it names nothing."""
    name = next((node[key] for key in _FROM if key in node), None)
    alias = node.get("Alias")
    if name is None:
        return f" on {quote(alias)}" if alias is not None else ""
    schema = f"{quote(node['Schema'])}." if verbose and "Schema" in node else ""
    also = f" {quote(alias)}" if alias is not None and alias != name else ""
    return f" on {schema}{quote(name)}{also}"


def label_of(node: Node) -> str | None:
    """The line before a node that is computed for another: a CTE, an InitPlan, a SubPlan."""
    label = node.get("Subplan Name")
    return label if label is not None and _NUMBERED.match(label) else None

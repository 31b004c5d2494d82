"""Sorts that the order of a key makes needless. Pure.

PostgreSQL sorts the rows of a small table, as that is cheaper there than to read an index of it. On
DSQL the table is its primary key's B-tree, whose rows come in that order, from either end.
"""

import re
from collections.abc import Mapping

from dsqlkit.local.explain.conditions import NAME, quote, unquote
from dsqlkit.local.explain.document import Node
from dsqlkit.local.explain.facts import Table


def without_needless_sorts(
    plan: Node, tables: Mapping[tuple[str, str], Table], above: Node | None = None
) -> Node:
    """The plan with scans in the order of their key in place of sorts by it."""
    below = plan.get("Plans")
    if not below:
        return plan
    told = {**plan, "Plans": [without_needless_sorts(child, tables, plan) for child in below]}
    if plan["Node Type"] != "Sort" or len(below) > 1 or below[0]["Node Type"] != "Seq Scan":
        return told
    scan = below[0]
    direction = _direction(plan["Sort Key"], scan, tables)
    # Of a LIMIT with a filter nobody knows how far the scan would have to go.
    is_cut = (
        above is not None
        and above["Node Type"] == "Limit"
        and plan["Parent Relationship"] == "Outer"  # and not a CTE's
    )
    if direction is None or (is_cut and "Filter" in scan):
        return told
    placed = {name: plan[name] for name in ("Parent Relationship", "Subplan Name") if name in plan}
    read = {"Actual Rows": plan["Actual Rows"]} if is_cut and "Actual Rows" in plan else {}
    return {**scan, **placed, **read, "Scan Direction": direction}


def _direction(keys: list[str], scan: Node, tables: Mapping[tuple[str, str], Table]) -> str | None:
    """The direction in which the table's key has this order, if it has."""
    table = tables.get((scan["Schema"], scan["Relation Name"]))
    key = () if table is None else table.key[: len(keys)]
    column = re.compile(rf"{re.escape(quote(scan['Alias']))}\.({NAME})")
    for ending, direction in (("", "Forward"), (" DESC", "Backward")):
        found = [column.fullmatch(each.removesuffix(ending)) for each in keys]
        if all(each.endswith(ending) for each in keys) and key == tuple(
            match and unquote(match[1]) for match in found
        ):
            return direction
    return None

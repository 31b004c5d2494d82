"""A plan without what is the endpoint's own, which views of the catalog read. Pure.

The catalog's views show indexes that are still to come (server/sql/seen.sql), which a cluster has
in its catalog: what reads those leaves the plan. Of all else only the schema's name does.
"""

import re
from typing import Final

from dsqlkit.local.dialect.catalog import OWN_SCHEMA
from dsqlkit.local.explain.conditions import conjuncts, joined
from dsqlkit.local.explain.document import Node
from dsqlkit.local.explain.scans import walk

_APPENDS: Final = ("Append", "Merge Append")
_CONDITIONS: Final = (" Cond", "Filter")
"""How the names of conditions end."""
_PARAMETER: Final = re.compile(r"\$\d+")
_PLACE: Final = ("Parent Relationship", "Subplan Name")
"""What a node is to the one above it."""
_QUALIFIED: Final = re.compile(rf"'[^']*(?:''[^']*)*'|\b{OWN_SCHEMA}(?:_\w+)?\.")


def without_own_branches(plan: Node) -> Node:
    """The plan without what reads tables of the endpoint's beside PostgreSQL's own: branches, and
    values that conditions compare with, which leave the conditions."""
    if not _is_own(plan):
        return plan
    values = (str(node["Subplan Name"]) for node, _ in walk(plan) if _is_own_value(node))
    return _without(plan, frozenset(each for name in values for each in _PARAMETER.findall(name)))


def _without(node: Node, values: frozenset[str]) -> Node:
    node = _without_conditions(node, values) if values else node
    if not node.get("Plans"):
        return node
    below = [_without(child, values) for child in node["Plans"] if not _is_own_value(child)]
    if node["Node Type"] in _APPENDS:
        kept = [child for child in below if not _is_own(child)]
        if len(kept) == 1 < len(below):
            place = {name: node[name] for name in _PLACE if name in node}
            only = {name: value for name, value in kept[0].items() if name not in _PLACE}
            return {**only, **place}
        below = kept or below
    return {**node, "Plans": below}


def _without_conditions(node: Node, values: frozenset[str]) -> Node:
    told = {}
    for name, value in node.items():
        if name.endswith(_CONDITIONS):
            kept = [
                each for each in conjuncts(value) if values.isdisjoint(_PARAMETER.findall(each))
            ]
            if not kept:
                continue
            told[name] = joined(kept)
        else:
            told[name] = value
    return told


def without_own_names(line: str) -> str:
    """A line of a plan without the names of the endpoint's schemas; literals stay."""
    if OWN_SCHEMA not in line:
        return line
    return _QUALIFIED.sub(lambda found: found[0] if found[0].startswith("'") else "", line)


def _is_own(plan: Node) -> bool:
    return any(node.get("Schema") == OWN_SCHEMA for node, _ in walk(plan))


def _is_own_value(node: Node) -> bool:
    """Whether it is computed beforehand, and from tables of the endpoint's."""
    return str(node.get("Subplan Name")).startswith("InitPlan") and _is_own(node)

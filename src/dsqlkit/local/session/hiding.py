"""A plan without what is the endpoint's own, which views of the catalog read. Pure.

The catalog's views show indexes that are still to come (server/sql/seen.sql), which a cluster has
in its catalog: what reads those leaves the plan. Of all else only the schema's name does.
"""

import re
from typing import Final

from dsqlkit.local.dialect.catalog import OWN_SCHEMA
from dsqlkit.local.explain.document import Node
from dsqlkit.local.explain.scans import walk

_APPENDS: Final = ("Append", "Merge Append")
_PLACE: Final = ("Parent Relationship", "Subplan Name")
"""What a node is to the one above it."""
_QUALIFIED: Final = re.compile(rf"'(?:[^']|'')*'|\b{OWN_SCHEMA}(?:_\w+)?\.")


def without_own_branches(node: Node) -> Node:
    """The plan without the branches that read tables of the endpoint's beside PostgreSQL's own."""
    below = [without_own_branches(child) for child in node.get("Plans") or ()]
    if not below:
        return node
    if node["Node Type"] in _APPENDS:
        kept = [child for child in below if not _is_own(child)]
        if len(kept) == 1 < len(below):
            place = {name: node[name] for name in _PLACE if name in node}
            only = {name: value for name, value in kept[0].items() if name not in _PLACE}
            return {**only, **place}
        below = kept or below
    return {**node, "Plans": below}


def without_own_names(line: str) -> str:
    """A line of a plan without the names of the endpoint's schemas; literals stay."""
    if OWN_SCHEMA not in line:
        return line
    return _QUALIFIED.sub(lambda found: found[0] if found[0].startswith("'") else "", line)


def _is_own(plan: Node) -> bool:
    return any(node.get("Schema") == OWN_SCHEMA for node, _ in walk(plan))

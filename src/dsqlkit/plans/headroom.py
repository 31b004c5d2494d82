"""Whether a measured plan leaves room for an index at all. Pure.

Looking for one takes the statement's parse and the tables' statistics; most plans by a key say
already that there is nothing to find.
"""

from typing import Final

from dsqlkit.plans.names import column_names
from dsqlkit.plans.result import ExplainResult
from dsqlkit.plans.scans import STORAGE_NODES, Scan, index_condition, is_scan, scans

WORTH_ROWS: Final = 100
"""Fewer rows, read or looked up in vain, are not worth an index."""

_PLAIN: Final = frozenset({"Sort", "Result", "Insert", "Update", "Delete"})
"""Nodes that read all they are given: no index makes them read less."""


def leaves_room(result: ExplainResult) -> bool:
    """Whether an index might make the statement read noticeably less.

    It does not where nothing was found, one scan reads hardly more than it gives and looks up
    hardly anything, and an index that it reads by a condition is entered by its first column.
    """
    plan = result.plan
    found = tuple(scans(plan))
    nodes = [node for node in plan.walk() if node.node_type not in STORAGE_NODES]
    if result.findings or plan.triggers or len(found) > 1:
        return True
    if any(node.node_type not in _PLAIN and not is_scan(node) for node in nodes):
        return True
    return any(_reads_in_vain(scan, result) for scan in found)


def _reads_in_vain(scan: Scan, result: ExplainResult) -> bool:
    if scan.dropped >= WORTH_ROWS or scan.lookups >= WORTH_ROWS:
        return True
    condition = index_condition(scan.node)
    if condition is None:
        return False
    table = result.catalog.table_of(scan.node)
    index = None if table is None else table.index(scan.node.index)
    if index is None or index.condition is not None:
        return True
    return index.key[0] not in column_names(condition)

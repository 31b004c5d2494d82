"""Findings about nodes as they stand together: estimates, joins, sorts."""

import re
from collections.abc import Iterator
from typing import Final

from dsqlkit.plans.findings import FAR_OFF, FEW_ROWS, OFF, Finding, Severity, count, shortened
from dsqlkit.plans.names import sql_name
from dsqlkit.plans.node import PlanNode
from dsqlkit.plans.scans import STORAGE_NODES, is_scan, rows_read_below

_JUDGED: Final = re.compile(r"(?:.+ )?(?:Scan|Join|Nested Loop)")
_NOT_JUDGED: Final = re.compile(r"(?:CTE|WorkTable|Function|Subquery|Values|Bitmap Index) Scan")
"""Their rows are those of another node, or nothing has statistics of them."""
_TAKES_ALL: Final = re.compile(r"Sort|Hash|(?:.+ )?\w*Aggregate")
_MAY_STOP: Final = re.compile(r"Limit|.+ (?:Semi|Anti) Join|Merge (?:.+ )?Join")

_WORTH_A_WORD: Final = 0.05
"""A sort of less than this share of the rows read is not worth an index of its own."""

_NAME: Final = r'(?:\w+|"(?:[^"]|"")+")'
_SORT_KEY: Final = re.compile(rf"(?:{_NAME}\.)?(?P<column>{_NAME})(?P<descending> DESC)?")


def estimates_off(node: PlanNode, *, may_stop: bool = False) -> Iterator[Finding]:
    """Where the planner expected 5 or 50 times too many rows or too few: on each branch the lowest
    such node only, as those above inherit its error.

    `may_stop`: something above stops once it has enough, a LIMIT perhaps; then fewer rows than
    expected are no error.
    """
    stop_below = bool(_MAY_STOP.fullmatch(node.node_type)) or (
        may_stop and not _TAKES_ALL.fullmatch(node.node_type)
    )
    # A hash join whose one side is empty ends the other after its first row.
    stop_below = stop_below or any(
        child.node_type == "Hash" and child.rows_total == 0 for child in node.inputs
    )
    below = [
        finding
        for child in node.children
        if child.node_type not in STORAGE_NODES
        for finding in estimates_off(child, may_stop=stop_below or child.label is not None)
    ]
    yield from below
    if not below:
        yield from filter(None, [_estimate_off(node, may_stop=may_stop)])


def _estimate_off(node: PlanNode, *, may_stop: bool) -> Finding | None:
    if not node.cost or not node.actual or not _JUDGED.fullmatch(node.node_type):
        return None
    expected, found = max(node.cost.rows, 1), max(node.actual.rows, 1)
    factor = max(expected / found, found / expected)
    urgent = max(expected, found) * node.actual.loops >= FEW_ROWS
    excused = may_stop and found < expected
    if factor < OFF or excused or not urgent or _NOT_JUDGED.fullmatch(node.node_type):
        return None
    table = sql_name(node.relation) if is_scan(node) and node.relation else None
    advice = (
        f"Run ANALYZE {table}. If the estimate stays wrong, the condition is one that statistics "
        "do not cover: an expression, or columns that depend on each other."
        if table
        else "If the tables below changed much since, run ANALYZE on them. The planner takes "
        "conditions of several tables for independent of each other, which ANALYZE does not mend."
    )
    times = " each time" if node.actual.loops > 1 else ""
    return Finding(
        code="estimate_off",
        severity=Severity.MEDIUM if factor >= FAR_OFF else Severity.LOW,
        node=node,
        observed=f"{node.title} was expected to give {count(node.cost.rows)}{times} and gave "
        f"{round(node.actual.rows):,}: {factor:,.0f} times "
        f"{'more' if found > expected else 'fewer'}.",
        why="The planner chooses indexes and joins by these numbers.",
        advice=advice,
    )


def sorts(root: PlanNode) -> Iterator[Finding]:
    """Sorts of one table's rows whose first few are asked for, by an order that an index gives."""
    all_read = rows_read_below(root) if root.loops is not None else 0
    for node in root.walk():
        for child in node.inputs:
            if node.node_type == "Limit" and child.node_type == "Sort":
                yield from filter(None, [_sort(child, all_read)])


def _sort(node: PlanNode, all_read: float) -> Finding | None:
    columns = _one_way_columns(node.value("Sort Key"))
    scan = next(iter(node.inputs), None)
    if not columns or scan is None or not is_scan(scan):
        return None
    rows = scan.rows_total if scan.actual else scan.cost.rows if scan.cost else 0
    share = (rows or 0) / all_read if all_read else None
    if (rows or 0) < FEW_ROWS or (share is not None and share < _WORTH_A_WORD):
        return None
    table = sql_name(scan.relation or scan.index or "")
    return Finding(
        code="sort",
        severity=Severity.of(share, rows or 0),
        node=node,
        observed=f"{count(rows or 0)} of {table} are sorted by "
        f"{shortened(node.value('Sort Key') or '', 60)}.",
        why="All rows must be read and sorted before the first is returned, though LIMIT asks for "
        "few.",
        advice=f"An index on {table} whose key is the columns that the query compares with =, and "
        f"then {', '.join(columns)}, gives the rows in this order (and backward, so it needs no "
        "DESC).",
    )


def _one_way_columns(sort_key: str | None) -> list[str]:
    """The columns of a sort that an index can give: plain ones, all in the same direction."""
    keys = [_SORT_KEY.fullmatch(key) for key in (sort_key or "").split(", ")]
    directions = {key["descending"] for key in keys if key}
    if len(directions) != 1 or None in keys:
        return []
    return [key["column"] for key in keys if key]

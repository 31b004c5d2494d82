"""Findings about nodes as they stand together: estimates, joins, sorts."""

import re
from collections.abc import Iterator
from typing import Final

from dsqlkit.plans.findings import FEW_ROWS, Finding, Severity, count, percent, shortened
from dsqlkit.plans.model import PlanNode, sql_name
from dsqlkit.plans.scans import STORAGE_NODES, index_condition, is_scan, rows_read_below
from dsqlkit.plans.timing import NodeTime

_OFF: Final = 5.0
_FAR_OFF: Final = 50.0
_JUDGED: Final = re.compile(r"(?:.+ )?(?:Scan|Join|Nested Loop|\w*Aggregate|Group|Unique)")
_NOT_JUDGED: Final = re.compile(r"(?:CTE|WorkTable|Function|Subquery|Values|Bitmap Index) Scan")
"""Their rows are those of another node, or nothing has statistics of them."""
_TAKES_ALL: Final = re.compile(r"Sort|Hash|(?:.+ )?\w*Aggregate")
_MAY_STOP: Final = re.compile(r"Limit|.+ (?:Semi|Anti) Join|Merge (?:.+ )?Join")

_BATCHED: Final = "Batched Join"
_MANY_RUNS: Final = 100
_SOME_RUNS: Final = 5
_MANY_ROWS_A_RUN: Final = 200
"""So many rows read again in each run make even a few runs too many."""
_DEAR_SHARE: Final = 0.2
_WORTH_A_WORD: Final = 0.05
"""A sort with less than this share of the time is not worth an index of its own."""

_NAME: Final = r'(?:\w+|"(?:[^"]|"")+")'
_SORT_KEY: Final = re.compile(rf"(?:{_NAME}\.)?(?P<column>{_NAME})(?P<descending> DESC)?")


def estimates_off(node: PlanNode, may_stop: bool = False) -> Iterator[Finding]:
    """Where the planner expected 5 or 50 times too many rows or too few: on each branch the lowest
    such node only, as those above inherit its error.

    `may_stop`: something above stops once it has enough, a LIMIT perhaps; then fewer rows than
    expected are no error.
    """
    stop_below = bool(_MAY_STOP.fullmatch(node.node_type)) or (
        may_stop and not _TAKES_ALL.fullmatch(node.node_type)
    )
    below = [
        finding
        for child in node.children
        if child.node_type not in STORAGE_NODES
        for finding in estimates_off(child, stop_below or child.label is not None)
    ]
    yield from below
    if not below:
        yield from filter(None, [_estimate_off(node, may_stop)])


def _estimate_off(node: PlanNode, may_stop: bool) -> Finding | None:
    if not node.cost or not node.actual or not _JUDGED.fullmatch(node.node_type):
        return None
    expected, found = max(node.cost.rows, 1), max(node.actual.rows, 1)
    factor = max(expected / found, found / expected)
    urgent = max(expected, found) * node.actual.loops >= FEW_ROWS
    excused = may_stop and found < expected
    if factor < _OFF or excused or not urgent or _NOT_JUDGED.fullmatch(node.node_type):
        return None
    table = sql_name(node.relation) if is_scan(node) and node.relation else "on the tables below"
    times = " each time" if node.actual.loops > 1 else ""
    return Finding(
        code="estimate_off",
        severity=Severity.MEDIUM if factor >= _FAR_OFF else Severity.LOW,
        node=node,
        observed=f"{node.title} was expected to give {count(node.cost.rows)}{times} and gave "
        f"{round(node.actual.rows):,}: {factor:,.0f} times "
        f"{'more' if found > expected else 'fewer'}.",
        why="The planner chooses indexes and joins by these numbers.",
        advice=f"Run ANALYZE {table}. If the estimate stays wrong, the condition is one that "
        "statistics do not cover: an expression, or columns that depend on each other.",
    )


def nested_loops(root: NodeTime) -> Iterator[Finding]:
    """Nested loops whose inner side runs many times, or reads much again each time, and so takes
    much of the time; of the rows that are read, where times were not measured.
    """
    all_read = rows_read_below(root.node)
    for join in root.walk():
        node = join.node
        inputs = [child for child in join.children if child.node.label is None]
        if not node.node_type.startswith("Nested Loop") or len(inputs) != 2:
            continue
        outer, inner = inputs
        runs = inner.node.loops or 0
        read = rows_read_below(inner.node)
        many = runs >= _MANY_RUNS or (runs >= _SOME_RUNS and read >= _MANY_ROWS_A_RUN * runs)
        if not many or node.variant == _BATCHED:
            continue
        if join.total_ms and root.total_ms:
            share = (join.total_ms - (outer.total_ms or 0)) / root.total_ms
            part = f"{percent(share, 1)} of the time"
        else:
            share = read / all_read if all_read else 0.0
            part = f"{percent(share, 1)} of the rows read"
        if share < _DEAR_SHARE:
            continue
        in_vain = (
            f", and {count(node.rows_removed)} it joined were dropped" if node.rows_removed else ""
        )
        reads = f", reading {count(read)}" if read >= FEW_ROWS else ""
        yield Finding(
            code="nested_loop",
            severity=Severity.of(share, max(runs, read)),
            node=node,
            observed=f"{node.title} runs {inner.node.title} {runs:,} times{reads}: {part}, to give "
            f"{count(node.rows_total or 0)}{in_vain}.",
            why="Each run asks anew and waits for the answer; on DSQL that is a trip to storage.",
            advice=_nested_loop_advice(outer.node, inner.node),
        )


def _nested_loop_advice(outer: PlanNode, inner: PlanNode) -> str:
    expected, found = outer.cost, outer.actual
    if expected and found and found.rows >= _OFF * max(expected.rows, 1):
        return (
            f"The planner expected {count(expected.rows)} on the outer side and not "
            f"{round(found.rows):,}: run ANALYZE, so that it can choose another join."
        )
    scan = next(filter(is_scan, inner.walk()), None)
    if scan is not None and index_condition(scan) is None:
        table = sql_name(scan.relation or scan.index or "")
        return f"Create an index on {table} whose key begins with the column that is joined on."
    return "Narrow the outer side before the join: an index condition there, or fewer rows asked."


def sorts(time: NodeTime, whole_ms: float | None, limited: bool = False) -> Iterator[Finding]:
    """Sorts of one table's rows that an index with that order would save.

    `limited`: a LIMIT stands right above; then the order saves most of the reading too.
    """
    saved_ms = time.total_ms if limited else time.own_ms
    share = saved_ms / whole_ms if saved_ms is not None and whole_ms else None
    yield from filter(None, [_sort(time.node, share, limited)])
    for child in time.children:
        yield from sorts(child, whole_ms, limited=time.node.node_type == "Limit")


def _sort(node: PlanNode, share: float | None, limited: bool) -> Finding | None:
    columns = _one_way_columns(node.value("Sort Key"))
    scan = next(iter(node.inputs), None)
    if node.node_type != "Sort" or not columns or scan is None or not is_scan(scan):
        return None
    rows = scan.rows_total if scan.actual else scan.cost.rows if scan.cost else 0
    if (rows or 0) < FEW_ROWS or (share is not None and share < _WORTH_A_WORD):
        return None
    table = sql_name(scan.relation or scan.index or "")
    spilled = "Disk" in (node.value("Sort Method") or "")
    return Finding(
        code="sort",
        severity=Severity.of(share, rows or 0),
        node=node,
        observed=f"{count(rows or 0)} of {table} are sorted by "
        f"{shortened(node.value('Sort Key') or '', 60)}"
        + (", on disk, as they did not fit in memory." if spilled else "."),
        why="All rows must be read and sorted before the first is returned"
        + (", though LIMIT asks for few." if limited else "."),
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

"""Findings about joins: without a condition, or run far too often."""

import re
from collections.abc import Iterator
from typing import Final

from dsqlkit.plans.conditions import parts_of
from dsqlkit.plans.findings import FEW_ROWS, OFF, Finding, Severity, count, percent
from dsqlkit.plans.names import sql_name
from dsqlkit.plans.node import PlanNode
from dsqlkit.plans.scans import index_condition, is_scan, rows_read_below, storage_nodes

_BATCHED: Final = "Batched Join"
_MANY_RUNS: Final = 100
_SOME_RUNS: Final = 5
_MANY_ROWS_A_RUN: Final = 200
"""So many rows read again in each run make even a few runs too many."""
_DEAR_SHARE: Final = 0.2
_CONSTANT: Final = re.compile(r".+ = ('(?:[^']|'')*'(?:::[\w ]+)?|-?\d[\d.]*)")
_MENTION: Final = r"(?<![\w.\"]){}\."


def joins(root: PlanNode) -> Iterator[Finding]:
    """The findings about the joins at and below a node."""
    all_read = rows_read_below(root) if root.loops is not None else 0
    for node in root.walk():
        inputs = node.inputs
        if not node.node_type.startswith("Nested Loop") or len(inputs) != 2:
            continue
        outer, inner = inputs
        if lacks_condition(node, outer, inner):
            yield from _cross_join(node, outer, inner)
        elif root.loops is not None:
            yield from _nested_loop(node, outer, inner, all_read)


def lacks_condition(join: PlanNode, outer: PlanNode, inner: PlanNode) -> bool:
    """Whether nothing ties the rows of a nested loop's two sides to each other: neither the join
    nor anything below its inner side mentions the outer one.

    Sides that are compared with the same constant are tied by it: the planner replaces
    `a.x = b.y AND a.x = 5` so.
    """
    if join.value("Join Filter") or join.value("Recheck Cond"):
        return False
    names = [re.escape(name) for node in outer.walk() if (name := node.own_name)]
    if not names:
        return False
    mention = re.compile(_MENTION.format(f"(?:{'|'.join(names)})"))
    if any(
        mention.search(line.value)
        for node in inner.walk()
        for line in node.properties
        if line.label != "Output"
    ):
        return False
    return not (_constants(outer) & _constants(inner))


def _constants(side: PlanNode) -> frozenset[str]:
    """The constants that a side's conditions compare with `=`."""
    conditions = [
        line.value
        for node in side.walk()
        for line in node.properties
        if line.label in {"Filter", "Filters", "Index Cond", "Recheck Cond"}
    ]
    parts = (_CONSTANT.fullmatch(part) for each in conditions for part in parts_of(each))
    return frozenset(part[1] for part in parts if part)


def _cross_join(join: PlanNode, outer: PlanNode, inner: PlanNode) -> Iterator[Finding]:
    left, right = _rows(outer), _rows(inner)
    given = _rows(join) if join.loops is None else join.rows_total or 0
    if left <= 1 or right <= 1:
        return
    verb = "gives" if join.loops is not None else "is expected to give"
    yield Finding(
        code="cross_join",
        severity=Severity.HIGH if given >= FEW_ROWS else Severity.LOW,
        node=join,
        observed=f"{_table(outer)} and {_table(inner)} are joined without a condition: each row of "
        f"the one is put beside each of the other. It {verb} {count(given)}.",
        why="The rows grow with the product of the two sides, whatever index there is.",
        advice="Say by which columns the rows belong together (ON or WHERE), if that was "
        "forgotten; write CROSS JOIN if every pair is wanted.",
    )


def _nested_loop(
    join: PlanNode, outer: PlanNode, inner: PlanNode, all_read: float
) -> Iterator[Finding]:
    """A nested loop whose inner side runs many times, or reads much again each time, and so reads
    much of all that is read.
    """
    runs = inner.loops or 0
    read = rows_read_below(inner)
    many = runs >= _MANY_RUNS or (runs >= _SOME_RUNS and read >= _MANY_ROWS_A_RUN * runs)
    share = read / all_read if all_read else 0.0
    if not many or join.variant == _BATCHED or share < _DEAR_SHARE:
        return
    underestimated = _underestimated(outer)
    if not underestimated and _finds_what_it_seeks(inner, read):
        return
    in_vain = (
        f", and {count(join.rows_removed)} it joined were dropped" if join.rows_removed else ""
    )
    reads = f", reading {count(read)}" if read >= FEW_ROWS else ""
    yield Finding(
        code="nested_loop",
        severity=Severity.of(share, max(runs, read)),
        node=join,
        observed=f"{join.title} runs {inner.title} {runs:,} times{reads}: "
        f"{percent(share, 1)} of the rows read, to give {count(join.rows_total or 0)}{in_vain}.",
        why="Each run asks anew and waits for the answer; on DSQL that is a trip to storage.",
        advice=underestimated or _nested_loop_advice(inner),
    )


def _finds_what_it_seeks(inner: PlanNode, read: float) -> bool:
    """Whether an index finds the rows of each run, and few others: that is what an index is for.
    On DSQL each run is a trip to storage all the same.
    """
    found = [node for node in inner.walk() if is_scan(node)]
    if any(index_condition(scan) is None or any(storage_nodes(scan)) for scan in found):
        return False
    given = sum(scan.rows_total or 0 for scan in found)
    return read <= max(2 * given, inner.loops or 0)


def _underestimated(outer: PlanNode) -> str | None:
    expected, found = outer.cost, outer.actual
    if not expected or not found or found.rows < OFF * max(expected.rows, 1):
        return None
    return (
        f"The planner expected {count(expected.rows)} on the outer side and not "
        f"{round(found.rows):,}: run ANALYZE, so that it can choose another join."
    )


def _nested_loop_advice(inner: PlanNode) -> str:
    scan = next(filter(is_scan, inner.walk()), None)
    if scan is not None and index_condition(scan) is None:
        table = sql_name(scan.relation or scan.index or "")
        return f"Create an index on {table} whose key begins with the column that is joined on."
    return "Narrow the outer side before the join: an index condition there, or fewer rows asked."


def _rows(node: PlanNode) -> float:
    """What a side gives each time it runs, or would give if it were not stopped early."""
    expected = float(node.cost.rows) if node.cost else 0.0
    return max(node.actual.rows, expected) if node.actual else expected


def _table(side: PlanNode) -> str:
    """The table that a side reads first, and its alias, which tells two uses of one apart."""
    for node in side.walk():
        if node.relation:
            names = dict.fromkeys((node.relation, node.alias or node.relation))
            return " ".join(map(sql_name, names))
    return "the rows"

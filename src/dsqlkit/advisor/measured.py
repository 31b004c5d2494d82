"""What the measured plan read for each of a query's uses of tables."""

import re
from dataclasses import dataclass
from typing import Final

from dsqlkit.advisor.condition import ELSEWHERE
from dsqlkit.advisor.query import Query
from dsqlkit.advisor.statistics import TableFacts
from dsqlkit.plans.model import Plan
from dsqlkit.plans.names import column_names
from dsqlkit.plans.node import PlanNode
from dsqlkit.plans.scans import Scan, index_condition, scans

_TAKES_ALL: Final = re.compile(r"^(?:Sort|Hash|.*Aggregate)$")
_MAY_STOP: Final = re.compile(r"^Limit$|(?:Semi|Anti) Join|Merge")
_LITERAL: Final = re.compile(r"'(?:[^']|'')*'")
_QUALIFIER: Final = re.compile(r'([a-z_]\w*|"[^"]+")\.')
_JOIN: Final = re.compile(r"Join|Nested Loop")


@dataclass(frozen=True, slots=True)
class Reads:
    """Rows over all loops: read, given to the node above, looked up in the table (DSQL).

    `complete` says that nothing stopped the reading early, so that `given` are all that there are;
    `passed_over` that an index was read as a whole, of which the plan counts what was found;
    `alone` that no row of another relation decided what was read.
    """

    read: float
    given: float
    lookups: float
    loops: int
    reads_all: bool
    index: str | None
    complete: bool = True
    passed_over: bool = False
    alone: bool = True


def scans_of(plan: Plan, query: Query) -> tuple[tuple[Scan, ...], ...]:
    """For each use its scans, none for a use that the plan has no scan of.

    A scan belongs to the use of its alias. PostgreSQL numbers aliases that appear at several
    levels (`orders_1`): what has no use of its name goes to one of its table without a scan.
    """
    found: list[list[Scan]] = [[] for _ in query.uses]
    homeless: list[Scan] = []
    for scan in scans(plan):
        name = scan.node.alias or scan.node.relation
        own = [
            place
            for place, use in enumerate(query.uses)
            if use.alias == name and use.table.name == scan.node.relation
        ]
        if own:
            found[own[0]].append(scan)
        else:
            homeless.append(scan)
    for scan in homeless:
        for place, use in enumerate(query.uses):
            if not found[place] and use.table.name == scan.node.relation:
                found[place].append(scan)
                break
    return tuple(map(tuple, found))


def pairs_of(plan: Plan, query: Query) -> dict[tuple[int, int], float]:
    """The rows that the joins of two uses gave, by the places of the two, both ways round; for
    a join with what is no table what that gave, by ELSEWHERE and the use.
    """
    places = {use.alias: place for place, use in enumerate(query.uses)}
    found: dict[tuple[int, int], float] = {}
    for node in plan.walk():
        if len(node.inputs) != 2 or not _JOIN.search(node.node_type):
            continue
        sides = [
            places.keys() & {each.alias or each.relation for each in side.walk()}
            for side in node.inputs
        ]
        for number, other in enumerate(node.inputs):
            for alias in sides[1 - number] if not sides[number] else ():
                found.setdefault((ELSEWHERE, places[alias or ""]), other.rows_total or 0.0)
        for left in filter(None, sides[0]):
            for right in filter(None, sides[1]):
                rows = node.rows_total or 0.0
                found.setdefault((places[left], places[right]), rows)
                found.setdefault((places[right], places[left]), rows)
    return found


def ended_early(plan: Plan) -> frozenset[int]:
    """The nodes (by `id`) that something above may have stopped before their rows were at an end:
    a LIMIT, say, with no sort between that takes all of them.
    """
    found: set[int] = set()

    def walk(node: PlanNode, *, stopped: bool) -> None:
        if stopped:
            found.add(id(node))
        below = bool(_MAY_STOP.search(node.node_type)) or (
            stopped and not _TAKES_ALL.search(node.node_type)
        )
        for child in node.children:
            walk(child, stopped=below or child.label is not None)

    walk(plan.root, stopped=False)
    return frozenset(found)


def reads_of(
    found: tuple[Scan, ...], facts: TableFacts, early: frozenset[int] = frozenset()
) -> Reads | None:
    """What these scans of one use read together."""
    if not found:
        return None
    return Reads(
        read=sum(max(scan.read or 0, _passed_over(scan, facts)) for scan in found),
        given=sum(scan.given for scan in found),
        lookups=sum(scan.lookups for scan in found),
        loops=max(scan.node.loops or 0 for scan in found),
        reads_all=any(scan.reads_all for scan in found),
        index=next((scan.node.index for scan in found if scan.node.index), None),
        passed_over=any(_passed_over(scan, facts) > (scan.read or 0) for scan in found),
        alone=not any(map(_depends, found)),
        complete=not any(id(scan.node) in early for scan in found),
    )


def _depends(scan: Scan) -> bool:
    """Whether an index condition compares with another relation's columns."""
    condition = _LITERAL.sub("", index_condition(scan.node) or "")
    own = {scan.node.alias, scan.node.relation}
    return any(name.strip('"') not in own for name in _QUALIFIER.findall(condition))


def _passed_over(scan: Scan, facts: TableFacts) -> float:
    """The entries that a scan reads where its index condition leaves out the first column of the
    key: then all entries are looked at one by one, and the plan counts those that are found.
    """
    index = facts.table.index(scan.node.index)
    condition = index_condition(scan.node)
    if index is None or condition is None or not index.key or index.key[0] is None:
        return 0.0
    if index.key[0] in column_names(condition) or index.condition is not None:
        return 0.0
    return facts.rows * (scan.node.loops or 1)

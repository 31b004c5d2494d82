"""Where the time of a plan went: each node's own time, without the nodes below it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from dsqlkit.plans.model import Plan
from dsqlkit.plans.node import PlanNode

_GATHERS: Final = frozenset({"Gather", "Gather Merge"})
_CTE_LABEL: Final = "CTE "
_INIT_PLAN: Final = re.compile(r"(?P<name>InitPlan [^ ]+)(?: \(returns (?P<parameters>[^)]+)\))?")


@dataclass(frozen=True, slots=True)
class NodeTime:
    """A node with the milliseconds it took, over all loops; None where the plan does not say.

    `own_ms` is `total_ms` without the time of the nodes that this one waited for. `share` is the
    part of the whole statement's time (0 to 1) that is the node's own.
    """

    node: PlanNode
    total_ms: float | None
    own_ms: float | None
    share: float | None
    children: tuple["NodeTime", ...]

    def walk(self) -> Iterator["NodeTime"]:
        """This and all below, in the order of the text."""
        yield self
        for child in self.children:
            yield from child.walk()


def node_times(plan: Plan) -> NodeTime:
    """The plan's tree with each node's time.

    PostgreSQL prints averages over loops, and each of the processes below a Gather counts as a
    loop of its own: totals there are divided by the number of processes, which makes them the
    time that passed. A CTE's time is part of the CTE Scans that read it, and an InitPlan's of the
    node that first needs its result, wherever the text shows them; several CTE Scans of one CTE
    share its time in proportion to their own.
    """
    totals: dict[int, float | None] = {}
    _add_totals(plan.root, 1, totals)
    own = {key: time for key, time in totals.items() if time is not None}
    ctes: list[tuple[PlanNode, PlanNode]] = []
    for node in plan.walk():
        for child in node.children:
            if child.label and child.label.startswith(_CTE_LABEL):
                ctes.append((node, child))
            else:
                _charge([(_payer(node, child, totals), 1.0)], child, own, totals)
    # Only now is it known how long each CTE Scan was not waiting for anything else.
    shares = [(_readers(owner, cte, plan, own), cte) for owner, cte in ctes]
    for readers, cte in shares:
        _charge(readers, cte, own, totals)
    return _tree(plan.root, totals, own)


def _charge(
    payers: Iterable[tuple[PlanNode, float]],
    child: PlanNode,
    own: dict[int, float],
    totals: Mapping[int, float | None],
) -> None:
    """Take a child's time from those who waited for it, from each the part that falls to it."""
    for payer, part in payers:
        if id(payer) in own:
            own[id(payer)] -= (totals[id(child)] or 0.0) * part


def _add_totals(node: PlanNode, processes: int, totals: dict[int, float | None]) -> None:
    """Nodes are told apart by identity, as two parts of a plan may be equal."""
    if node.never_executed:
        totals[id(node)] = 0.0
    elif node.actual is None or node.actual.total_ms is None:
        totals[id(node)] = None
    else:
        totals[id(node)] = node.actual.total_ms * node.actual.loops / processes
    if node.node_type in _GATHERS:
        leader = 0 if node.value("Single Copy") == "true" else 1
        processes = max(int(node.count("Workers Launched")) + leader, 1)
    for child in node.children:
        _add_totals(child, processes, totals)


def _readers(
    owner: PlanNode, cte: PlanNode, plan: Plan, own: Mapping[int, float]
) -> list[tuple[PlanNode, float]]:
    """The CTE Scans of a CTE, with the part of its time that each waited for."""
    name = (cte.label or "").removeprefix(_CTE_LABEL)
    scans = [n for n in plan.walk() if n.node_type == "CTE Scan" and n.relation == name]
    times = [max(own.get(id(scan), 0.0), 0.0) for scan in scans]
    whole = sum(times)
    if not whole:
        return [(owner, 1.0)]
    return [(scan, time / whole) for scan, time in zip(scans, times, strict=True)]


def _payer(owner: PlanNode, child: PlanNode, totals: Mapping[int, float | None]) -> PlanNode:
    """The node that waited for `child`, which the text shows below `owner`."""
    init_plan = _INIT_PLAN.fullmatch(child.label or "")
    return _first_user(init_plan, child, owner, totals) if init_plan else owner


def _first_user(
    init_plan: re.Match[str], child: PlanNode, owner: PlanNode, totals: Mapping[int, float | None]
) -> PlanNode:
    """The deepest node that mentions an InitPlan's result: those below run first."""
    parameters = (init_plan["parameters"] or "").split(",")
    names = [init_plan["name"], *(parameter for parameter in parameters if parameter)]
    mention = re.compile("|".join(rf"{re.escape(name)}\b" for name in names))
    inside = {id(node) for node in child.walk()}
    user, user_depth = owner, -1
    for node, depth in _with_depth(owner, 0):
        if depth <= user_depth or id(node) in inside or not totals[id(node)]:
            continue
        if any(mention.search(line.value) for line in node.properties):
            user, user_depth = node, depth
    return user


def _with_depth(node: PlanNode, depth: int) -> Iterator[tuple[PlanNode, int]]:
    yield node, depth
    for child in node.children:
        yield from _with_depth(child, depth + 1)


def _tree(
    node: PlanNode, totals: Mapping[int, float | None], own: Mapping[int, float], whole: float = 0
) -> NodeTime:
    # Averages are rounded, so that the parts may add up to a little more than the whole.
    own_ms = max(own[id(node)], 0.0) if id(node) in own else None
    whole = whole or totals[id(node)] or 0
    return NodeTime(
        node=node,
        total_ms=totals[id(node)],
        own_ms=own_ms,
        share=own_ms / whole if own_ms is not None and whole else None,
        children=tuple(_tree(child, totals, own, whole) for child in node.children),
    )

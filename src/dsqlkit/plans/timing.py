"""Where the time of a plan went: each node's own time, without the nodes below it."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from dsqlkit.plans.model import Plan, PlanNode

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
    share its time in proportion to theirs.
    """
    totals: dict[int, float | None] = {}
    _add_totals(plan.root, 1, totals)
    waited: dict[int, float] = defaultdict(float)
    for node in plan.walk():
        for child in node.children:
            time = totals[id(child)]
            if time is not None:
                for payer, part in _payers(node, child, plan, totals):
                    waited[id(payer)] += time * part
    return _tree(plan.root, totals, waited, whole=totals[id(plan.root)])


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


def _payers(
    owner: PlanNode, child: PlanNode, plan: Plan, totals: Mapping[int, float | None]
) -> list[tuple[PlanNode, float]]:
    """The nodes whose time includes that of `child`, which the text shows below `owner`, each
    with the part of it that falls to them.
    """
    if child.label and child.label.startswith(_CTE_LABEL):
        name = child.label.removeprefix(_CTE_LABEL)
        readers = [
            (node, time)
            for node in plan.walk()
            if node.node_type == "CTE Scan" and node.relation == name
            if (time := totals[id(node)])
        ]
        whole = sum(time for _, time in readers)
        if whole:
            return [(node, time / whole) for node, time in readers]
    init_plan = _INIT_PLAN.fullmatch(child.label or "")
    if init_plan:
        return [(_first_user(init_plan, child, owner, totals), 1.0)]
    return [(owner, 1.0)]


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
    node: PlanNode,
    totals: Mapping[int, float | None],
    waited: Mapping[int, float],
    whole: float | None,
) -> NodeTime:
    total = totals[id(node)]
    # Averages are rounded, so that the parts may add up to a little more than the whole.
    own = None if total is None else max(total - waited.get(id(node), 0.0), 0.0)
    return NodeTime(
        node=node,
        total_ms=total,
        own_ms=own,
        share=own / whole if own is not None and whole else None,
        children=tuple(_tree(child, totals, waited, whole) for child in node.children),
    )

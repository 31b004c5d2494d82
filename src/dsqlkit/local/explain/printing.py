"""A plan's lines as DSQL prints them. Pure.

Every node's lines stand six columns further in than its arrow; below DSQL's own storage nodes,
whose arrow has one space, it is four (plans of 2026, and AWS's user guide).
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from dsqlkit.local.explain.charge import charge_lines, charged
from dsqlkit.local.explain.conditions import conjuncts, joined, unqualified
from dsqlkit.local.explain.document import Node
from dsqlkit.local.explain.dropped import dropped
from dsqlkit.local.explain.facts import Facts
from dsqlkit.local.explain.figures import Figures
from dsqlkit.local.explain.joins import before_join_filter, is_batched, lowered, raised
from dsqlkit.local.explain.names import kind_of, label_of, target_of
from dsqlkit.local.explain.properties import properties_of
from dsqlkit.local.explain.scan_lines import ScanLines
from dsqlkit.local.explain.scans import SCANS, Scan, is_of_many, walk
from dsqlkit.local.explain.wanted import Wanted

_SETTINGS: Final = "Settings: work_mem = '128MB'"
"""What a cluster answers to SETTINGS (plans of 2025 and 2026)."""
_CONDITIONS: Final = frozenset(("Filter", "Index Cond", "Function Call"))


def plan_lines(
    plan: dict[str, Node], scans: Mapping[int, Scan], wanted: Wanted, facts: Facts
) -> list[str]:
    """The lines of a document's plan, with its scans (see scans.scans_in)."""
    lines = _Printer(plan["Plan"], scans, wanted, facts).lines()
    return [*lines, *_footer(plan, wanted, facts)]


def _footer(plan: Node, wanted: Wanted, facts: Facts) -> Iterator[str]:
    if wanted.settings:
        yield _SETTINGS
    if wanted.verbose:
        yield f"Query Identifier: {wanted.identifier}"
    if wanted.summary and "Planning Time" in plan:
        yield f"Planning Time: {plan['Planning Time']} ms"
    yield from _triggers(plan.get("Triggers") or (), wanted)
    if wanted.summary and "Execution Time" in plan:
        yield f"Execution Time: {plan['Execution Time']} ms"
    if wanted.wants_dpu:
        times = [Decimal(plan.get(name, 0)) for name in ("Planning Time", "Execution Time")]
        yield from charge_lines(charged(plan["Plan"], facts, sum(times, Decimal(0)) / 1000))


def _triggers(triggers: Iterable[Node], wanted: Wanted) -> Iterator[str]:
    """The checks of foreign keys, as PostgreSQL prints them. How DSQL does was not recorded. The
    endpoint's own triggers are nobody's business."""
    several = len({each["Relation"] for each in triggers}) > 1
    for each in triggers:
        if "Constraint Name" in each:
            name = f" {each['Trigger Name']}" if wanted.verbose else ""
            on = f" on {each['Relation']}" if several else ""
            time = f"time={each['Time']} " if "Time" in each else ""
            constraint = each["Constraint Name"]
            yield f"Trigger{name} for constraint {constraint}{on}: {time}calls={each['Calls']}"


class _Printer:
    def __init__(self, plan: Node, scans: Mapping[int, Scan], wanted: Wanted, facts: Facts) -> None:
        self._plan = plan
        self._wanted = wanted
        self._facts = facts
        self._many = is_of_many(plan)
        self._places = {id(node): place for place, (node, _) in enumerate(walk(plan))}
        self._scans = scans

    def lines(self) -> Iterator[str]:
        yield from self._node(self._plan, 0, Figures.of(self._plan, self._wanted), is_root=True)

    def _node(
        self,
        node: Node,
        column: int,
        figures: Figures,
        *,
        is_root: bool = False,
        is_inner: bool = False,
    ) -> Iterator[str]:
        """`is_inner`: it is the scan whose keys a join sends in batches."""
        label = label_of(node)
        if label is not None:
            yield " " * column + label
            column += 2
        arrow, column = ("", 2) if is_root else (" " * column + "->  ", column + 6)
        place = self._places[id(node)]
        if node["Node Type"] in SCANS:
            scan = lowered(self._scans[place]) if is_inner else self._scans[place]
            gone = dropped(scan, figures, self._facts.scans.get(place))
            told = ScanLines(scan, figures, gone, self._limit(scan), self._wanted.verbose)
            yield from told.lines(arrow, column)
            yield from self._children(node, column)
            return
        batched = is_batched(node, self._inner(node))
        name = "Nested Loop (Batched Join)" if batched else kind_of(node)
        yield f"{arrow}{name}{target_of(node, verbose=self._wanted.verbose)}{figures.node()}"
        if batched:
            yield from self._joined(node, column)
        else:
            yield from self._properties(node, column)
        yield from self._children(node, column)

    def _joined(self, node: Node, column: int) -> Iterator[str]:
        """The lines of a join that sends the keys of its inner scan in batches."""
        inner = self._inner(node)
        assert inner is not None
        found = {name: value for name, value in node.items() if name != "Inner Unique"}
        first: dict[str, Any] = {
            name: found[name] for name in ("Output", "Filter") if name in found
        }
        for name, value in properties_of(first, verbose=self._wanted.verbose):
            yield f"{' ' * column}{name}: {value}"
        if node["Join Type"] != "Inner":
            yield f"{' ' * column}Join Type: {node['Join Type']}"
        yield f"{' ' * column}Recheck Cond: {self._bare(inner.condition, inner.alias)}"
        rest = {name: value for name, value in found.items() if name not in first}
        above = raised(inner)
        if above:
            own = conjuncts(rest.pop("Join Filter")) if "Join Filter" in rest else []
            yield f"{' ' * column}Join Filter: {joined([*own, *above])}"
            yield from self._removed_by_join(node, inner, column)
        for name, value in properties_of(rest, verbose=self._wanted.verbose):
            yield f"{' ' * column}{name}: {value}"

    def _removed_by_join(self, node: Node, inner: Scan, column: int) -> Iterator[str]:
        figures = Figures.of(inner.node, self._wanted).of_all_loops(node)
        removed = (before_join_filter(inner, figures).rows or 0) - (figures.rows or 0)
        if removed:
            yield f"{' ' * column}Rows Removed by Join Filter: {removed}"

    def _inner(self, node: Node) -> Scan | None:
        """The scan on the inner side of a join, if it is one."""
        for child in node.get("Plans") or ():
            if child.get("Parent Relationship") == "Inner":
                return self._scans.get(self._places[id(child)])
        return None

    def _children(self, node: Node, column: int) -> Iterator[str]:
        batched = is_batched(node, self._inner(node))
        for child in node.get("Plans") or ():
            figures = Figures.of(child, self._wanted)
            is_inner = batched and child.get("Parent Relationship") == "Inner"
            if is_inner:
                figures = figures.of_all_loops(node)
                figures = before_join_filter(self._scans[self._places[id(child)]], figures)
            yield from self._node(child, column, figures, is_inner=is_inner)

    def _properties(self, node: Node, column: int) -> Iterator[str]:
        for name, value in properties_of(node, verbose=self._wanted.verbose):
            text = value
            if not self._wanted.verbose and (name in _CONDITIONS or not self._many):
                text = self._plain(node, value)
            yield f"{' ' * column}{name}: {text}"

    def _plain(self, node: Node, text: str) -> str:
        """A condition without saying whose its columns are, where PostgreSQL would not say it."""
        found = [node] if "Alias" in node else [each for each, _ in walk(node) if "Alias" in each]
        for each in found:
            text = unqualified(text, each["Alias"])
        return text

    def _bare(self, condition: str, alias: str) -> str:
        return condition if self._wanted.verbose else unqualified(condition, alias)

    def _limit(self, scan: Scan) -> int | None:
        """How many rows a scan stops at: a LIMIT right above one without conditions is pushed down
        to it."""
        plan = self._plan
        if plan["Node Type"] != "Limit" or scan.condition or scan.left or scan.stored:
            return None
        is_right_below = any(child is scan.node for child in plan["Plans"])
        is_its_own = scan.node.get("Parent Relationship") == "Outer"  # and not a CTE's
        return self._wanted.limit if is_right_below and is_its_own else None

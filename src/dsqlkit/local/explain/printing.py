"""A plan's lines as DSQL prints them. Pure.

Every node's lines stand six columns further in than its arrow; below DSQL's own storage nodes,
whose arrow has one space, it is four (plans of 2026, and AWS's user guide).
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

from dsqlkit.local.explain.charge import charge_lines, charged
from dsqlkit.local.explain.conditions import conjuncts, joined, quote, unqualified
from dsqlkit.local.explain.document import Node
from dsqlkit.local.explain.facts import Facts
from dsqlkit.local.explain.figures import Figures
from dsqlkit.local.explain.joins import before_join_filter, is_batched, lowered, raised
from dsqlkit.local.explain.names import kind_of, label_of, target_of
from dsqlkit.local.explain.properties import properties_of
from dsqlkit.local.explain.scans import SCANS, Scan, condition_of, is_of_many, scans_in, walk
from dsqlkit.local.explain.wanted import Wanted

_SETTINGS: Final = "Settings: work_mem = '128MB'"
"""What a cluster answers to SETTINGS (plans of 2025 and 2026)."""
_CONDITIONS: Final = frozenset(("Filter", "Index Cond", "Function Call"))


def plan_lines(plans: list[dict[str, Node]], wanted: Wanted, facts: Facts) -> list[str]:
    """The lines of a document's plans."""
    lines: list[str] = []
    for plan in plans:
        lines += [""] if lines else []
        lines += _Printer(plan["Plan"], wanted, facts).lines()
        lines += _footer(plan, wanted, facts)
    return lines


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
    def __init__(self, plan: Node, wanted: Wanted, facts: Facts) -> None:
        self._plan = plan
        self._wanted = wanted
        self._facts = facts
        self._many = is_of_many(plan)
        self._places = {id(node): place for place, (node, _) in enumerate(walk(plan))}
        self._scans = dict(scans_in(plan, facts.tables))

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
            yield from self._scan(arrow, column, scan, figures, place)
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

    def _scan(
        self, arrow: str, column: int, scan: Scan, figures: Figures, place: int
    ) -> Iterator[str]:
        node, verbose = scan.node, self._wanted.verbose
        target = target_of(node, verbose=verbose)
        backward = " Backward" if scan.backward else ""
        if scan.index is None:
            head = f"Full Scan (btree-table){target}"
        else:
            kind = "Index Scan" if scan.looks_up else "Index Only Scan"
            head = f"{kind}{backward} using {_index(scan)}{target}"
        yield arrow + head + figures.node()
        at = " " * column
        if verbose and scan.output:
            yield f"{at}Output: {scan.output}"
        if scan.condition:
            yield f"{at}Index Cond: {self._bare(scan.condition, scan.alias)}"
        if scan.order_by:
            yield f"{at}Order By: {self._bare(scan.order_by, scan.alias)}"
        by_storage, by_processor = self._dropped(scan, place, figures)
        if scan.left:
            yield f"{at}Filter: {self._bare(condition_of(scan.left), scan.alias)}"
            if by_processor > 0:
                yield f"{at}Rows Removed by Filter: {by_processor}"
        yield from self._storage(column, scan, figures, by_storage, by_processor)

    def _dropped(self, scan: Scan, place: int, figures: Figures) -> tuple[int, int]:
        """How many rows storage dropped, and how many the query processor did."""
        removed, loops = figures.removed or 0, max(figures.loops, 1)
        measured = self._facts.scans.get(place)
        if scan.keyed:
            # PostgreSQL counts those too that storage need not read.
            met = 0 if measured is None else round(measured.met / loops) - (figures.rows or 0)
            removed = max(0, min(removed, met)) if scan.left or scan.stored else 0
        if not scan.stored or not scan.left:
            return (removed, 0) if scan.stored else (0, removed)
        if measured is None:
            return removed, 0
        by_processor = round(measured.passed / loops) - (figures.rows or 0)
        by_processor = max(0, min(removed, by_processor))
        return removed - by_processor, by_processor

    def _storage(
        self, column: int, scan: Scan, figures: Figures, by_storage: int, by_processor: int
    ) -> Iterator[str]:
        verbose = self._wanted.verbose
        of = _index(scan) if scan.index is not None else target_of(scan.node, verbose=verbose)[4:]
        kept = figures.with_rows(by_processor)
        read = kept.with_rows(by_storage)
        in_index = kept if not scan.lookup_filters else read
        columns = ", ".join(map(quote, scan.columns))
        outer, inner = " " * column, " " * (column + 4)
        has_loops = scan.index is not None
        yield f"{outer}-> Storage Scan on {of}{in_index.storage(has_loops=has_loops)}"
        if columns and not scan.looks_up:
            yield f"{inner}Projections: {columns}"
        yield from self._filters(inner, scan, scan.filters, by_storage, figures)
        if self._wanted.limit is not None and self._limited(scan):
            yield f"{inner}Limit: {self._wanted.limit}"
        yield f"{inner}-> B-Tree Scan on {of}{read.storage(has_loops=has_loops)}"
        if scan.condition:
            yield f"{inner}    Index Cond: {self._bare(scan.condition, scan.alias)}"
        if scan.looks_up:
            table = target_of(scan.node, verbose=verbose)[4:]
            yield f"{outer}-> Storage Lookup on {table}{kept.storage(has_loops=True)}"
            if columns:
                yield f"{inner}Projections: {columns}"
            yield from self._filters(inner, scan, scan.lookup_filters, by_storage, figures)
            yield f"{inner}-> B-Tree Lookup on {table}{in_index.storage(has_loops=True)}"

    def _filters(
        self, at: str, scan: Scan, filters: tuple[str, ...], dropped: int, figures: Figures
    ) -> Iterator[str]:
        if filters:
            yield f"{at}Filters: {self._bare(condition_of(filters), scan.alias)}"
            if figures.rows is not None:
                # With filters in index and table, PostgreSQL does not say which dropped a row.
                also = scan.filters and scan.lookup_filters and filters is scan.filters
                yield f"{at}Rows Filtered: {0 if also else dropped}"

    def _limited(self, scan: Scan) -> bool:
        """Whether a LIMIT is pushed down to it: of one without conditions, right below."""
        if self._plan["Node Type"] != "Limit" or scan.condition or scan.left or scan.stored:
            return False
        return any(child is scan.node for child in self._plan["Plans"])


def _index(scan: Scan) -> str:
    assert scan.index is not None
    return quote(scan.index)

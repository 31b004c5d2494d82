"""The figures of a node: the planner's estimate, and what was measured. Pure."""

from dataclasses import dataclass, replace
from decimal import Decimal

from dsqlkit.local.explain.document import Node
from dsqlkit.local.explain.wanted import Wanted


@dataclass(frozen=True, slots=True)
class Figures:
    """`cost` is the estimate as it is printed, empty without; `rows`, of each loop, and `times` are
    None where it did not run or was not timed; `removed` are the rows that filters dropped."""

    cost: str
    estimated: int
    width: str
    rows: int | None
    loops: int
    times: str | None
    removed: int | None
    never: bool

    @classmethod
    def of(cls, node: Node, wanted: Wanted) -> "Figures":
        """Those of a node of PostgreSQL's."""
        cost = f"{node['Startup Cost']}..{node['Total Cost']}" if wanted.costs else ""
        ran = "Actual Rows" in node
        loops = int(node.get("Actual Loops", 0))
        times = None
        if "Actual Total Time" in node:
            times = f"{node['Actual Startup Time']}..{node['Actual Total Time']}"
        return cls(
            cost=cost,
            estimated=int(node["Plan Rows"]),
            width=node["Plan Width"],
            rows=_whole(node["Actual Rows"]) if ran and loops else None,
            loops=loops,
            times=times,
            removed=_whole(node.get("Rows Removed by Filter", 0)) if ran and loops else None,
            never=ran and not loops,
        )

    def with_rows(self, more: int) -> "Figures":
        """Those of a node that gave up so many rows more."""
        return self if self.rows is None else replace(self, rows=self.rows + more)

    def of_all_loops(self, outer: Node) -> "Figures":
        """Those of a scan that is sent all its keys at once."""
        if self.rows is None:
            return self
        rows = self.rows * self.loops
        if outer["Join Type"] == "Inner" and not {"Join Filter", "Filter"} & outer.keys():
            rows = _whole(outer["Actual Rows"])  # PostgreSQL rounds those of each loop
        if self.loops and int(outer.get("Actual Loops", 1)) == 1:
            removed = None if self.removed is None else self.removed * self.loops
            return replace(self, rows=rows, loops=1, removed=removed)
        return self

    def node(self) -> str:
        """What stands behind the name of a node."""
        return self._estimate("  ", "") + self._measured(self.times)

    def storage(self, *, has_loops: bool) -> str:
        """What stands behind the name of a storage node, whose time is not told."""
        return self._estimate("  ", " loops=1" if has_loops else "") + self._measured(None)

    def _estimate(self, gap: str, loops: str) -> str:
        if not self.cost:
            return ""
        return f"{gap}(cost={self.cost} rows={self.estimated} width={self.width}{loops})"

    def _measured(self, times: str | None) -> str:
        if self.never:
            return " (never executed)"
        if self.rows is None:
            return ""
        time = "" if times is None else f"time={times} "
        return f" (actual {time}rows={self.rows} loops={self.loops})"


def _whole(number: str | int) -> int:
    return int(Decimal(number).to_integral_value())

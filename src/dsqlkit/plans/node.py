"""A node of a plan: what it is, what was estimated and measured of it, and the lines below it.

Numbers here are as printed: rows and times of a node are averages over its loops. `timing` and
`scans` work out totals.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dsqlkit.plans.names import sql_name

MOST_EXACT: Final = 1e15
"""From there on an estimate says no more than its size: a double has no more digits."""
_NUMBER: Final = re.compile(r"\d{1,18}(?:\.\d{1,9})?(?!\d)")
_DROPPED: Final = ("Rows Removed by ", "Rows Filtered")
_WRITES: Final = frozenset({"Insert", "Update", "Delete", "Merge"})


@dataclass(frozen=True, slots=True)
class Property:
    """A line below a node, or below the tree: `label: value`.

    A line without a label has an empty one. `details` are the lines that belong to this one, as
    the sort of a parallel worker, or the parts of a DPU estimate.
    """

    label: str
    value: str
    details: tuple["Property", ...] = ()


@dataclass(frozen=True, slots=True)
class Cost:
    """The planner's estimate: cost in its own unit, rows for one loop, width in bytes.

    `loops` is there only where a DSQL storage node prints it.
    """

    startup: float
    total: float
    rows: int
    width: int
    loops: int | None = None


@dataclass(frozen=True, slots=True)
class Actual:
    """What ANALYZE measured. Rows and times (milliseconds) are averages over `loops`.

    Times are None with TIMING OFF, and always on DSQL's storage nodes.
    """

    rows: float
    loops: int
    startup_ms: float | None = None
    total_ms: float | None = None


@dataclass(frozen=True, slots=True)
class PlanNode:
    """One node of a plan.

    `node_type` is as printed ("Index Only Scan", "Hash Left Join", "Partial HashAggregate"),
    without the words that have a field of their own: `parallel`, `backward`, and `variant`, which
    is printed in parentheses ("btree-table", "Batched Join").

    `relation` is what the node reads or writes: a table, a CTE, a function or a subquery's alias.
    `alias` is None where it is the relation's own name. A node that reads an index alone has an
    index and no relation. Names are without SQL's quotes.

    `label` says what the node is to the one above, where that is not plain input: "CTE recent",
    "InitPlan 1 (returns $0)", "SubPlan 2".
    """

    node_type: str
    variant: str | None = None
    parallel: bool = False
    backward: bool = False
    index: str | None = None
    schema: str | None = None
    relation: str | None = None
    alias: str | None = None
    label: str | None = None
    cost: Cost | None = None
    actual: Actual | None = None
    never_executed: bool = False
    properties: tuple[Property, ...] = ()
    children: tuple["PlanNode", ...] = ()

    @property
    def title(self) -> str:
        """The node in one phrase: "Index Scan Backward using orders_pkey on orders"."""
        words = [self.node_type]
        words += [f"({self.variant})"] if self.variant else []
        words += ["Backward"] if self.backward else []
        words += [f"using {sql_name(self.index)}"] if self.index and self.relation else []
        target = self.relation or self.index
        return " ".join([*words, f"on {sql_name(target)}"] if target else words)

    @property
    def own_name(self) -> str | None:
        """What conditions call the node's relation, as SQL writes it."""
        name = self.alias or self.relation
        return None if name is None else sql_name(name)

    @property
    def loops(self) -> int | None:
        """How often the node ran; None without ANALYZE."""
        if self.never_executed:
            return 0
        return self.actual.loops if self.actual else None

    @property
    def rows_total(self) -> float | None:
        """Rows that the node gave up, over all loops; None without ANALYZE."""
        if self.never_executed:
            return 0
        return self.actual.rows * self.actual.loops if self.actual else None

    @property
    def rows_removed(self) -> float | None:
        """Rows that the node's own conditions dropped, over all loops; None without ANALYZE."""
        if self.loops is None:
            return None
        labels = {line.label for line in self.properties}
        dropping = (label for label in labels if label.startswith(_DROPPED))
        return sum(self.count(label) for label in dropping) * self.loops

    @property
    def inputs(self) -> tuple["PlanNode", ...]:
        """The nodes whose rows this one takes: its children but for InitPlans and the like."""
        return tuple(child for child in self.children if child.label is None)

    @property
    def writes(self) -> bool:
        """Whether this node changes rows."""
        return self.node_type in _WRITES

    def values(self, label: str) -> tuple[str, ...]:
        """The values of all properties with that label, in order."""
        return tuple(line.value for line in self.properties if line.label == label)

    def value(self, label: str) -> str | None:
        """The value of the first property with that label."""
        return next(iter(self.values(label)), None)

    def count(self, label: str) -> float:
        """The number that a property such as `Rows Removed by Filter` holds, for one loop; 0
        where it is not printed, as PostgreSQL leaves out a count of zero.
        """
        return sum(leading_number(value) or 0 for value in self.values(label))

    def walk(self) -> Iterator["PlanNode"]:
        """This node and all below it, in the order of the text."""
        yield self
        for child in self.children:
            yield from child.walk()


def leading_number(value: str) -> float | None:
    """The number that a printed value begins with."""
    leading = _NUMBER.match(value)
    return float(leading[0]) if leading else None

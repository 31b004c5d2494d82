"""What a plan says: a tree of nodes and the lines below it, as EXPLAIN printed them.

Numbers here are as printed: rows and times of a node are averages over its loops. `timing` and
`scans` work out totals.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

_DPU: Final = re.compile(
    r"(?P<dpu>\d{1,18}(?:\.\d{1,18})?)\s+DPU"
    r"(?:\s+\(Transaction minimum:\s*(?P<minimum>\d{1,18}(?:\.\d{1,18})?)\))?"
)
DPU_HEADING: Final = "Statement DPU Estimate"
MOST_EXACT: Final = 1e15
"""From there on an estimate says no more than its size: a double has no more digits."""
_SETTING: Final = re.compile(r"(?P<name>[\w.]+) = '(?P<value>(?:[^']|'')*)'")
_TRIGGER: Final = re.compile(
    r"(?:time=(?P<time>\d{1,18}(?:\.\d{1,9})?) )?calls=(?P<calls>\d{1,18})(?:\.0*)?"
)
_NUMBER: Final = re.compile(r"\d{1,18}(?:\.\d{1,9})?(?!\d)")
_PLAIN_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")
_LITERAL: Final = re.compile(r"'(?:[^']|'')*'")
_COLUMN: Final = re.compile(r'(?P<name>[a-z_]\w*|"(?:[^"]|"")+")(?!\w|\.)')
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
        return sum(_number(value) or 0 for value in self.values(label))

    def walk(self) -> Iterator["PlanNode"]:
        """This node and all below it, in the order of the text."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger, or a constraint's check, that the statement fired. Time is in milliseconds over
    all calls, None with TIMING OFF.
    """

    name: str
    calls: int
    time_ms: float | None


@dataclass(frozen=True, slots=True)
class DpuAmount:
    """A part of the DPU estimate, and the least that its transaction is charged, if printed."""

    dpu: Decimal
    minimum: Decimal | None = None


@dataclass(frozen=True, slots=True)
class DpuEstimate:
    """What the statement costs in DPU: DSQL prints it with ANALYZE VERBOSE.

    `parts` are by the printed label in lower case: compute, read, write, and more on
    multi-Region clusters. `total` is the sum of the parts, not of the minimums. The figure leaves
    out BEGIN, COMMIT and background work: it serves to compare statements (AWS User Guide,
    "Understanding DPUs in EXPLAIN ANALYZE").
    """

    parts: Mapping[str, DpuAmount]
    total: Decimal

    @property
    def of_storage(self) -> Decimal:
        """All parts but compute, which tells of the moment and its machine."""
        amounts = (amount.dpu for name, amount in self.parts.items() if name != "compute")
        return sum(amounts, Decimal(0))


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement's plan. `footer` holds the lines below the tree; the rest is read from it."""

    root: PlanNode
    footer: tuple[Property, ...] = ()

    def walk(self) -> Iterator[PlanNode]:
        """All nodes, in the order of the text."""
        return self.root.walk()

    @property
    def analyzed(self) -> bool:
        """Whether the statement was run, so that there are actual rows."""
        return self.root.actual is not None or self.root.never_executed

    @property
    def writes(self) -> bool:
        """Whether the statement changes rows, in a CTE perhaps."""
        return any(node.writes for node in self.walk())

    @property
    def planning_ms(self) -> float | None:
        """Planning Time."""
        return self._milliseconds("Planning Time")

    @property
    def execution_ms(self) -> float | None:
        """Execution Time."""
        return self._milliseconds("Execution Time")

    @property
    def query_identifier(self) -> str | None:
        """Query Identifier: letters and digits on DSQL, a number on PostgreSQL."""
        return self._value("Query Identifier")

    @property
    def settings(self) -> Mapping[str, str]:
        """Planner settings that are not at their default (EXPLAIN SETTINGS)."""
        found = _SETTING.finditer(self._value("Settings") or "")
        return {setting["name"]: setting["value"].replace("''", "'") for setting in found}

    @property
    def jit(self) -> tuple[Property, ...]:
        """The lines of PostgreSQL's JIT block."""
        return self._details("JIT")

    @property
    def triggers(self) -> tuple[Trigger, ...]:
        """The triggers that fired, in order."""
        triggers = []
        for line in self.footer:
            counts = _TRIGGER.fullmatch(line.value)
            if line.label.startswith("Trigger ") and counts:
                time_ms = float(counts["time"]) if counts["time"] else None
                name = line.label.removeprefix("Trigger ")
                triggers.append(Trigger(name, int(counts["calls"]), time_ms))
        return tuple(triggers)

    @property
    def dpu(self) -> DpuEstimate | None:
        """The DPU estimate, where DSQL printed one."""
        amounts: dict[str, DpuAmount] = {}
        for line in self._details(DPU_HEADING):
            amount = _DPU.fullmatch(line.value)
            if amount:
                minimum = Decimal(amount["minimum"]) if amount["minimum"] else None
                amounts[line.label.lower()] = DpuAmount(Decimal(amount["dpu"]), minimum)
        total = amounts.pop("total", None)
        return DpuEstimate(amounts, total.dpu) if total else None

    def _value(self, label: str) -> str | None:
        return next((line.value for line in self.footer if line.label == label), None)

    def _details(self, label: str) -> tuple[Property, ...]:
        return next((line.details for line in self.footer if line.label == label), ())

    def _milliseconds(self, label: str) -> float | None:
        return _number(self._value(label) or "")


def sql_name(name: str) -> str:
    """A name as SQL wants it: in quotes, unless it is made of a-z, 0-9 and _ alone."""
    return name if _PLAIN_NAME.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def column_names(text: str) -> frozenset[str]:
    """The names in a list of columns or an expression: all words that may be a column's, without
    the table before the dot, and without SQL's quotes.
    """
    names = (found["name"] for found in _COLUMN.finditer(_LITERAL.sub("", text)))
    return frozenset(n[1:-1].replace('""', '"') if n.startswith('"') else n for n in names)


def _number(value: str) -> float | None:
    leading = _NUMBER.match(value)
    return float(leading[0]) if leading else None

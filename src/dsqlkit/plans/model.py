"""What a plan says: a tree of nodes and the lines below it, as EXPLAIN printed them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from dsqlkit.plans.node import (
    PlanNode,
    Property,
    leading_number,
)

_DPU: Final = re.compile(
    r"(?P<dpu>\d{1,18}(?:\.\d{1,18})?)\s+DPU"
    r"(?:\s+\(Transaction minimum:\s*(?P<minimum>\d{1,18}(?:\.\d{1,18})?)\))?"
)
DPU_HEADING: Final = "Statement DPU Estimate"
_SETTING: Final = re.compile(r"(?P<name>[\w.]+) = '(?P<value>(?:[^']|'')*)'")
_TRIGGER: Final = re.compile(
    r"(?:time=(?P<time>\d{1,18}(?:\.\d{1,9})?) )?calls=(?P<calls>\d{1,18})(?:\.0*)?"
)


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


def part_key(name: str) -> str:
    """The name of a part of the DPU as a key of JSON: multi_region_write."""
    return name.replace(" ", "_").replace("-", "_")


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
        return leading_number(self._value(label) or "")

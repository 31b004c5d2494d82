"""Two plans beside each other: what changed in their nodes, in what they read and cost. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from difflib import SequenceMatcher
from typing import Final

from dsqlkit.plans.model import Plan, PlanNode
from dsqlkit.plans.scans import rows_scanned

_FILTERS: Final = ("Index Cond", "Filters", "Filter")


@dataclass(frozen=True, slots=True)
class Change:
    """A difference: what it is about (`node`, or a figure's name), and both sides; None where a
    side has none."""

    what: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Growth:
    """By how much a figure grew: 1 is the same, 2 is twice as much, infinity something after
    nothing. None where a plan does not say. `dpu` is without compute, which tells of the moment."""

    rows_scanned: Decimal | None
    dpu: Decimal | None

    def above(self, limit: Decimal) -> tuple[str, ...]:
        """The figures that grew by more."""
        known = {"rows_scanned": self.rows_scanned, "dpu": self.dpu}
        return tuple(name for name, by in known.items() if by is not None and by > limit)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two plans."""

    changes: tuple[Change, ...]
    growth: Growth


def compare(before: Plan, after: Plan) -> Comparison:
    """What changed from one plan to another.

    Nodes are aligned in the order of the text, by what they are and read; a filter that moved from
    one layer to another changes its node.
    """
    growth = Growth(
        _ratio(rows_scanned(before), rows_scanned(after)),
        _ratio(_dpu(before), _dpu(after)),
    )
    return Comparison((*_nodes(before, after), *_figures(before, after)), growth)


def _nodes(before: Plan, after: Plan) -> Iterator[Change]:
    old, new = [_shown(each) for each in before.walk()], [_shown(each) for each in after.walk()]
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for kind, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if kind == "equal":
            continue
        gone, come = old[old_from:old_to], new[new_from:new_to]
        for at in range(max(len(gone), len(come))):
            yield Change(
                "node",
                gone[at] if at < len(gone) else None,
                come[at] if at < len(come) else None,
            )


def _shown(node: PlanNode) -> str:
    """A node and where its rows are dropped."""
    kept = [f"{label}: {node.value(label)}" for label in _FILTERS if node.value(label)]
    return "; ".join([node.title, *kept])


def _figures(before: Plan, after: Plan) -> Iterator[Change]:
    pairs = {
        "rows_scanned": (rows_scanned(before), rows_scanned(after)),
        "dpu": (_dpu(before), _dpu(after)),
        "execution_ms": (before.execution_ms, after.execution_ms),
    }
    for what, (old, new) in pairs.items():
        if old != new:
            yield Change(what, _text(old), _text(new))


def _dpu(plan: Plan) -> Decimal | None:
    """What a statement costs that says nothing of the machine's speed: without compute."""
    if plan.dpu is None:
        return None
    parts = (amount.dpu for name, amount in plan.dpu.parts.items() if name != "compute")
    return sum(parts, Decimal(0))


def _ratio(before: Decimal | int | None, after: Decimal | int | None) -> Decimal | None:
    if before is None or after is None:
        return None
    if not before:
        return Decimal("Infinity") if after else Decimal(1)
    return (Decimal(after) / Decimal(before)).quantize(Decimal("0.001"))


def _text(value: object) -> str | None:
    return None if value is None else str(value)

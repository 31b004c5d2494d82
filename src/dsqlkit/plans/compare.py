"""Two plans beside each other: what changed in their nodes, in what they read and cost. Pure."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import SequenceMatcher
from typing import Final

from dsqlkit.plans.model import Plan
from dsqlkit.plans.node import PlanNode
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
class Timed:
    """The Execution Time of one statement's runs, in milliseconds: their median, and the distance
    between their quartiles, None of a single run."""

    median_ms: float
    spread_ms: float | None
    runs: int

    @classmethod
    def of(cls, plans: Sequence[Plan]) -> "Timed | None":
        """That of these plans; None where they tell no times."""
        times = [plan.execution_ms for plan in plans if plan.execution_ms is not None]
        if not times:
            return None
        spread = None
        if len(times) > 1:
            low, _, high = statistics.quantiles(times, n=4, method="inclusive")
            spread = round(high - low, 3)
        return cls(round(statistics.median(times), 3), spread, len(times))

    def differs(self, other: "Timed") -> bool:
        """Whether the two are further apart than their runs are."""
        apart = (self.spread_ms or 0) + (other.spread_ms or 0)
        return abs(self.median_ms - other.median_ms) > apart


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two plans. `nodes` are those of both, side by side in order, as changes
    even where they are the same; `times` of both, None where a plan tells none."""

    changes: tuple[Change, ...]
    growth: Growth
    nodes: tuple[Change, ...]
    times: tuple[Timed | None, Timed | None]


def compare(before: Sequence[Plan], after: Sequence[Plan]) -> Comparison:
    """What changed from one plan to another. Each is that of one statement or more of its runs, of
    which the last is taken, and the times of all.

    Nodes are aligned in the order of the text, by what they are and read; a filter that moved from
    one layer to another changes its node.
    """
    old, new = before[-1], after[-1]
    growth = Growth(
        _ratio(rows_scanned(old), rows_scanned(new)),
        _ratio(_dpu(old), _dpu(new)),
    )
    nodes, times = tuple(_nodes(old, new)), (Timed.of(before), Timed.of(after))
    changed = (each for each in nodes if each.before != each.after)
    changes = (*changed, *_figures(old, new), *_times(*times))
    return Comparison(changes, growth, nodes, times)


def same_nodes(plans: Sequence[Plan]) -> bool:
    """Whether plans have the same nodes, as those of one statement's runs do."""
    return len({tuple(map(_shown, plan.walk())) for plan in plans}) == 1


def _nodes(before: Plan, after: Plan) -> Iterator[Change]:
    old, new = [_shown(each) for each in before.walk()], [_shown(each) for each in after.walk()]
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for _, old_from, old_to, new_from, new_to in matcher.get_opcodes():
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
    }
    for what, (old, new) in pairs.items():
        if old != new:
            yield Change(what, _text(old), _text(new))


def _times(before: Timed | None, after: Timed | None) -> Iterator[Change]:
    if before is None or after is None:
        if before is not after:
            yield Change("execution_ms", _time(before), _time(after))
    elif before.differs(after):
        yield Change("execution_ms", _time(before), _time(after))


def _time(timed: Timed | None) -> str | None:
    if timed is None:
        return None
    spread = "" if timed.spread_ms is None else f" (spread {timed.spread_ms:.3f})"
    return f"{timed.median_ms:.3f}{spread}"


def _dpu(plan: Plan) -> Decimal | None:
    return None if plan.dpu is None else plan.dpu.of_storage


def _ratio(before: Decimal | int | None, after: Decimal | int | None) -> Decimal | None:
    if before is None or after is None:
        return None
    if not before:
        return Decimal("Infinity") if after else Decimal(1)
    return (Decimal(after) / Decimal(before)).quantize(Decimal("0.001"))


def _text(value: object) -> str | None:
    return None if value is None else str(value)

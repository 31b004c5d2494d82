"""What the drawings of a plan share: layers with their names, short figures, what stands out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dsqlkit.plans.names import sql_name
from dsqlkit.plans.node import MOST_EXACT, PlanNode, Property
from dsqlkit.plans.scans import B_TREE_SCAN

HOT: Final = 0.5
WARM: Final = 0.1
"""Shares of the statement's time from which on a node stands out."""
"""How many times an estimate may be off before it stands out."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A condition that may drop rows, by the layer that checks it: `early` costs least."""

    words: str
    rank: str
    line: Property


_LAYERS: Final = {
    "Index Cond": ("index condition", "early"),
    "Recheck Cond": ("recheck", "early"),
    "Filters": ("storage filter", "middle"),
    "Filter": ("query-processor filter", "late"),
    "Join Filter": ("join filter", "late"),
}


def layers_of(node: PlanNode, known: str | None) -> Iterator[Layer]:
    """The layers of a node, the cheapest first. `known` is the index condition of the scan above,
    which a B-Tree Scan repeats: that is left out.
    """
    for label, (words, rank) in _LAYERS.items():
        for line in node.properties:
            repeated = node.node_type == B_TREE_SCAN and line.value == known
            if line.label == label and not repeated:
                yield Layer(words, rank, line)


def name_parts(node: PlanNode) -> tuple[str, str, str, str]:
    """A node's name in four parts, for four styles: label, kind, variant, and what it is about."""
    kind = ("Parallel " if node.parallel else "") + node.node_type
    target = node.relation or node.index
    about = " Backward" if node.backward else ""
    about += f" on {sql_name(target)}" if target else ""
    about += f" {sql_name(node.alias)}" if node.alias else ""
    about += f" using {sql_name(node.index)}" if node.index and node.relation else ""
    variant = f" ({node.variant})" if node.variant else ""
    return (f"{node.label}: " if node.label else "", kind, variant, about)


def short(rows: float | None) -> str:
    """Rows in at most six characters: `99,999`, `120k`, `1.2M`, `1e+24`."""
    if rows is None:
        return ""
    if rows < 99_999.5:
        return f"{rows:,.0f}"
    for unit, size in (("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12)):
        if rows < size * 999.5:
            return f"{rows / size:.3g}{unit}"
    return f"{rows:.0e}"


def cost_of(node: PlanNode) -> str:
    """The planner's cost, which has no more than 15 digits: `43.30`, `2.25e+22`."""
    if node.cost is None:
        return ""
    total = node.cost.total
    return f"{total:,.2f}" if total < MOST_EXACT else f"{total:.3g}"


def estimate_factor(expected: float | None, found: float | None) -> float:
    """How many times an estimate is off, up or down; 1 where one of the two is not known."""
    if expected is None or found is None:
        return 1.0
    factor = max(expected, 1) / max(found, 1)
    return max(factor, 1 / factor)

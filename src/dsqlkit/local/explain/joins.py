"""Which joins DSQL batches: those that look up rows by what another node gives. Pure.

Keys are all that the inner scan is sent. What else compares its rows with those of the other side
is decided by the join, as its Join Filter (user guide, batched nested-loop joins, 2026-09);
PostgreSQL has the inner scan do it.
"""

from dataclasses import replace

from dsqlkit.local.explain.conditions import aliases
from dsqlkit.local.explain.document import Node
from dsqlkit.local.explain.figures import Figures
from dsqlkit.local.explain.scans import Scan

_TYPES = ("Inner", "Left")
"""Those that were recorded (2026-10) or stand in the user guide (2026-09)."""


def is_batched(node: Node, inner: Scan | None) -> bool:
    """Whether a node is a nested loop whose keys are sent in batches. `inner` is its inner scan."""
    return (
        node["Node Type"] == "Nested Loop"
        and node["Join Type"] in _TYPES
        and inner is not None
        and inner.reads_of_others
    )


def raised(inner: Scan) -> tuple[str, ...]:
    """The conditions of the inner scan that the join decides: those that name other rows."""
    return tuple(part for part in inner.left if set(aliases(part)) - {inner.alias})


def lowered(inner: Scan) -> Scan:
    """The inner scan with what is left to it."""
    above = raised(inner)
    return replace(inner, left=tuple(part for part in inner.left if part not in above))


def before_join_filter(inner: Scan, figures: Figures) -> Figures:
    """The figures of an inner scan whose only filter is that of the join."""
    if raised(inner) and not lowered(inner).left and not inner.stored:
        return replace(figures.with_rows(figures.removed or 0), removed=0)
    return figures

"""Which joins DSQL batches: those that look up rows by what another node gives. Pure."""

from dsqlkit.local.explain.document import Node
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

"""What a plan's scans read from tables and indexes, and what they threw away.

A row on its way up passes layers, each of which may drop it: storage reads it from a B-tree (the
index condition decides which), storage drops it (`Filters:`), the query processor drops it
(`Filter:`). On PostgreSQL the last two are one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dsqlkit.plans.model import Plan
from dsqlkit.plans.node import PlanNode

STORAGE_SCAN: Final = "Storage Scan"
STORAGE_LOOKUP: Final = "Storage Lookup"
B_TREE_SCAN: Final = "B-Tree Scan"
STORAGE_NODES: Final = frozenset({STORAGE_SCAN, STORAGE_LOOKUP, B_TREE_SCAN, "B-Tree Lookup"})
"""DSQL's nodes for the work of storage; they stand under a scan node, which includes them."""

_WHOLE: Final = frozenset({"Seq Scan", "Full Scan"})
_BY_INDEX: Final = frozenset({"Index Scan", "Index Only Scan"})
_SCANS: Final = (
    _WHOLE
    | _BY_INDEX
    | {"Bitmap Heap Scan", "Sample Scan", "Tid Scan", "Tid Range Scan", "Foreign Scan"}
)
"""Nodes that read a table or an index. A Bitmap Index Scan is part of the Bitmap Heap Scan above
it; scans of functions, CTEs, VALUES and subqueries read nothing that is stored.
"""


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan node and the rows that passed its layers, over all loops.

    With `measured` false they are the planner's estimates for one loop. `read` and `sent` are None
    where the plan does not say: PostgreSQL does not estimate them.
    """

    node: PlanNode
    measured: bool
    read: float | None
    """Rows read from the B-tree or table."""
    sent: float | None
    """Rows that storage sent on; on PostgreSQL the same as `read`."""
    given: float
    """Rows that the scan gave to the node above."""
    lookups: float
    """Rows fetched again from the table, for columns that the index does not hold (DSQL)."""

    @property
    def dropped(self) -> float:
        """Rows that were read in vain."""
        return max((self.read or 0) - self.given, 0)

    @property
    def dropped_late(self) -> float:
        """Rows that storage sent and the query processor dropped."""
        return max((self.sent or 0) - self.given, 0)

    @property
    def reads_all(self) -> bool:
        """Whether nothing narrows what is read: the whole table or index is."""
        if self.node.node_type in _WHOLE:
            return True
        return self.node.node_type in _BY_INDEX and index_condition(self.node) is None


def scans(plan: Plan) -> Iterator[Scan]:
    """The scans of a plan, in the order of the text."""
    for node in plan.walk():
        if is_scan(node):
            yield _measured(node) if plan.analyzed else _estimated(node)


def is_scan(node: PlanNode) -> bool:
    """Whether a node reads a table or an index, and is not one of storage's own."""
    return node.node_type in _SCANS or (
        node.node_type not in STORAGE_NODES and any(storage_nodes(node))
    )


def rows_scanned(plan: Plan) -> int | None:
    """What the scans read: rows they gave up plus rows their filters dropped, over all loops.

    A DSQL scan prints one read up to three times: as itself, as the Storage Scan and as the B-Tree
    Scan. It counts once, by the layer that says most: the rows of the B-Tree Scan, or rows given
    up plus rows dropped (`Rows Filtered`, `Rows Removed by Filter`) of a layer above. A Storage
    Lookup fetches rows that were counted when its index was read, so it adds nothing; nor does a
    Bitmap Index Scan. On PostgreSQL it is rows given up plus `Rows Removed by Filter` and
    `Rows Removed by Index Recheck`. All are printed as averages, so the product with the loops
    is off by up to half a row for each loop.

    None if the plan was not made with ANALYZE.
    """
    if not plan.analyzed:
        return None
    return round(sum(scan.read or 0 for scan in scans(plan)))


def rows_read_below(node: PlanNode) -> float:
    """What the scans at and below a measured node read, over all loops; see `rows_scanned`."""
    return sum(_measured(each).read or 0 for each in node.walk() if is_scan(each))


def index_condition(node: PlanNode) -> str | None:
    """The condition by which a scan node reads less than its whole index."""
    own = node.value("Index Cond") or node.value("Recheck Cond")
    return own or next((b.value("Index Cond") for b in storage_nodes(node, B_TREE_SCAN)), None)


def storage_filter(node: PlanNode) -> str | None:
    """The condition that storage checks for a scan node: read, but not sent."""
    below = (line.value("Filters") for line in storage_nodes(node, STORAGE_SCAN, STORAGE_LOOKUP))
    return next((condition for condition in below if condition), None)


def filters(scan: Scan) -> list[str]:
    """The conditions that drop rows which the scan has read, the query processor's first."""
    return list(filter(None, [scan.node.value("Filter"), storage_filter(scan.node)]))


def storage_nodes(node: PlanNode, *node_types: str) -> Iterator[PlanNode]:
    """The storage nodes that do the work of a scan node, of all types or of those given."""
    for child in node.children:
        if child.node_type in STORAGE_NODES and child.label is None:
            if not node_types or child.node_type in node_types:
                yield child
            yield from storage_nodes(child, *node_types)


def _measured(node: PlanNode) -> Scan:
    given = node.rows_total or 0
    came_in = given + _dropped(node, "Rows Removed by Filter", "Rows Removed by Index Recheck")
    storage = list(storage_nodes(node, STORAGE_SCAN))
    read = max(came_in, sum(_storage_read(scan) for scan in storage))
    found = list(storage_nodes(node, STORAGE_LOOKUP))
    looked_up = sum((each.rows_total or 0) + _dropped(each, "Rows Filtered") for each in found)
    # What a look-up filters is not sent.
    filtering = [each for each in found if each.value("Filters")]
    return Scan(
        node=node,
        measured=True,
        read=read,
        sent=max(came_in, sum(scan.rows_total or 0 for scan in filtering or storage)),
        given=given,
        # Under many loops DSQL may print trillions here, which is a defect of its report (a
        # maintained skill on DSQL plans): no row is looked up that was not read.
        lookups=min(looked_up, read),
    )


def _storage_read(storage_scan: PlanNode) -> float:
    b_trees = storage_nodes(storage_scan, B_TREE_SCAN)
    return max(
        (storage_scan.rows_total or 0) + _dropped(storage_scan, "Rows Filtered"),
        sum((b_tree.rows_total or 0) + _dropped(b_tree, "Rows Filtered") for b_tree in b_trees),
    )


def _dropped(node: PlanNode, *labels: str) -> float:
    return sum(node.count(label) for label in labels) * (node.loops or 0)


def _estimated(node: PlanNode) -> Scan:
    sent = [_estimated_rows(scan) for scan in storage_nodes(node, STORAGE_SCAN)]
    read = [_estimated_rows(b_tree) for b_tree in storage_nodes(node, B_TREE_SCAN)]
    return Scan(
        node=node,
        measured=False,
        read=sum(read) if read else None,
        sent=sum(sent) if sent else None,
        given=_estimated_rows(node),
        lookups=sum(_estimated_rows(lookup) for lookup in storage_nodes(node, STORAGE_LOOKUP)),
    )


def _estimated_rows(node: PlanNode) -> float:
    return node.cost.rows if node.cost else 0

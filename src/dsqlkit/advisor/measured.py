"""What the measured plan read for each of a query's uses of tables."""

import re
from dataclasses import dataclass
from typing import Final

from dsqlkit.advisor.query import Query
from dsqlkit.plans.model import Plan
from dsqlkit.plans.scans import Scan, scans

_JOIN: Final = re.compile(r"Join|Nested Loop")


@dataclass(frozen=True, slots=True)
class Reads:
    """Rows over all loops: read, given to the node above, looked up in the table (DSQL)."""

    read: float
    given: float
    lookups: float
    loops: int
    reads_all: bool
    index: str | None


def scans_of(plan: Plan, query: Query) -> tuple[tuple[Scan, ...], ...]:
    """For each use its scans, none for a use that the plan has no scan of.

    A scan belongs to the use of its alias. PostgreSQL numbers aliases that appear at several
    levels (`orders_1`): what has no use of its name goes to one of its table without a scan.
    """
    found: list[list[Scan]] = [[] for _ in query.uses]
    homeless: list[Scan] = []
    for scan in scans(plan):
        name = scan.node.alias or scan.node.relation
        own = [
            place
            for place, use in enumerate(query.uses)
            if use.alias == name and use.table.name == scan.node.relation
        ]
        if own:
            found[own[0]].append(scan)
        else:
            homeless.append(scan)
    for scan in homeless:
        for place, use in enumerate(query.uses):
            if not found[place] and use.table.name == scan.node.relation:
                found[place].append(scan)
                break
    return tuple(map(tuple, found))


def pairs_of(plan: Plan, query: Query) -> dict[tuple[int, int], float]:
    """The rows that the joins of two uses gave, by the places of the two, both ways round."""
    places = {use.alias: place for place, use in enumerate(query.uses)}
    found: dict[tuple[int, int], float] = {}
    for node in plan.walk():
        if len(node.inputs) != 2 or not _JOIN.search(node.node_type):
            continue
        sides = [
            places.keys() & {each.alias or each.relation for each in side.walk()}
            for side in node.inputs
        ]
        for left in sides[0]:
            for right in sides[1]:
                rows = node.rows_total or 0.0
                found.setdefault((places[left], places[right]), rows)
                found.setdefault((places[right], places[left]), rows)
    return found


def reads_of(found: tuple[Scan, ...]) -> Reads | None:
    """What these scans of one use read together."""
    if not found:
        return None
    return Reads(
        read=sum(scan.read or 0 for scan in found),
        given=sum(scan.given for scan in found),
        lookups=sum(scan.lookups for scan in found),
        loops=max(scan.node.loops or 0 for scan in found),
        reads_all=any(scan.reads_all for scan in found),
        index=next((scan.node.index for scan in found if scan.node.index), None),
    )

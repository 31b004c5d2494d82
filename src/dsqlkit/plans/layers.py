"""Where a plan decides each condition, and how far the rows get that it rules out. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from dsqlkit.plans.conditions import parts_of, readable
from dsqlkit.plans.model import Plan
from dsqlkit.plans.node import PlanNode
from dsqlkit.plans.scans import (
    STORAGE_LOOKUP,
    STORAGE_SCAN,
    index_condition,
    is_scan,
    storage_nodes,
)


class Layer(IntEnum):
    """Who decides a condition, the cheapest first: rows that the key rules out are not read, those
    that storage drops are read and not sent, those that the query processor drops are sent too.
    """

    KEY = 1
    STORAGE = 2
    LOOKUP = 3
    PROCESSOR = 4


@dataclass(frozen=True, slots=True)
class Move:
    """A condition, and who decides it in each of two plans."""

    condition: str
    before: Layer
    after: Layer


def decided(plan: Plan) -> dict[str, Layer]:
    """Who decides each condition of a plan's scans, by the condition as people read it."""
    found: dict[str, Layer] = {}
    for node in plan.walk():
        if is_scan(node):
            for condition, layer in _conditions(node):
                for part in parts_of(condition):
                    found[readable(part, node.own_name).replace("::text", "")] = layer
    return found


def moves(before: Plan, after: Plan) -> tuple[Move, ...]:
    """The conditions that both plans have, each with its two layers."""
    then = decided(after)
    return tuple(
        Move(condition, layer, then[condition])
        for condition, layer in decided(before).items()
        if condition in then
    )


def _conditions(scan: PlanNode) -> Iterator[tuple[str, Layer]]:
    found = (
        (index_condition(scan), Layer.KEY),
        *((node.value("Filters"), Layer.STORAGE) for node in storage_nodes(scan, STORAGE_SCAN)),
        *((node.value("Filters"), Layer.LOOKUP) for node in storage_nodes(scan, STORAGE_LOOKUP)),
        (scan.value("Filter"), Layer.PROCESSOR),
    )
    return ((condition, layer) for condition, layer in found if condition)

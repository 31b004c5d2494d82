"""The estimate of DPU below a plan. Pure.

Writes are computed by the formulas of dsqlkit.dpu, of the bytes that were written; reads of the
bytes of the entries that were read, without those of the catalog, which a cluster reads too
(observed: 0.00023 to 0.00161 DPU). Compute is what the backend took of a processor of this machine.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from dsqlkit.dpu import (
    MIN_ENTRY_BYTES,
    READ_MINIMUM,
    WRITE_MINIMUM,
    compute_dpu,
    read_dpu,
    rounded,
    write_dpu,
)
from dsqlkit.local.explain.document import Node
from dsqlkit.local.explain.facts import Facts
from dsqlkit.local.explain.scans import walk


@dataclass(frozen=True, slots=True)
class Charge:
    """The parts of an estimate, in DPU."""

    compute: Decimal
    read: Decimal
    write: Decimal


def charged(plan: Node, facts: Facts, elapsed_s: Decimal) -> Charge:
    """What a plan that ran is charged for. `elapsed_s` stands in for unknown processor time."""
    cpu_s = elapsed_s if facts.cpu_s is None else Decimal(f"{facts.cpu_s:.9f}")
    size = sum(each.bytes_read for each in facts.scans.values())
    size += sum(looked_up(node) for node, _ in walk(plan))
    return Charge(compute_dpu(cpu_s), read_dpu(size), write_dpu(facts.written))


def looked_up(node: Node) -> int:
    """The bytes that an INSERT reads to see that its keys are new: a point read for each row, with
    a primary key and without (plans of 2026 of one, two and five rows differ by 128 bytes a row).
    """
    return changed_by(node) * MIN_ENTRY_BYTES if node.get("Operation") == "Insert" else 0


def changed_by(node: Node) -> int:
    """How many rows a node changed."""
    if node["Node Type"] != "ModifyTable" or "Actual Rows" not in node:
        return 0
    if "Tuples Inserted" in node:
        return _whole(node["Tuples Inserted"]) + _whole(node["Conflicting Tuples"])
    given = (
        child
        for child in node.get("Plans") or ()
        if child.get("Parent Relationship") in ("Outer", "Member")
    )
    return sum(
        _whole(child.get("Actual Rows", 0)) * int(child.get("Actual Loops", 0)) for child in given
    )


def charge_lines(charge: Charge) -> Iterator[str]:
    """The block below the plan's times."""
    yield "Statement DPU Estimate:"
    yield f"  Compute: {rounded(charge.compute)} DPU"
    yield f"  Read: {_with_minimum(charge.read, READ_MINIMUM)}"
    yield f"  Write: {_with_minimum(charge.write, WRITE_MINIMUM)}"
    yield f"  Total: {rounded(charge.compute + charge.read + charge.write)} DPU"


def _with_minimum(dpu: Decimal, minimum: Decimal) -> str:
    told = f" (Transaction minimum: {minimum:.5f})" if 0 < dpu < minimum else ""
    return f"{rounded(dpu)} DPU{told}"


def _whole(number: str | int) -> int:
    return int(Decimal(number).to_integral_value())

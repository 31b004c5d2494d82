"""Measuring a query by its own plan: medians of warm runs, and what counts as a difference."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from dsqlkit.connection import Connections
from dsqlkit.errors import DsqlkitError
from dsqlkit.plans.model import Plan
from dsqlkit.plans.runner import plan_of
from dsqlkit.plans.scans import Scan, rows_scanned, scans, storage_nodes


@dataclass(frozen=True, slots=True)
class Measurement:
    """What several warm runs of one query gave.

    `execution_ms` is the median of the plans' Execution Time, `spread_ms` their interquartile
    range; rows and indexes are the last plan's. `index` is the first that it reads, or None.
    `rows_completed` are those that an index found and the table completed. `dpu` is the median of
    the plans' totals, `storage_dpu` that of what storage costs of them, without compute; None where
    they print none.
    """

    execution_ms: float
    spread_ms: float
    runs: int
    rows: int
    rows_scanned: int
    index: str | None
    indexes: tuple[str, ...] = ()
    rows_completed: int = 0
    dpu: Decimal | None = None
    storage_dpu: Decimal | None = None


def warm_runs(
    connections: Connections, sql: str, parameters: Mapping[str, object], runs: int
) -> tuple[Plan, ...]:
    """The plans of `runs` executions after one that is thrown away."""
    with connections.connection() as connection:
        plans = [plan_of(connection, sql, parameters, verbose=True) for _ in range(runs + 1)]
    return tuple(plans[1:])


def summary(plans: Sequence[Plan]) -> Measurement:
    """The measurement that these plans make; there must be at least two, all of EXPLAIN ANALYZE."""
    times = [plan.execution_ms for plan in plans if plan.execution_ms is not None]
    last = plans[-1]
    scanned = rows_scanned(last)
    rows = last.root.rows_total
    if len(times) < 2 or scanned is None or rows is None:
        raise DsqlkitError("The plans carry no times: EXPLAIN ANALYZE was not answered in full.")
    estimates = [plan.dpu for plan in plans if plan.dpu is not None]
    low, _, high = statistics.quantiles(times, n=4, method="inclusive")
    return Measurement(
        execution_ms=statistics.median(times),
        spread_ms=high - low,
        runs=len(times),
        rows=round(rows),
        rows_scanned=round(scanned),
        index=index_of(last),
        indexes=tuple(dict.fromkeys(node.index for node in last.walk() if node.index)),
        rows_completed=round(sum(map(_completed, scans(last)))),
        dpu=statistics.median(each.total for each in estimates) if estimates else None,
        storage_dpu=statistics.median(each.of_storage for each in estimates) if estimates else None,
    )


def _completed(scan: Scan) -> float:
    """On DSQL the rows of the Storage Lookup; on PostgreSQL what an Index Scan reads, and what an
    Index Only Scan could not answer alone.
    """
    if any(storage_nodes(scan.node)):
        return scan.lookups
    if scan.node.node_type in {"Index Scan", "Bitmap Heap Scan"}:
        return scan.read or 0.0
    return scan.node.count("Heap Fetches") * (scan.node.loops or 0)


def index_of(plan: Plan) -> str | None:
    """The first index that the plan reads, from the top."""
    return next((node.index for node in plan.root.walk() if node.index is not None), None)


def speedup(before: Measurement, after: Measurement) -> float | None:
    """How many times faster, or None where the difference lies within the two spreads."""
    if abs(before.execution_ms - after.execution_ms) <= before.spread_ms + after.spread_ms:
        return None
    return before.execution_ms / after.execution_ms if after.execution_ms else None


def scan_reduction(before: Measurement, after: Measurement) -> float | None:
    """How many times fewer rows the scans read; None when nothing is read afterwards."""
    return before.rows_scanned / after.rows_scanned if after.rows_scanned else None

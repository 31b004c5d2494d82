"""Measurements side by side, and what their difference amounts to, for people and as JSON."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Group

    from dsqlkit.measurement import Measurement
    from dsqlkit.workshop.optimization import Optimization


def document_of(done: "Optimization") -> dict[str, Any]:
    """The chapter's result as JSON has it."""
    return {
        "before": measurement_document(done.before),
        "after": measurement_document(done.after),
        "indexes": list(done.indexes),
        "speedup": None if done.speedup is None else round(done.speedup, 2),
        "scan_reduction": None if done.scan_reduction is None else round(done.scan_reduction, 2),
    }


def table_of(done: "Optimization") -> "Group":
    """The chapter's result for people."""
    from rich.console import Group
    from rich.text import Text

    from dsqlkit.cli.uncut import ResultTable

    table = ResultTable()
    table.column("")
    table.column("before", justify="right")
    table.column("after", justify="right")
    before, after = done.before, done.after
    table.add_row("Rows read", f"{before.rows_scanned:,}", f"{after.rows_scanned:,}")
    table.add_row("Rows returned", f"{before.rows:,}", f"{after.rows:,}")
    table.add_row("Execution", f"{before.execution_ms:.3f} ms", f"{after.execution_ms:.3f} ms")
    table.add_row("Spread", f"{before.spread_ms:.3f} ms", f"{after.spread_ms:.3f} ms")
    if before.storage_dpu is not None and after.storage_dpu is not None:
        table.add_row("DPU", f"{before.storage_dpu:.5f}", f"{after.storage_dpu:.5f}")
    if done.insert_before is not None and done.insert_after is not None:
        table.add_row("DPU an INSERT", f"{done.insert_before:.5f}", f"{done.insert_after:.5f}")
    table.add_row("Index", before.index or "none", after.index or "none")
    return Group(table, Text(), Text(_comparison(done)))


def _comparison(done: "Optimization") -> str:
    rows, time = done.scan_reduction, done.speedup
    fewer = "" if rows is None else f"{rows:.1f} times fewer rows read. "
    return (
        f"{fewer}Execution: {change(time)} (medians of {done.before.runs} warm runs each). "
        "DPU are those of storage: what the query reads, and what an INSERT of one row writes, "
        "an entry for the row and one for each index."
    )


def dpu_change(before: "Measurement", after: "Measurement") -> str:
    """What storage costs before and after, as a sentence; empty where it is not known."""
    if before.storage_dpu is None or after.storage_dpu is None:
        return ""
    return f" DPU of storage: {before.storage_dpu:.5f} before, {after.storage_dpu:.5f} after."


def change(speedup: float | None) -> str:
    """How much faster or slower, in words; None lies within the spread."""
    if speedup is None:
        return "no difference beyond the spread"
    if speedup >= 1:
        return f"{speedup:.1f} times faster"
    return f"{1 / speedup:.1f} times slower"


def measurement_document(measured: "Measurement") -> dict[str, Any]:
    """One side of a comparison as JSON has it; `dpu` only where the plans print it."""
    document: dict[str, Any] = {
        "execution_ms": round(measured.execution_ms, 3),
        "spread_ms": round(measured.spread_ms, 3),
        "rows": measured.rows,
        "rows_scanned": measured.rows_scanned,
        "index": measured.index,
    }
    if measured.dpu is not None:
        document["dpu"] = float(measured.dpu)
    return document

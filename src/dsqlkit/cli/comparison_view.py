"""Two plans beside each other, for people and as JSON."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

    from dsqlkit.plans.compare import Comparison
    from dsqlkit.plans.result import ExplainResult


def comparison_document(
    before: "ExplainResult", after: "ExplainResult", found: "Comparison"
) -> dict[str, Any]:
    """A comparison as JSON has it. Growth from nothing to something is null."""
    from dsqlkit.plans.to_dict import to_dict

    return {
        "before": to_dict(before),
        "after": to_dict(after),
        "changes": [
            {"what": each.what, "before": each.before, "after": each.after}
            for each in found.changes
        ],
        "growth": {
            "rows_scanned": _number(found.growth.rows_scanned),
            "dpu": _number(found.growth.dpu),
        },
    }


def comparison_view(found: "Comparison") -> "RenderableType":
    """A comparison for people."""
    from rich.console import Group
    from rich.text import Text

    from dsqlkit.cli.uncut import ResultTable

    if not found.changes:
        return Text("The plans are the same.")
    table = ResultTable()
    for heading in ("", "before", "after"):
        table.column(heading)
    for each in found.changes:
        table.add_row(Text(each.what), Text(each.before or "-"), Text(each.after or "-"))
    return Group(table, Text(), Text(summary_of(found)))


def summary_of(found: "Comparison") -> str:
    """By how much reads and cost grew, and what is to be said of the times."""
    rows, dpu = found.growth.rows_scanned, found.growth.dpu
    told = f"Rows read: {_times(rows)}, DPU without compute: {_times(dpu)}."
    before, after = found.times
    if before is None or after is None:
        return told
    if before.runs == after.runs == 1:
        return f"{told} Times are of one run each."
    apart = "differ" if before.differs(after) else "do not differ beyond the spread of the runs"
    return f"{told} Times are medians of {before.runs} and {after.runs} runs; they {apart}."


def _number(growth: Decimal | None) -> float | None:
    return None if growth is None or growth.is_infinite() else float(growth)


def _times(growth: Decimal | None) -> str:
    if growth is None:
        return "not known"
    return "from none to some" if growth.is_infinite() else f"{growth.normalize():f} times"

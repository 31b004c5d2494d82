"""Advice on indexes, and what trying it showed, for people and as JSON."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from dsqlkit.cli.measurement_view import change, dpu_change, measurement_document
from dsqlkit.cli.output import counted
from dsqlkit.cli.uncut import ResultTable

if TYPE_CHECKING:
    from dsqlkit.advisor.consulting import Consultation
    from dsqlkit.advisor.proposal import Proposal
    from dsqlkit.advisor.trial import Outcome
    from dsqlkit.measurement import Measurement


def document_of(consultation: "Consultation", outcome: "Outcome | None") -> dict[str, Any]:
    """The result as JSON has it. `after` is null where nothing was to be built."""
    advice = consultation.advice
    return {
        "before": measurement_document(outcome.before if outcome else consultation.before),
        "after": measurement_document(outcome.after) if outcome else None,
        "indexes": list(outcome.kept) if outcome else [],
        "speedup": _rounded(outcome.speedup if outcome else None),
        "scan_reduction": _rounded(outcome.scan_reduction if outcome else None),
        "proposals": [_proposal(each) for each in advice.proposals],
        "alternatives": [_proposal(each) for each in advice.alternatives],
        "trials": [
            {
                "indexes": list(each.names),
                **measurement_document(each.measured),
                "rows_looked_up": each.measured.rows_completed,
            }
            for each in (outcome.trials if outcome else ())
        ],
        "dropped": list(outcome.dropped) if outcome else [],
        "notes": list(advice.notes),
    }


def view_of(consultation: "Consultation", outcome: "Outcome | None") -> RenderableType:
    """The result for people."""
    advice = consultation.advice
    tried = outcome if outcome and outcome.trials else None
    parts: list[RenderableType] = []
    if not tried:
        parts += [Wrapped(_now(consultation.before)), ""]
    for each in advice.proposals:
        parts += [Wrapped(lines_of(each.ddl), style="bold"), *_details(each), ""]
    if not advice.proposals:
        parts += ["No index is proposed: none is expected to help this query.", ""]
    if advice.alternatives and not tried:
        parts.append("To compare it with:")
        parts += [indented(lines_of(each.ddl)) for each in advice.alternatives]
        parts.append("")
    for note in advice.notes:
        parts += [Wrapped(f"Note: {note}"), ""]
    if tried:
        parts += [_trials(tried), "", *_verdict(tried)]
    elif advice.proposals:
        parts.append("Nothing was built: --apply builds, measures and keeps the best.")
    while parts and parts[-1] == "":
        parts.pop()
    return Group(*parts)


def _now(before: "Measurement") -> str:
    by = before.index or "no index"
    dpu = "" if before.storage_dpu is None else f"{before.storage_dpu:.5f} DPU of storage; "
    return (
        f"Now: {counted(before.rows_scanned, 'row', 'rows')} read for {before.rows:,} returned, "
        f"by {by}; {dpu}"
        f"{before.execution_ms:.3f} ms (spread {before.spread_ms:.3f} ms, {before.runs} warm runs)."
    )


def _details(proposal: "Proposal") -> list[RenderableType]:
    lines = [f"Why: {proposal.reason}", f"Cost: {proposal.write_cost}"]
    if proposal.redundant:
        lines.append(
            f"Then redundant: {', '.join(proposal.redundant)}, whose work it does as well. Drop it "
            "when no other query is slower for it."
        )
    return [indented(line) for line in lines]


def lines_of(ddl: str) -> str:
    """The statement on lines that are not broken in the middle, to be copied."""
    return ddl.replace(" ON ", "\n    ON ", 1).replace(" INCLUDE (", "\n    INCLUDE (", 1) + ";"


@dataclass(frozen=True)
class Wrapped:
    """A text wrapped to the width, without blanks at the ends of lines."""

    text: str
    indent: int = 0
    style: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in Text(self.text, style=self.style).wrap(
            console, options.max_width - self.indent
        ):
            line.rstrip()
            line.pad_left(self.indent)
            yield line


def indented(text: str) -> Wrapped:
    """A text that is set in below a heading."""
    return Wrapped(text, indent=2)


def _trials(outcome: "Outcome") -> ResultTable:
    table = ResultTable()
    table.column("With")
    for heading in ("rows read", "looked up", "execution (spread)"):
        table.column(heading, justify="right", no_wrap=True)
    with_dpu = outcome.before.storage_dpu is not None
    if with_dpu:
        table.column("DPU", justify="right", no_wrap=True)
    rows = [("no new index", outcome.before)]
    rows += [("\n".join(each.names), each.measured) for each in outcome.trials]
    for name, measured in rows:
        cells = [
            name,
            f"{measured.rows_scanned:,}",
            f"{measured.rows_completed:,}",
            f"{measured.execution_ms:.3f} ({measured.spread_ms:.3f}) ms",
        ]
        table.add_row(*cells, *([f"{measured.storage_dpu or 0:.5f}"] if with_dpu else []))
    return table


def _verdict(outcome: "Outcome") -> list[RenderableType]:
    before, after = outcome.before, outcome.after
    lines = []
    if after is before:
        lines.append("No index helped.")
    else:
        lines.append(
            f"{before.rows_scanned:,} rows read before, {after.rows_scanned:,} after, for "
            f"{after.rows:,} returned.{dpu_change(before, after)} Execution: "
            f"{change(outcome.speedup)} (medians of {before.runs} and {after.runs} warm runs)."
        )
    lines.append(f"Kept: {', '.join(outcome.kept) or 'none'}.")
    if outcome.dropped:
        lines.append(f"Dropped: {', '.join(outcome.dropped)}.")
    return [Wrapped(line) for line in lines]


def _proposal(proposal: "Proposal") -> dict[str, Any]:
    return {
        "ddl": proposal.ddl,
        "reason": proposal.reason,
        "write_cost": proposal.write_cost,
        "redundant": list(proposal.redundant),
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 2)

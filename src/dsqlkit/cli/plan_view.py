"""A plan for people: the tree, its totals, and what there is to mend."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from dsqlkit.cli.plan_tree import PlanTree
from dsqlkit.plans.findings import Finding, Severity, count
from dsqlkit.plans.model import DpuEstimate, Plan
from dsqlkit.plans.result import ExplainResult
from dsqlkit.plans.scans import rows_scanned

_STYLES: Final = {
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
}


def plans_view(results: Sequence[ExplainResult]) -> RenderableType:
    """One plan after another, each with its number where there are several."""
    if len(results) == 1:
        return plan_view(results[0])
    parts: list[RenderableType] = []
    for number, result in enumerate(results, start=1):
        heading = Text(f"Plan {number} of {len(results)}", "bold")
        parts += [heading, plan_view(result), *([Text()] if number < len(results) else [])]
    return Group(*parts)


def plan_view(result: ExplainResult) -> RenderableType:
    """The tree, the totals and the findings, the most severe first."""
    parts: list[RenderableType] = [
        PlanTree(result.plan, result.catalog.strings),
        Text(),
        Text(_totals(result.plan)),
    ]
    if result.plan.dpu:
        parts.append(Text(_dpu(result.plan.dpu)))
    for finding in result.findings:
        parts += [Text(), _FindingView(finding)]
    return Group(*parts)


class _FindingView:
    """The severity, and beside it what was seen, why it matters, what to do."""

    def __init__(self, finding: Finding) -> None:
        self._finding = finding

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        finding = self._finding
        margin = max(map(len, Severity)) + 2
        head = Text(finding.severity.ljust(margin), _STYLES[finding.severity])
        for words in (finding.observed, Text(finding.why, "dim"), finding.advice):
            text = words if isinstance(words, Text) else Text(words)
            for line in text.wrap(console, max(options.max_width - margin, 20)):
                line.rstrip()
                yield Text.assemble(head, line)
                head = Text(" " * margin)


def _totals(plan: Plan) -> str:
    if not plan.analyzed:
        return "Not run: rows and cost are the planner's estimates."
    facts = [
        f"{count(plan.root.rows_total or 0)} returned",
        f"{rows_scanned(plan) or 0:,} read by scans",
    ]
    if plan.execution_ms is not None:
        facts.append(f"execution {plan.execution_ms:,.3f} ms")
    if plan.planning_ms is not None:
        facts.append(f"planning {plan.planning_ms:,.3f} ms")
    return ", ".join(facts)


def _dpu(estimate: DpuEstimate) -> str:
    parts = [
        f"{part} {amount.dpu}" + (f" (minimum {amount.minimum})" if amount.minimum else "")
        for part, amount in estimate.parts.items()
    ]
    return f"DPU estimate: {', '.join(parts)}, total {estimate.total}"

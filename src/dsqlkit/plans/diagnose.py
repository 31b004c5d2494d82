"""What is wrong with a plan: all findings, the weightiest first."""

from collections.abc import Iterator

from dsqlkit.plans.findings import Finding, Severity
from dsqlkit.plans.model import Plan
from dsqlkit.plans.scan_rules import scan_findings
from dsqlkit.plans.scans import rows_scanned, scans
from dsqlkit.plans.timing import node_times
from dsqlkit.plans.tree_rules import estimates_off, nested_loops, sorts

_ORDER = {severity: place for place, severity in enumerate(Severity)}


def diagnose(plan: Plan) -> tuple[Finding, ...]:
    """The findings about a plan, the most severe first, else in the order of the text.

    A plan made without ANALYZE is judged by the planner's estimates, and the findings say so.
    """
    return tuple(sorted(_findings(plan), key=lambda finding: _ORDER[finding.severity]))


def _findings(plan: Plan) -> Iterator[Finding]:
    times = node_times(plan)
    shares = {id(time.node): time.share for time in times.walk()}
    all_read = rows_scanned(plan)
    for scan in scans(plan):
        share = shares[id(scan.node)]
        if share is None and all_read:
            share = (scan.read or 0) / all_read
        yield from scan_findings(scan, share)
    yield from nested_loops(times)
    yield from sorts(times, times.total_ms)
    yield from estimates_off(plan.root)

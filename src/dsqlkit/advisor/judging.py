"""What a plan shows, judged with what the advice on its statement knows.

`plans.diagnose` has the plan alone. With the statement and the statistics, a finding about rows
read in vain names the index that `optimize` would propose, or says why none helps; where neither
can be said there is nothing to gain, and no finding.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import psycopg

from dsqlkit.advisor.advise import Advice, advise
from dsqlkit.advisor.candidate import counted
from dsqlkit.advisor.facts_reader import Facts, facts_of
from dsqlkit.advisor.proposal import Proposal
from dsqlkit.advisor.syntax import Statement, parse
from dsqlkit.errors import SqlError, UsageError
from dsqlkit.plans.findings import Finding, Severity, count, weightiest_first
from dsqlkit.plans.headroom import WORTH_ROWS
from dsqlkit.plans.node import PlanNode
from dsqlkit.plans.result import ExplainResult
from dsqlkit.plans.scans import Scan, rows_scanned, scans
from dsqlkit.sql_errors import sql_error

_ABOUT_INDEXES: Final = frozenset(
    {"full_scan", "rows_removed", "late_filter", "sort", "nested_loop", "unusable_index"}
)


_IN_VAIN: Final = (
    "Few of the rows find a partner in the join, or stand first in the order that is asked for: "
    "the others are read in vain."
)
_HIDDEN: Final = (
    "The key of the index begins with another column than the condition names: all its entries are "
    "looked at, though the plan counts those that are found."
)


def judged(
    connection: psycopg.Connection[Any],
    result: ExplainResult,
    sql: str,
    parameters: dict[str, object],
) -> ExplainResult:
    """The result with its findings judged again. The connection must be idle, and is so afterwards.

    A plan that was not measured, and that of a statement on which there is no advice (as MERGE),
    stays as it is.
    """
    if not result.plan.analyzed:
        return result
    try:
        statement = parse(sql, parameters)
    except (UsageError, SqlError):  # the database took it, so it is one that is not looked into
        return result
    try:
        with connection.transaction(force_rollback=True):
            facts = facts_of(connection, result.plan, statement)
    except psycopg.Error as error:
        raise sql_error(error) from error
    return replace(result, findings=judge(result, statement, facts))


def judge(result: ExplainResult, statement: Statement, facts: Facts) -> tuple[Finding, ...]:
    """The findings about a measured plan, the most severe first."""
    advice = advise(statement, result.plan, facts)
    return weightiest_first([*_with_advice(result.findings, advice), *_added(result, advice)])


def _with_advice(findings: Sequence[Finding], advice: Advice) -> Iterator[Finding]:
    told: set[str] = set()
    hidden = {finding.node.relation for finding in findings if finding.code == "unusable_index"}
    for finding in findings:
        table = _table_of(finding.node)
        if finding.code == "estimate_off":
            yield from _estimate(finding, advice)
        elif finding.code not in _ABOUT_INDEXES:
            yield finding
        elif proposals := [each for each in advice.proposals if each.table == table]:
            if table not in told:
                yield replace(finding, advice=_words(proposals))
            told.add(table or "")
        elif finding.code == "unusable_index":
            yield finding
        elif finding.code != "nested_loop" and table not in hidden:
            why = [words for name, words in advice.obstacles if name == table]
            if why:
                yield replace(finding, advice=" ".join(why))


def _estimate(finding: Finding, advice: Advice) -> Iterator[Finding]:
    """What the planner expected matters less once an index is there: it finds what there is."""
    table = finding.node.relation
    related = [words for name, words in advice.correlations if name == table]
    if related:
        yield replace(finding, advice=related[0])
    elif not any(each.table == table or table is None for each in advice.proposals):
        yield finding


def _added(result: ExplainResult, advice: Advice) -> Iterator[Finding]:
    """Findings about tables of which the plan alone says nothing: all of one side of a join is
    read, though few of its rows find a partner; a constraint looks into a child table.
    """
    told = {
        _table_of(finding.node) for finding in result.findings if finding.code in _ABOUT_INDEXES
    }
    whole = rows_scanned(result.plan) or 0
    for proposal in advice.proposals:
        if proposal.table in told:
            continue
        told.add(proposal.table)
        scan = _scan_of(result, proposal)
        if scan is None:
            yield Finding(
                code="constraint_check",
                severity=Severity.MEDIUM,
                node=result.plan.root,
                observed=f"{proposal.reason}",
                why="The plan shows it as the time of a trigger, and not as a scan.",
                advice=_words([proposal]),
            )
            continue
        read = max(scan.read or 0, (proposal.rows_now or 0) if not scan.reads_all else 0)
        lucky = (
            ""
            if read >= WORTH_ROWS
            else " It met them early; a scan for others goes on much longer."
        )
        yield Finding(
            code="full_scan" if scan.reads_all else "rows_removed",
            severity=Severity.of(read / whole if whole else None, read),
            node=scan.node,
            observed=f"{scan.node.title} read {count(read)}; by an index about "
            f"{counted(proposal.rows or 0)} would be enough.{lucky}",
            why=_HIDDEN if read > max(scan.read or 0, WORTH_ROWS) else _IN_VAIN,
            advice=_words([proposal]),
        )


def _scan_of(result: ExplainResult, proposal: Proposal) -> Scan | None:
    if proposal.rows is None:
        return None
    found = [scan for scan in scans(result.plan) if scan.node.relation == proposal.table]
    return max(found, key=lambda scan: scan.read or 0, default=None)


def _table_of(node: PlanNode) -> str | None:
    """The table that a finding's node reads, or that the inner side of its join does."""
    if node.relation is not None:
        return node.relation
    below = [each.relation for each in reversed(tuple(node.walk())) if each.relation]
    return below[0] if below else None


def _words(proposals: Sequence[Proposal]) -> str:
    parts = []
    for each in proposals:
        rows = "" if each.rows is None else f" (about {counted(each.rows)} read instead)"
        parts.append(f"{each.ddl}{rows}.")
    return " ".join(parts)

"""Findings about statements that write."""

from collections.abc import Iterator
from typing import Final

from dsqlkit.plans.findings import Finding, Severity, count
from dsqlkit.plans.model import Plan, PlanNode, sql_name

MAX_ROWS: Final = 3_000
"""So many rows may be changed in one transaction: the next is refused with 54000."""


def too_many_rows(plan: Plan) -> Iterator[Finding]:
    """The statement changes more rows than one transaction may, or is expected to.

    EXPLAIN ANALYZE may let it pass where the statement by itself is refused.
    """
    writing = [node for node in plan.walk() if node.writes]
    rows = sum(_rows_changed(node, plan.analyzed) for node in writing)
    if rows <= MAX_ROWS:
        return
    verb = "changes" if plan.analyzed else "is expected to change"
    table = sql_name(writing[0].relation or "")
    yield Finding(
        code="row_limit",
        severity=Severity.HIGH,
        node=writing[0],
        observed=f"The statement {verb} {count(rows)} of {table}: more than the {MAX_ROWS:,} that "
        "one transaction may. By itself it is refused.",
        why="DSQL refuses the row after the last one that is allowed (54000, transaction row limit "
        "exceeded), and the whole transaction is lost.",
        advice="Change the rows in batches, by ranges of the primary key, each in a transaction of "
        "its own.",
    )


def _rows_changed(node: PlanNode, analyzed: bool) -> float:
    if analyzed:
        return sum(each.rows_total or 0 for each in node.inputs)
    return sum(each.cost.rows for each in node.inputs if each.cost)

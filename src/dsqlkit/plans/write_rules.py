"""Findings about statements that write."""

from collections.abc import Iterator
from typing import Final

from dsqlkit.plans.findings import Finding, Severity, count
from dsqlkit.plans.model import Plan
from dsqlkit.plans.names import sql_name
from dsqlkit.plans.node import PlanNode
from dsqlkit.quotas import MAX_ROWS

ROW_LIMIT: Final = "row_limit"


def too_many_rows(plan: Plan) -> Iterator[Finding]:
    """The statement changes more rows than one transaction may, or is expected to.

    EXPLAIN ANALYZE may let it pass where the statement by itself is refused.
    """
    writing = _writing(plan)
    rows = sum(_rows_changed(node, analyzed=plan.analyzed) for node in writing)
    if rows <= MAX_ROWS:
        return
    verb = "changes" if plan.analyzed else "is expected to change"
    yield _row_limit(
        writing[0],
        f"The statement {verb} {count(rows)} of {_table(writing[0])}: more than the {MAX_ROWS:,} "
        "that one transaction may. By itself it is refused.",
    )


def refused_rows(plan: Plan) -> Finding:
    """The statement was refused when it was run, as it changes more rows than one transaction may;
    its plan is one without ANALYZE."""
    node = next(iter(_writing(plan)), plan.root)
    return _row_limit(
        node,
        f"The statement was refused: it changes more rows of {_table(node)} than the {MAX_ROWS:,} "
        "that one transaction may.",
    )


def _row_limit(node: PlanNode, observed: str) -> Finding:
    return Finding(
        code=ROW_LIMIT,
        severity=Severity.HIGH,
        node=node,
        observed=observed,
        why="DSQL refuses the row after the last one that is allowed (54000, transaction row limit "
        "exceeded), and the whole transaction is lost.",
        advice="Change the rows in batches, by ranges of the primary key, each in a transaction of "
        "its own.",
    )


def _writing(plan: Plan) -> list[PlanNode]:
    return [node for node in plan.walk() if node.writes]


def _table(node: PlanNode) -> str:
    return sql_name(node.relation or "")


def _rows_changed(node: PlanNode, *, analyzed: bool) -> float:
    if analyzed:
        return sum(each.rows_total or 0 for each in node.inputs)
    return sum(each.cost.rows for each in node.inputs if each.cost)

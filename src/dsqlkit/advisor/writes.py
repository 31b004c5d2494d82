"""What a statement writes, as far as indexes are concerned."""

from dsqlkit.advisor.fewest import TableWrite
from dsqlkit.advisor.syntax import Statement, kind_of
from dsqlkit.plans.model import Plan


def writes_of(statement: Statement, plan: Plan, weight: float) -> tuple[TableWrite, ...]:
    """The rows that a measured plan changed, for each of the tables; an UPDATE with the columns
    that it sets.
    """
    found = []
    columns = _set_columns(statement)
    for node in plan.walk():
        if not node.writes or node.relation is None:
            continue
        rows = sum(each.rows_total or 0.0 for each in node.inputs)
        only = columns if node.node_type == "Update" else None
        found.append(TableWrite((node.schema or "public", node.relation), rows, weight, only))
    return tuple(found)


def _set_columns(statement: Statement) -> frozenset[str] | None:
    """The columns that an UPDATE sets; None where it stands inside another statement."""
    if kind_of(statement.node) != "update_stmt":
        return None
    targets = statement.node.update_stmt.target_list
    return frozenset(each.res_target.name for each in targets)

"""The conditions that a plan's scans check, beside those that the text says.

The planner pushes conditions down (into views and subqueries, through UNION ALL, below DISTINCT and
window functions), takes common parts out of OR, and computes constants: its scans say what is left.
"""

from dataclasses import replace

import postgast

from dsqlkit.advisor.condition import ELSEWHERE, ColumnAt
from dsqlkit.advisor.condition_reader import ConditionReader
from dsqlkit.advisor.query import Comparison, Obstacle, Predicate, TableUse
from dsqlkit.advisor.syntax import Node, bare, names_of, parse_condition, text_of
from dsqlkit.plans.conditions import parts_of
from dsqlkit.plans.scans import Scan, filters, index_condition


def with_plan(use: TableUse, found: tuple[Scan, ...], *, literal: bool) -> TableUse:
    """The use with the conditions that its scans check and its text does not say. `literal`: all
    constants of the plan are those of the query, as it has no parameters.
    """
    if not found:
        return use
    predicates, obstacles = list(use.predicates), 0
    served = {each.column for each in predicates}
    needed, filtered = set(use.needed), set(use.filtered)
    for scan in found:
        for condition in _conditions(scan):
            predicate, obstacle, columns = _read(condition, use, scan)
            obstacles += obstacle is not None
            needed |= columns
            if predicate is None:
                filtered |= columns - served
            elif not _is_known(predicate, predicates):
                predicates.append(replace(predicate, literal=literal))
                filtered -= {predicate.column, *predicate.columns}
    return replace(
        use,
        predicates=tuple(predicates),
        # What the planner turned into a condition that an index serves is no obstacle.
        obstacles=use.obstacles if obstacles or len(predicates) == len(use.predicates) else (),
        needed=frozenset(needed),
        filtered=frozenset(filtered),
    )


def _conditions(scan: Scan) -> list[str]:
    conditions = [*filters(scan), index_condition(scan.node) or ""]
    return [part for each in conditions if each for part in parts_of(each)]


def _read(
    condition: str, use: TableUse, scan: Scan
) -> tuple[Predicate | None, Obstacle | None, set[str]]:
    types = {column.name: column.type for column in use.table.columns}
    own = {scan.node.alias or scan.node.relation}

    def resolve(reference: Node) -> ColumnAt | None:
        *qualifier, name = names_of(reference.fields) or ("",)
        if name not in types or (qualifier and qualifier[-1] not in own):
            return ColumnAt(ELSEWHERE, name, "") if qualifier else None
        return ColumnAt(0, name, types[name])

    try:
        node = parse_condition(condition)
    except postgast.PgQueryError:  # what only a plan says: a subplan, a hidden parameter
        return None, None, set()
    reader = ConditionReader(resolve)
    columns = tuple(reader.columns(node))
    if any(column.use == ELSEWHERE for column in columns):
        return None, None, {column.name for column in columns if column.use == 0}
    reading = reader.read(node)
    names = {column.name for column in columns}
    if reading.predicate is None:
        return None, reading.obstacle, names
    text = text_of(bare(node), {})
    return replace(reading.predicate[1], text=text), None, names


def _is_known(predicate: Predicate, known: list[Predicate]) -> bool:
    """Whether the text says the same, or the planner made it of what the text says."""
    same = [each for each in known if each.column == predicate.column]
    if any(each.comparison is Comparison.PREFIX for each in same):
        return True
    if predicate.comparison is Comparison.RANGE:
        # The planner writes moments and numbers in its own way: the ends tell them apart.
        ends = {bound.operator for each in same for bound in each.bounds}
        return {bound.operator for bound in predicate.bounds} <= ends
    return any(each.comparison is predicate.comparison for each in same)

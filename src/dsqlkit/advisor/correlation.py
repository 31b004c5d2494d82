"""Columns that depend on each other: the planner multiplies what it knows of each, and expects far
too few rows. CREATE STATISTICS tells it of both together (on DSQL since 2026-08-27).
"""

from collections.abc import Iterator
from typing import Final

from dsqlkit.advisor.ddl import identifier
from dsqlkit.advisor.query import Comparison, TableUse
from dsqlkit.advisor.statistics import TableFacts, joined
from dsqlkit.plans.headroom import WORTH_ROWS
from dsqlkit.plans.scans import Scan

_FAR_OFF: Final = 10.0
_MOST: Final = 8
"""PostgreSQL takes no more columns in one statistics object."""


def correlated_columns(use: TableUse, facts: TableFacts, found: tuple[Scan, ...]) -> Iterator[str]:
    """What is said where a scan gave far more rows than its conditions on several columns let one
    expect, though each by itself is known.
    """
    equal = [
        each
        for each in use.predicates
        if each.comparison in {Comparison.EQUAL, Comparison.IN} and not each.columns
    ]
    columns = tuple(dict.fromkeys(each.column for each in equal))
    known = all(facts.column(name).distinct for name in columns)
    if len(columns) < 2 or len(found) != 1 or not known or use.limited:
        return
    scan = found[0]
    expected = scan.node.cost.rows if scan.node.cost else 0
    independent = facts.rows * joined(facts, tuple(equal))
    if scan.node.loops != 1 or scan.given < WORTH_ROWS:
        return
    if scan.given < _FAR_OFF * max(expected, 1) or scan.given < _FAR_OFF * independent:
        return
    names = ", ".join(map(identifier, columns[:_MOST]))
    object_name = identifier("_".join(("stats", use.table.name, *columns))[:63])
    yield (
        f"{' and '.join(columns)} of {use.table.name} depend on each other: {expected:,} rows were "
        f"expected, and {scan.given:,.0f} came. Tell the planner: CREATE STATISTICS {object_name} "
        f"(dependencies, mcv) ON {names} FROM {identifier(use.table.name)}; then ANALYZE "
        f"{identifier(use.table.name)}."
    )

"""Findings that need more than the plan: the types of columns, the keys and state of indexes.

All but `unusable_index` say nothing of a table that the catalog does not hold.
"""

from collections.abc import Iterable
from typing import Final

from dsqlkit.plans.catalog import Catalog, Index, Table
from dsqlkit.plans.conditions import comparisons
from dsqlkit.plans.expressions import Wrapped, wrapped_columns
from dsqlkit.plans.findings import FEW_ROWS, Finding, Severity, count, shortened
from dsqlkit.plans.model import Plan
from dsqlkit.plans.names import column_names, sql_name
from dsqlkit.plans.node import PlanNode
from dsqlkit.plans.scans import (
    STORAGE_LOOKUP,
    Scan,
    filters,
    index_condition,
    storage_nodes,
)

_WORTH_AN_INDEX: Final = 1 / 2
"""A scan that keeps at most this part of what it reads."""


def unusable_index(scan: Scan, share: float | None, catalog: Catalog) -> Finding | None:
    """A filter hides the column of an index behind a cast or a function."""
    if scan.dropped < FEW_ROWS or scan.given > _WORTH_AN_INDEX * (scan.read or 0):
        return None
    table = catalog.table_of(scan.node)
    for condition in filters(scan):
        for wrapped in wrapped_columns(condition, _columns(table)):
            index = _led_by(wrapped.column, table)
            if not wrapped.hides(_type(wrapped.column, table)) or (table and index is None):
                continue
            return _unusable(scan, share, wrapped, index, catalog)
    return None


def _unusable(
    scan: Scan, share: float | None, wrapped: Wrapped, index: Index | None, catalog: Catalog
) -> Finding:
    column_type = catalog.types_of(scan.node).get(wrapped.column)
    column = sql_name(wrapped.column)
    which = f"the index {sql_name(index.name)}" if index else f"an index on {column}"
    if wrapped.cast_to:
        what = f"{column} is cast to {wrapped.cast_to}"
        of_type = f"its own type, {column_type}" if column_type else "its own type"
        why = "A value of another type makes the database cast the column in every row; the "
        why += "index holds the column as it is."
        advice = f"Compare {column} with a value of {of_type}: cast the value or the parameter."
    else:
        what = (
            f"{column} is compared inside "
            f"{shortened(wrapped.expression, 60, scan.node.own_name, catalog.strings)}"
        )
        why = "The index holds the column's values, not those of the expression: every row is "
        why += "read and computed."
        advice = f"Compare {column} itself (a range of days instead of a function of the date), or "
        advice += "index the expression."
    return Finding(
        code="unusable_index",
        severity=Severity.of(share, scan.dropped),
        node=scan.node,
        observed=f"In {scan.node.title} {what}, so that {which} cannot be used; "
        f"{count(scan.dropped)} were read in vain.",
        why=why,
        advice=advice,
    )


def index_not_valid(scan: Scan, share: float | None, catalog: Catalog) -> Finding | None:
    """An index whose first column the scan filters by is there, and cannot be used yet."""
    table = catalog.table_of(scan.node)
    if table is None:
        return None
    wasteful = scan.dropped >= FEW_ROWS or (
        scan.reads_all and (scan.dropped > 0 or not scan.measured)
    )
    wanted = _compared(filters(scan)) if wasteful else frozenset()
    used = table.index(scan.node.index)
    by_index = _compared([index_condition(scan.node) or ""])
    if used is not None and used.key[0] not in by_index:
        # A condition on later columns of a key is checked entry by entry: all of it is read.
        wanted |= by_index
    for index in table.indexes:
        if not index.valid and index.key[0] in wanted:
            name = sql_name(index.name)
            return Finding(
                code="index_not_valid",
                severity=Severity.of(share, max(scan.read or 0, scan.given)),
                node=scan.node,
                observed=f"{scan.node.title} does not use the index {name}, whose key begins with "
                f"{sql_name(index.key[0] or '')}: it is not valid.",
                why="CREATE INDEX ASYNC builds an index beside other work, and no query uses it "
                "before it is whole. If its job failed it never will be.",
                advice=f"Look at sys.jobs: wait for the job (CALL sys.wait_for_job), or, if it "
                f"failed, DROP INDEX {name} and build it again.",
            )
    return None


def _compared(conditions: Iterable[str]) -> frozenset[str | None]:
    """The columns that these conditions compare as they are; a key's None is none of them."""
    found = [comparisons(condition) for condition in conditions]
    names = " ".join(column for each in found for column in (*each.equal, *each.ranged))
    return frozenset(column_names(names))


def over_projected(plan: Plan, scan: Scan, catalog: Catalog) -> Finding | None:
    """All of a table's columns are returned, though an index holds some of them.

    Whether all are needed, nobody knows but the query's author. Fewer columns save nothing by
    themselves, as DSQL reads whole rows (seen in what was billed for 248 plans): an index that
    holds just those does.
    """
    table = catalog.table_of(scan.node)
    index = table.index(scan.node.index) if table else None
    if table is None or index is None or index.primary or not scan.lookups:
        return None
    every = {column.name for column in table.columns}
    returned = column_names(plan.root.value("Output") or "")
    if scan.given < FEW_ROWS or not every <= returned or every <= index.columns:
        return None
    return Finding(
        code="over_projected",
        severity=Severity.LOW,
        node=scan.node,
        observed=f"All {len(every)} columns of {sql_name(table.name)} are returned, though the "
        f"index {sql_name(index.name)} holds {len(index.columns)} of them: "
        f"{count(scan.given)} come from the table, one by one.",
        why="Each row is looked up a second time, after the index, and is read as a whole.",
        advice="If few of the columns are used, name those instead of *, and let the index INCLUDE "
        "them: then it answers alone. Without such an index fewer columns save nothing.",
    )


def sequential_key(node: PlanNode, catalog: Catalog) -> Finding | None:
    """Rows are inserted by a key that grows from row to row."""
    table = catalog.table_of(node)
    key = table.primary_key if table else None
    if node.node_type != "Insert" or table is None or key is None or key.key[0] is None:
        return None
    column = table.column(key.key[0])
    if column is None or not column.rises:
        return None
    rows = sum(child.rows_total or 0 for child in node.inputs)
    return Finding(
        code="sequential_key",
        severity=Severity.HIGH if rows >= FEW_ROWS else Severity.LOW,
        node=node,
        observed=f"The primary key of {sql_name(table.name)} begins with "
        f"{sql_name(column.name)}, which grows by itself ({column.filled_by}): each new row goes "
        "behind the last one.",
        why="DSQL spreads a table over partitions by its primary key. Keys that grow send all new "
        "rows to one partition, and a sequence has all writers wait for the same counter.",
        advice="Take a random key, as uuid DEFAULT gen_random_uuid(), and keep the order in a "
        "column of its own.",
    )


def lookup_columns(scan: Scan, catalog: Catalog) -> tuple[str, ...]:
    """The columns that a scan looks up in the table as its index does not hold them; none where
    the catalog does not know the index.
    """
    table = catalog.table_of(scan.node)
    index = table.index(scan.node.index) if table else None
    if index is None:
        return ()
    lookups = storage_nodes(scan.node, STORAGE_LOOKUP)
    listed = [
        column for node in lookups for column in (node.value("Projections") or "").split(", ")
    ]
    return tuple(c for c in dict.fromkeys(listed) if c and not column_names(c) <= index.columns)


def _columns(table: Table | None) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns) if table else ()


def _type(name: str, table: Table | None) -> str | None:
    column = table.column(name) if table else None
    return column.type if column else None


def _led_by(column: str, table: Table | None) -> Index | None:
    indexes = table.indexes if table else ()
    return next((index for index in indexes if index.key[0] == column and index.valid), None)

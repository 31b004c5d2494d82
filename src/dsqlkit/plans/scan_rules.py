"""Findings about one scan: rows read in vain, and the layer that threw them away."""

from collections.abc import Iterator
from typing import Final

from dsqlkit.plans.catalog import Catalog
from dsqlkit.plans.catalog_rules import lookup_columns
from dsqlkit.plans.conditions import Comparisons, comparisons
from dsqlkit.plans.findings import FEW_ROWS, Finding, Severity, count, percent, sentence, shortened
from dsqlkit.plans.names import sql_name
from dsqlkit.plans.scans import (
    STORAGE_LOOKUP,
    Scan,
    filters,
    index_condition,
    storage_nodes,
)
from dsqlkit.quotas import MAX_KEY_COLUMNS

_WORTH_AN_INDEX: Final = 1 / 3
"""A full scan that keeps at most this part of what it reads."""
_WORTH_A_BETTER_KEY: Final = 1 / 2
"""The same of a scan that an index narrows already."""
_NOT_INDEXABLE: Final = (
    "No index condition can take this filter as it is written. Compare a column itself with =, "
    "with a range, or with the beginning of a text (LIKE 'x%'), or index the expression that is "
    "compared."
)


def scan_findings(scan: Scan, share: float | None, catalog: Catalog) -> Iterator[Finding]:
    """All findings about a scan that takes this share (0 to 1) of the statement's time."""
    late = late_filter(scan, share, catalog)
    # Rows that the late filter dropped have been told of: no second finding for the same rows.
    told = late is not None and scan.dropped_late > scan.dropped / 2 and not scan.reads_all
    found = [
        full_scan(scan, share, catalog),
        late,
        None if told else rows_removed(scan, share, catalog),
        storage_lookup(scan, share, catalog),
    ]
    yield from filter(None, found)


def full_scan(scan: Scan, share: float | None, catalog: Catalog) -> Finding | None:
    """The whole table or index is read, and a filter keeps little of it."""
    if not scan.reads_all or not _keeps_at_most(_WORTH_AN_INDEX, scan):
        return None
    return Finding(
        code="full_scan",
        severity=Severity.of(share, scan.dropped),
        node=scan.node,
        observed=_read_and_kept(scan, catalog),
        why="It reads every row, whatever the query asks for: time and DPU grow with the table.",
        advice=_index_advice(scan, catalog),
    )


def rows_removed(scan: Scan, share: float | None, catalog: Catalog) -> Finding | None:
    """An index narrows what is read, and yet most of it is thrown away."""
    condition = index_condition(scan.node)
    if scan.reads_all or condition is None or not _keeps_at_most(_WORTH_A_BETTER_KEY, scan):
        return None
    return Finding(
        code="rows_removed",
        severity=Severity.of(share, scan.dropped),
        node=scan.node,
        observed=_read_and_kept(scan, catalog),
        why=f"The index condition "
        f"{shortened(condition, 60, scan.node.own_name, catalog.strings)} lets too many "
        "rows through; each is read, and paid for, before it is dropped.",
        advice=_index_advice(scan, catalog),
    )


def late_filter(scan: Scan, share: float | None, catalog: Catalog) -> Finding | None:
    """Storage sends rows that the query processor then drops."""
    condition = scan.node.value("Filter")
    if condition is None or not any(storage_nodes(scan.node)) or not scan.dropped_late:
        return None
    return Finding(
        code="late_filter",
        severity=Severity.of(share, scan.dropped_late),
        node=scan.node,
        observed=sentence(
            f"Storage sends {_expected(scan)}{count(scan.sent or 0)} of {_relation(scan)}, and "
            f"only then the query processor drops {count(scan.dropped_late)} "
            f"by {shortened(condition, own=scan.node.own_name, strings=catalog.strings)}"
        ),
        why="Of the three layers that can drop a row this one costs most: the row was read and "
        "sent. Storage can drop it unsent (Filters); an index condition never reads it.",
        advice="Put the filter's columns into the key of the index, where the index condition can "
        "use them; where the index lacks them, INCLUDE lets storage check them."
        if _is_indexable(comparisons(condition, catalog.types_of(scan.node)))
        else _NOT_INDEXABLE,
    )


def storage_lookup(scan: Scan, share: float | None, catalog: Catalog) -> Finding | None:
    """The index lacks columns, so that each row is fetched a second time."""
    if not scan.lookups:
        return None
    lookups = storage_nodes(scan.node, STORAGE_LOOKUP)
    columns = next(filter(None, (lookup.value("Projections") for lookup in lookups)), None)
    missing = lookup_columns(scan, catalog)
    included = f"({', '.join(missing)})" if missing else "for the columns that it does not hold"
    return Finding(
        code="storage_lookup",
        severity=Severity.of(share, scan.lookups),
        node=scan.node,
        observed=f"{scan.node.title} goes back to the table for {_expected(scan)}"
        f"{count(scan.lookups)}" + (f", to get {shortened(columns)}." if columns else "."),
        why="Each is one more read, after that of the index.",
        advice=f"Build the index with INCLUDE {included}: then all comes from the index (Index "
        "Only Scan)." + _if_it_pays(scan.lookups),
    )


def _if_it_pays(lookups: float) -> str:
    """What stands against an INCLUDE that saves few look-ups."""
    if lookups >= FEW_ROWS:
        return ""
    return (
        " But an UPDATE of an included column costs as much as some fifty look-ups: it pays only "
        "if the query runs far more often."
    )


def _keeps_at_most(part: float, scan: Scan) -> bool:
    return scan.dropped >= FEW_ROWS and scan.given <= part * (scan.read or 0)


def _read_and_kept(scan: Scan, catalog: Catalog) -> str:
    read = scan.read or 0
    runs = scan.node.loops or 1
    if scan.given:
        kept = f"{round(scan.given):,} ({percent(scan.given, read)})"
    else:
        # The plan prints rows as an average over all runs, and rounds it.
        kept = "none" if runs == 1 else f"less than one in each of {runs:,} runs"
    verbs = ("read", "kept") if scan.measured else ("is expected to read", "to keep")
    dropping = shortened(
        " AND ".join(filters(scan)), own=scan.node.own_name, strings=catalog.strings
    )
    by = f" by {dropping}" if dropping else ""
    return sentence(f"{scan.node.title} {verbs[0]} {count(read)} and {verbs[1]} {kept}{by}")


def _index_advice(scan: Scan, catalog: Catalog) -> str:
    types = catalog.types_of(scan.node)
    filtered = [comparisons(condition, types) for condition in filters(scan)]
    if not any(map(_is_indexable, filtered)):
        return _NOT_INDEXABLE
    every = [comparisons(index_condition(scan.node) or "", types), *filtered]
    equal = list(dict.fromkeys(column for compared in every for column in compared.equal))
    ranged = [column for compared in every for column in compared.ranged if column not in equal]
    key = [*equal, *ranged[:1]][:MAX_KEY_COLUMNS]
    order = " Put the column that leaves the fewest rows first." if len(equal) > 1 else ""
    return f"An index on {_relation(scan)} ({', '.join(key)}) would read fewer rows.{order}"


def _is_indexable(compared: Comparisons) -> bool:
    return bool(compared.equal or compared.ranged)


def _relation(scan: Scan) -> str:
    return sql_name(scan.node.relation or scan.node.index or "it")


def _expected(scan: Scan) -> str:
    return "" if scan.measured else "an expected "

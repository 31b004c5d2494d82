"""What is wrong with a plan: all findings, the weightiest first."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from dsqlkit.plans.catalog import Catalog
from dsqlkit.plans.catalog_rules import (
    index_not_valid,
    over_projected,
    sequential_key,
    unusable_index,
)
from dsqlkit.plans.findings import Finding, weightiest_first
from dsqlkit.plans.join_rules import joins
from dsqlkit.plans.model import Plan
from dsqlkit.plans.scan_rules import scan_findings
from dsqlkit.plans.scans import Scan, rows_scanned, scans
from dsqlkit.plans.tree_rules import estimates_off, sorts
from dsqlkit.plans.write_rules import too_many_rows


def diagnose(plan: Plan, catalog: Catalog | None = None) -> tuple[Finding, ...]:
    """The findings about a plan, the most severe first, else in the order of the text.

    A plan made without ANALYZE is judged by the planner's estimates, and the findings say so.
    Without a `catalog` the findings that need one are left out.
    """
    return weightiest_first(_findings(plan, catalog or Catalog()))


def _findings(plan: Plan, catalog: Catalog) -> Iterator[Finding]:
    all_read = rows_scanned(plan)
    for scan in map(partial(_with_rows, catalog=catalog), scans(plan)):
        share = (scan.read or 0) / all_read if all_read else None
        yield from scan_findings(scan, share, catalog)
        yield from filter(
            None,
            [
                unusable_index(scan, share, catalog),
                index_not_valid(scan, share, catalog),
                over_projected(plan, scan, catalog),
            ],
        )
    for node in plan.walk():
        yield from filter(None, [sequential_key(node, catalog)])
    yield from too_many_rows(plan)
    yield from joins(plan.root)
    yield from sorts(plan.root)
    yield from estimates_off(plan.root)


def _with_rows(scan: Scan, catalog: Catalog) -> Scan:
    """The scan with the rows of its table, where it reads all and the plan does not say how many:
    PostgreSQL does not estimate what a scan reads.
    """
    table = catalog.table_of(scan.node)
    if scan.read is not None or not scan.reads_all or table is None or table.rows is None:
        return scan
    return replace(scan, read=table.rows, sent=table.rows)

"""Who dropped the rows that a scan looked at and did not give up. Pure."""

from dataclasses import dataclass

from dsqlkit.local.explain.facts import Measured
from dsqlkit.local.explain.figures import Figures
from dsqlkit.local.explain.scans import Scan


@dataclass(frozen=True, slots=True)
class Dropped:
    """How many rows of each loop storage dropped where it scanned, and in the look-up, and how many
    the query processor did."""

    in_scan: int
    in_lookup: int
    by_processor: int


def dropped(scan: Scan, figures: Figures, measured: Measured | None) -> Dropped:
    """The rows that a scan dropped. PostgreSQL counts them without saying which filter it was; the
    one there is, or else what was measured of the scan."""
    removed, loops, given_up = figures.removed or 0, max(figures.loops, 1), figures.rows or 0
    if scan.keyed:
        # PostgreSQL counts those too that storage need not read.
        met = 0 if measured is None else round(measured.met / loops) - given_up
        removed = _within(met, removed) if scan.left or scan.stored else 0
    by_processor = 0 if scan.stored else removed
    if scan.stored and scan.left and measured is not None:
        by_processor = _within(round(measured.passed / loops) - given_up, removed)
    by_storage = removed - by_processor
    in_lookup = by_storage if scan.lookup_filters else 0
    if scan.filters and scan.lookup_filters and measured is not None:
        held = round(measured.held / loops) - given_up - by_processor
        in_lookup = _within(held, by_storage)
    return Dropped(by_storage - in_lookup, in_lookup, by_processor)


def _within(rows: int, most: int) -> int:
    return max(0, min(rows, most))

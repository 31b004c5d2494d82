"""The lines of a scan and of what storage does for it, as DSQL prints them. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from dsqlkit.local.explain.conditions import quote, unqualified
from dsqlkit.local.explain.dropped import Dropped
from dsqlkit.local.explain.figures import Figures
from dsqlkit.local.explain.names import target_of
from dsqlkit.local.explain.scans import Scan, condition_of


@dataclass(frozen=True, slots=True)
class ScanLines:
    """What is to be printed of a scan. `limit` is how many rows storage stops at, None where no
    LIMIT is pushed down to it."""

    scan: Scan
    figures: Figures
    dropped: Dropped
    limit: int | None
    verbose: bool

    def lines(self, arrow: str, column: int) -> Iterator[str]:
        """The lines, the first behind its arrow and those of its properties in this column."""
        scan, dropped, at = self.scan, self.dropped, " " * column
        yield arrow + self._head() + self.figures.node()
        if self.verbose and scan.output:
            yield f"{at}Output: {scan.output}"
        if scan.condition:
            yield f"{at}Index Cond: {self._bare(scan.condition)}"
        if scan.order_by:
            yield f"{at}Order By: {self._bare(scan.order_by)}"
        if scan.left:
            yield f"{at}Filter: {self._bare(condition_of(scan.left))}"
            if dropped.by_processor > 0:
                yield f"{at}Rows Removed by Filter: {dropped.by_processor}"
        kept = self.figures.with_rows(dropped.by_processor)
        held = kept.with_rows(dropped.in_lookup)
        yield from self._scanned(column, held, held.with_rows(dropped.in_scan))
        if scan.looks_up:
            yield from self._looked_up(column, kept, held)

    def _head(self) -> str:
        scan = self.scan
        target = target_of(scan.node, verbose=self.verbose)
        if scan.index is None:
            return f"Full Scan (btree-table){target}"
        kind = "Index Scan" if scan.looks_up else "Index Only Scan"
        backward = " Backward" if scan.backward else ""
        return f"{kind}{backward} using {quote(scan.index)}{target}"

    def _scanned(self, column: int, held: Figures, read: Figures) -> Iterator[str]:
        scan, inner = self.scan, " " * (column + 4)
        of = quote(scan.index) if scan.index is not None else self._table
        has_loops = scan.index is not None
        yield f"{' ' * column}-> Storage Scan on {of}{held.storage(has_loops=has_loops)}"
        if not scan.looks_up:
            yield from self._projections(inner)
        yield from self._filters(inner, scan.filters, self.dropped.in_scan)
        if self.limit is not None:
            yield f"{inner}Limit: {self.limit}"
        yield f"{inner}-> B-Tree Scan on {of}{read.storage(has_loops=has_loops)}"
        if scan.condition:
            yield f"{inner}    Index Cond: {self._bare(scan.condition)}"

    def _looked_up(self, column: int, kept: Figures, held: Figures) -> Iterator[str]:
        inner = " " * (column + 4)
        yield f"{' ' * column}-> Storage Lookup on {self._table}{kept.storage(has_loops=True)}"
        yield from self._projections(inner)
        yield from self._filters(inner, self.scan.lookup_filters, self.dropped.in_lookup)
        yield f"{inner}-> B-Tree Lookup on {self._table}{held.storage(has_loops=True)}"

    def _projections(self, at: str) -> Iterator[str]:
        if self.scan.columns:
            yield f"{at}Projections: {', '.join(map(quote, self.scan.columns))}"

    def _filters(self, at: str, filters: tuple[str, ...], dropped: int) -> Iterator[str]:
        if filters:
            yield f"{at}Filters: {self._bare(condition_of(filters))}"
            if self.figures.rows is not None:
                yield f"{at}Rows Filtered: {dropped}"

    @property
    def _table(self) -> str:
        return target_of(self.scan.node, verbose=self.verbose).removeprefix(" on ")

    def _bare(self, condition: str) -> str:
        return condition if self.verbose else unqualified(condition, self.scan.alias)

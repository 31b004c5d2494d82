"""What a scan has read: what is asked for it once its statement has run, and what that is. Pure.

PostgreSQL counts the rows that a scan gave up, and those that its filters dropped. Which of these
storage drops, and how many bytes it reads for them, is measured on the table. Numbers are of all
loops of a scan.
"""

import json
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from dsqlkit.dpu import MIN_ENTRY_BYTES
from dsqlkit.local.explain.facts import Measured, Table
from dsqlkit.local.explain.figures import Figures
from dsqlkit.local.explain.scans import Scan, condition_of

_TAKE_ALL: Final = frozenset(("Aggregate", "Hash", "ModifyTable", "Sort"))
"""Nodes that read all rows of what is below them."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A scan that has run, with what the catalog says of its table. `sized`: its bytes matter."""

    scan: Scan
    table: Table
    figures: Figures
    sized: bool

    def asked(self) -> tuple[str | None, ...] | None:
        """The parameters of dsqlkit.read_by (server/sql/explain.sql), None where all is known."""
        scan, counts = self.scan, self._counts
        if self.figures.rows is None or not (self.sized or counts):
            return None
        return (
            scan.node["Schema"],
            scan.node["Relation Name"],
            scan.alias,
            self.table.entry_of(scan.index) if self.sized else None,
            self.table.entry if self.sized and scan.looks_up else None,
            scan.condition,
            (condition_of(scan.stored) if scan.stored else "true") if counts else None,
            condition_of(scan.filters) if counts and self._is_in_turn else None,
            None if self._took_all else str(self._given),
            self._changes,
        )

    def measured(self, answer: str | None) -> Measured:
        """What the scan has read, by that function's answer."""
        figures, scan = self.figures, self.scan
        if answer is None:
            size = max(self._given, figures.loops) * MIN_ENTRY_BYTES
            return Measured(size, self._given, self._given, self._given)
        entries, lookups, sampled, kept, held, counted = json.loads(answer)
        met, passed = self._counted(kept, counted)
        held = self._counted(held, counted)[1] if self._is_in_turn else met
        if not sampled:  # none of them is left
            entries, lookups, sampled = met * MIN_ENTRY_BYTES, met * MIN_ENTRY_BYTES, met
        size = max(figures.loops * MIN_ENTRY_BYTES, _share(entries, met, sampled))
        if scan.looks_up:
            size += _share(lookups, met, sampled)
        return Measured(size, met, held, passed)

    def _counted(self, kept: int, counted: int | None) -> tuple[int, int]:
        """How many rows storage has read, and how many of them pass its filters."""
        given_up = (self.figures.rows or 0) * self.figures.loops
        if not self._counts:
            met = given_up if self.scan.keyed else self._given
            return met, met
        if self._changes:
            # None of those that were changed is counted.
            met = (counted or 0) + given_up if self.scan.keyed else self._given
            return met, kept + given_up
        if counted is None:
            return self._given, kept
        if self.scan.keyed:
            return counted * self.figures.loops, kept * self.figures.loops
        return self._given, _share(kept, self._given, counted)

    @property
    def _given(self) -> int:
        """The rows that PostgreSQL's scan looked at."""
        figures = self.figures
        return ((figures.rows or 0) + (figures.removed or 0)) * figures.loops

    @property
    def _counts(self) -> bool:
        """Whether it has to be told who dropped which rows. Without any there is nothing to tell
        apart."""
        scan = self.scan
        several = bool(scan.left or scan.stored) if scan.keyed else bool(scan.left and scan.stored)
        return (several or self._is_in_turn) and bool(self.figures.removed)

    @property
    def _is_in_turn(self) -> bool:
        """Whether storage drops rows both before a look-up and in it."""
        return bool(self.scan.filters and self.scan.lookup_filters)

    @property
    def _took_all(self) -> bool:
        """Whether the scan has read all rows that meet its condition, and these can be told."""
        scan = self.scan
        is_known = not scan.reads_of_others and "$" not in scan.condition
        runs_out = all(node["Node Type"] in _TAKE_ALL for node in scan.above)
        return is_known and runs_out and self.figures.loops == 1 and not scan.keyed

    @property
    def _changes(self) -> str:
        """What is done right away to each row that it gives up: Update, Delete, or nothing."""
        parent = self.scan.above[-1] if self.scan.above else {}
        operation = str(parent.get("Operation", ""))
        return operation if operation in ("Update", "Delete") else ""


def _share(total: int, rows: int, among: int) -> int:
    """A part of what was counted of some rows, for others."""
    return int((Decimal(total) * rows / max(among, 1)).to_integral_value(ROUND_HALF_UP))

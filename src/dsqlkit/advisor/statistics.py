"""What ANALYZE knows of a column, and how many rows a condition is expected to find.

The figures are those of `pg_stats`; where there are none, PostgreSQL's own defaults stand in.
"""

import datetime
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from dsqlkit.advisor.query import Bound, Comparison, Predicate
from dsqlkit.advisor.types import MOMENTS
from dsqlkit.plans.catalog import Table

_EQUAL: Final = 0.005
"""PostgreSQL's DEFAULT_EQ_SEL, for an equality of which nothing is known."""
_RANGE: Final = 1 / 3
"""DEFAULT_INEQ_SEL, for a range with one end."""
_CLOSED_RANGE: Final = 0.005
"""DEFAULT_RANGE_INEQ_SEL, for a range with two ends."""
_PREFIX: Final = 0.01
_DEFAULT_WIDTH: Final = 16
_NUMBERS: Final = frozenset(
    {"smallint", "integer", "bigint", "numeric", "real", "double precision"}
)
_LAST: Final = "\U0010ffff"
NULLS_FIRST: Final = " NULLS FIRST"
"""Behind a column in a key whose NULLs come first."""


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """A column by `pg_stats`: average bytes, fractions of the rows (0 to 1).

    `distinct` is as in pg_stats: a number of values, or minus their fraction of the rows; 0 where
    it is not known. `declared_bytes` is the length of a varchar(n) or char(n).
    """

    declared_bytes: int | None = None
    average_bytes: float = _DEFAULT_WIDTH
    null_fraction: float = 0.0
    distinct: float = 0.0
    common: Mapping[str, float] = field(default_factory=dict)
    bounds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table of the catalog with the statistics of its columns. `rows` are never below one."""

    table: Table
    rows: float
    columns: Mapping[str, ColumnStatistics]

    def column(self, name: str) -> ColumnStatistics:
        """The statistics of a column; defaults where there are none."""
        return self.columns.get(name, ColumnStatistics())

    def width(self, columns: tuple[str, ...]) -> float:
        """The average bytes that these columns take together; an expression counts as one."""
        return sum(self.column(name.removesuffix(NULLS_FIRST)).average_bytes for name in columns)

    def rows_a_value(self, name: str) -> float:
        """The rows that share one value of a column, on average."""
        return self.rows * _one_value(self.column(name), self.rows)

    def fraction(self, predicate: Predicate) -> float:
        """The part of the rows (0 to 1) for which the condition is expected to hold."""
        if predicate.columns:
            return self._of_expression(predicate)
        column = self.column(predicate.column)
        match predicate.comparison:
            case Comparison.NULL:
                found = column.null_fraction
            case Comparison.NOT_NULL:
                found = 1 - column.null_fraction
            case Comparison.DIFFERS:
                found = 1 - sum(self._equal(column, each) for each in predicate.bounds)
                if predicate.bounds and predicate.bounds[0].operator == "<>":
                    found -= column.null_fraction
            case Comparison.EQUAL:
                found = self._equal(column, predicate.bounds[0])
            case Comparison.IN:
                values = set(predicate.bounds) or {Bound("=", None)}
                found = min(sum(self._equal(column, each) for each in values), 1.0)
            case Comparison.PREFIX:
                prefix = predicate.bounds[0].value or ""
                ends = (Bound(">=", prefix), Bound("<", prefix + _LAST))
                found = self._range(predicate.column, ends, _PREFIX)
            case _:
                found = self._range(
                    predicate.column,
                    predicate.bounds,
                    _CLOSED_RANGE if len(predicate.bounds) > 1 else _RANGE,
                )
        # No statistics make a condition impossible: they are a sample.
        return min(max(found, 1 / self.rows), 1.0)

    def _of_expression(self, predicate: Predicate) -> float:
        """What is known of an expression: as many values as the column that it is like, if any."""
        column = self.column(predicate.like or predicate.column)
        one = _one_value(column, self.rows)
        match predicate.comparison:
            case Comparison.EQUAL:
                found = one
            case Comparison.IN:
                found = one * max(len(predicate.bounds), 1)
            case Comparison.NULL:
                found = column.null_fraction or _EQUAL
            case Comparison.PREFIX:
                found = _PREFIX
            case Comparison.RANGE:
                found = _CLOSED_RANGE if len(predicate.bounds) > 1 else _RANGE
            case _:
                found = 1 - one
        return min(max(found, 1 / self.rows), 1.0)

    def _equal(self, column: ColumnStatistics, bound: Bound) -> float:
        if bound.value is not None and column.common:
            known = column.common.get(bound.value)
            if known is not None:
                return known
            others = self._distinct(column) - len(column.common)
            rest = max(1 - column.null_fraction - sum(column.common.values()), 0.0)
            return rest / others if others >= 1 else 0.0
        return _one_value(column, self.rows)

    def _distinct(self, column: ColumnStatistics) -> float:
        return column.distinct if column.distinct > 0 else -column.distinct * self.rows

    def _range(self, name: str, ends: tuple[Bound, ...], unknown: float) -> float:
        column = self.column(name)
        found = self.table.column(name)
        kind = found.type if found else ""
        points = [_point(value, kind) for value in column.bounds]
        values = [(end.operator, _point(end.value, kind)) for end in ends]
        commons = [(_point(value, kind), part) for value, part in column.common.items()]
        if (not points and not commons) or any(value is None for _, value in values):
            return unknown
        scattered = max(1 - column.null_fraction - sum(column.common.values()), 0.0)
        low, high = 0.0, 1.0
        for operator, value in values:
            place = _place(points, value)
            low, high = (max(low, place), high) if ">" in operator else (low, min(high, place))
        in_common = sum(
            part
            for point, part in commons
            if point is not None and all(_holds(point, *end) for end in values)
        )
        return max(high - low, 0.0) * scattered + in_common


def joined(facts: TableFacts, predicates: tuple[Predicate, ...]) -> float:
    """The part of the rows for which all hold, taken as independent of each other.

    Ranges of one column are one range: its two ends are not independent.
    """
    ranges: dict[str, tuple[Bound, ...]] = {}
    fraction = 1.0
    for each in predicates:
        if each.comparison is Comparison.RANGE and not each.columns:
            ranges[each.column] = (*ranges.get(each.column, ()), *each.bounds)
        else:
            fraction *= facts.fraction(each)
    for column, bounds in ranges.items():
        fraction *= facts.fraction(Predicate(column, Comparison.RANGE, bounds, ""))
    return fraction


def _one_value(column: ColumnStatistics, rows: float) -> float:
    distinct = column.distinct if column.distinct > 0 else -column.distinct * rows
    return (1 - column.null_fraction) / distinct if distinct >= 1 else _EQUAL


_Point = float | str | None


def _point(value: str | None, kind: str) -> _Point:
    """A value in a form that sorts as the type does; None for one that does not say."""
    if value is None:
        return None
    try:
        if kind in _NUMBERS:
            return float(value)
        if kind in MOMENTS:
            moment = datetime.datetime.fromisoformat(value)
            zone = moment.tzinfo or datetime.UTC
            return moment.replace(tzinfo=zone).timestamp()
    except (ValueError, OverflowError):
        return None
    return value


def _place(points: list[_Point], value: _Point) -> float:
    """Where a value lies among the bounds of a histogram, 0 to 1: its buckets hold equally many."""
    known = [point for point in points if point is not None]
    if len(known) < 2 or value is None:
        return 0.5
    place = bisect_left(known, value)
    if place in {0, len(known)}:
        return 0.0 if place == 0 else 1.0
    low, high = known[place - 1], known[place]
    within = 0.5
    if isinstance(low, float) and isinstance(high, float) and isinstance(value, float):
        within = (value - low) / (high - low) if high > low else 0.5
    return (place - 1 + within) / (len(known) - 1)


def _holds(point: float | str, operator: str, value: _Point) -> bool:
    comparisons = {
        "<": point < value,  # type: ignore[operator]
        "<=": point <= value,  # type: ignore[operator]
        ">": point > value,  # type: ignore[operator]
        ">=": point >= value,  # type: ignore[operator]
    }
    return comparisons[operator]

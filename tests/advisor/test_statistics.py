"""How many rows a condition is expected to find."""

import pytest

from dsqlkit.advisor.query import Predicate
from dsqlkit.advisor.statistics import ColumnStatistics, joined
from tests.advisor.made import facts, query, table

_COMMON = {"1": 0.5, "2": 0.2}
_DAY = ("2025-01-01 00:00:00+00", "2025-01-02 00:00:00+00")
_BOUNDS = tuple(str(n) for n in range(0, 101, 10))


def _predicates(condition: str) -> tuple[Predicate, ...]:
    return query(f"SELECT id FROM t WHERE {condition}").uses[0].predicates


@pytest.mark.parametrize(
    ("statistics", "condition", "expected"),
    [
        (ColumnStatistics(distinct=100), "n = 5", 0.01),
        (ColumnStatistics(distinct=-0.5), "n = 5", 1 / 5000),
        (ColumnStatistics(distinct=100, null_fraction=0.5), "n = 5", 0.005),
        (ColumnStatistics(distinct=100, null_fraction=0.5), "n IS NULL", 0.5),
        (ColumnStatistics(distinct=12, common=_COMMON), "n = 1", 0.5),
        (ColumnStatistics(distinct=12, common=_COMMON), "n = 9", 0.03),
        (ColumnStatistics(distinct=12, common=_COMMON), "n IN (1, 2, 1)", 0.7),
        (ColumnStatistics(distinct=2, common={"1": 0.5, "2": 0.5}), "n = 3", 1 / 10_000),
        (ColumnStatistics(bounds=_BOUNDS, distinct=-1), "n < 25", 0.25),
        (ColumnStatistics(bounds=_BOUNDS, distinct=-1), "n BETWEEN 20 AND 50", 0.3),
        (ColumnStatistics(bounds=_BOUNDS, distinct=-1), "n > 20 AND n < 50", 0.3),
        (ColumnStatistics(bounds=_BOUNDS, distinct=-1), "n > 1000", 1 / 10_000),
        (ColumnStatistics(bounds=_BOUNDS, distinct=12, common=_COMMON), "n < 2", 0.506),
        (ColumnStatistics(), "n = 1", 0.005),
        (ColumnStatistics(), "n > 1", 1 / 3),
    ],
)
def test_fractions_follow_the_statistics(
    statistics: ColumnStatistics, condition: str, expected: float
) -> None:
    found = joined(facts(table(), known={"n": statistics}), _predicates(condition))
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("column", "bounds", "condition", "expected"),
    [
        ("name", ("a", "b", "c", "d", "e"), "name LIKE 'b%'", 0.25),
        ("name", ("a", "b", "c", "d", "e"), "name >= 'c'", 0.5 + 0.125),
        ("day", ("2025-01-01", "2025-01-11"), "day < '2025-01-06'", 0.5),
        ("at", _DAY, "at > '2025-01-01 12:00+00'", 0.5),
        ("at", _DAY, "at > now()", 1 / 3),
        ("price", ("0.00", "10.00"), "price > 7.5", 0.25),
    ],
)
def test_ranges_of_other_types_are_found_in_the_histogram(
    column: str, bounds: tuple[str, ...], condition: str, expected: float
) -> None:
    known = facts(table(), known={column: ColumnStatistics(bounds=bounds, distinct=-1)})
    assert joined(known, _predicates(condition)) == pytest.approx(expected)

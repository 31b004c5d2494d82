"""Which columns stand in a key, and in which order."""

from collections.abc import Iterable
from math import log10
from typing import Final

from dsqlkit.advisor.query import Predicate, TableUse
from dsqlkit.advisor.statistics import NULLS_FIRST, TableFacts, joined
from dsqlkit.quotas import MAX_KEY_COLUMNS

_NARROWS: Final = 0.9
"""A condition that leaves more than this is no reason to have its column in the key."""
_NEXT_TO_NOTHING: Final = 10.0
"""So few rows need no further column in the key, which each UPDATE of it would pay for."""


def is_unique(facts: TableFacts, points: tuple[str, ...]) -> bool:
    """Whether a unique index finds the one row there is by these columns."""
    return any(
        (index.unique or index.primary)
        and index.valid
        and index.condition is None
        and None not in index.key
        and set(index.key) <= set(points)
        for index in facts.table.indexes
    )


def order_parts(use: TableUse, points: tuple[str, ...]) -> tuple[str, ...]:
    """What the order asks of a key behind these columns; as much as fits into it."""
    if use.ordering is None:
        return ()
    apart = use.ordering.nulls_first
    parts = tuple(
        name + (NULLS_FIRST if name in apart else "")
        for name in use.ordering.columns
        if name not in points
    )
    return parts[: MAX_KEY_COLUMNS - len(points)] if not use.ordering.whole else parts


def part_of_one(facts: TableFacts, keys: tuple[str, ...]) -> float:
    """The part of the rows that share one value of all these columns, on average."""
    part = 1.0
    for key in keys:
        name = key.removesuffix(NULLS_FIRST)
        part *= facts.rows_a_value(name) / facts.rows
    return max(part, 1 / facts.rows)


def points_of(predicates: tuple[Predicate, ...], facts: TableFacts) -> list[Predicate]:
    """The conditions on single values, one for each column: the most selective."""
    best: dict[str, Predicate] = {}
    for each in predicates:
        if each.comparison.is_point:
            known = best.get(each.column)
            if known is None or facts.fraction(each) < facts.fraction(known):
                best[each.column] = each
    return list(best.values())


def narrowing(points: list[Predicate], facts: TableFacts, rows: float) -> list[Predicate]:
    """Those of the conditions that are worth a place in the key, of a table or a join that has so
    many rows: each narrows what those before it leave, until next to nothing is left.
    """
    found: list[Predicate] = []
    for each in sorted(points, key=facts.fraction):
        fraction = facts.fraction(each)
        if found and (fraction > _NARROWS or rows <= _NEXT_TO_NOTHING):
            break
        rows *= fraction
        found.append(each)
    return found


def best_range(
    predicates: tuple[Predicate, ...], facts: TableFacts, exclude: tuple[str, ...]
) -> Predicate | None:
    """The condition on a range that leaves the fewest rows, of those that narrow at all."""
    ranges = [
        each
        for each in predicates
        if each.comparison.is_range
        and each.column not in exclude
        and joined(facts, ranges_of(predicates, each.column)) <= _NARROWS
    ]
    return min(
        ranges, key=lambda each: joined(facts, ranges_of(predicates, each.column)), default=None
    )


def ranges_of(predicates: tuple[Predicate, ...], column: str) -> tuple[Predicate, ...]:
    """The ranges of one column: its two ends may be two conditions."""
    return tuple(each for each in predicates if each.column == column and each.comparison.is_range)


def in_key_order(facts: TableFacts, columns: Iterable[tuple[float, str]]) -> tuple[str, ...]:
    """The columns of a key that are compared with `=`: those of an index first that the new one
    then replaces, else the most selective. Those that differ little stand as in the table, so that
    another sample of the statistics makes no other index.
    """
    places = {column.name: place for place, column in enumerate(facts.table.columns)}
    ranked = sorted(columns, key=lambda each: (round(log10(each[0])), places.get(each[1], 99)))
    names = tuple(name for _, name in ranked)
    for index in sorted(facts.table.indexes, key=lambda each: -len(each.key)):
        own = tuple(name for name in index.key if name is not None)
        replaceable = not (index.primary or index.unique or index.condition or None in index.key)
        if replaceable and len(own) < len(names) and set(own) <= set(names):
            return (*own, *(name for name in names if name not in own))
    return names

"""The indexes that one use of a table could gain from.

The rule of the field: columns compared with `=` first, the most selective leading; then one column
that is compared with a range or sorted by; then INCLUDE of what else is filtered or returned.
"""

from collections.abc import Iterator
from typing import Final

from dsqlkit.advisor import reasons
from dsqlkit.advisor.candidate import WORTH_PART, Candidate
from dsqlkit.advisor.completing import completed
from dsqlkit.advisor.key_columns import (
    best_range,
    in_key_order,
    is_unique,
    narrowing,
    order_parts,
    part_of_one,
    points_of,
    ranges_of,
)
from dsqlkit.advisor.measured import Reads
from dsqlkit.advisor.query import Comparison, Predicate, TableUse
from dsqlkit.advisor.statistics import NULLS_FIRST, TableFacts, joined

_FEW_STATES: Final = 20
"""A column of more values than this holds no state."""
_WORTH_A_PARTIAL: Final = 20
"""A partial index is small and cheap to write, and serves few queries: so many rows are reason
enough for one where another index is worth it anyway."""
_FEW_OF_ALL: Final = 1 / 4
"""A partial index holds at most this part of the rows."""


def candidates_of(
    use: TableUse, facts: TableFacts, now: Reads, *, joined_to: bool
) -> tuple[Candidate, ...]:
    """The indexes that serve the use by its own conditions and order, all that there are: whole
    ones, and partial ones where those read much less.

    `joined_to` says that the query finds its rows by a join as well: a plan may have narrowed what
    was given by that.
    """
    asked = tuple(each.column for each in points_of(use.predicates, facts))
    if is_unique(facts, asked):
        return ()
    plain = tuple(_served_by(use, facts, now, use.predicates, joined_to=joined_to))
    best = min((each.reads for each in plain), default=now.read)
    partial = _partial(use, facts, now, joined_to=joined_to)
    # A partial index serves this query alone: never where a whole one does as well.
    return (
        *plain,
        *(
            each
            for each in partial
            if each.reads <= best * WORTH_PART and best - each.reads >= _WORTH_A_PARTIAL
        ),
    )


def _served_by(
    use: TableUse,
    facts: TableFacts,
    now: Reads,
    predicates: tuple[Predicate, ...],
    *,
    joined_to: bool,
    partial: tuple[Predicate, ...] = (),
) -> Iterator[Candidate]:
    found = _by_conditions(use, facts, now, predicates, joined_to=joined_to, partial=partial)
    in_order = _by_order(use, facts, now, predicates, partial)
    yield from (each for each in (found, in_order) if each is not None)


def _partial(
    use: TableUse, facts: TableFacts, now: Reads, *, joined_to: bool
) -> Iterator[Candidate]:
    """Indexes of the rows alone that a constant condition of the query leaves."""
    if use.correlated:
        return
    fixed = tuple(each for each in use.predicates if _is_a_state(each, facts))
    for chosen in (*((each,) for each in fixed), fixed):
        if chosen and joined(facts, chosen) <= _FEW_OF_ALL:
            others = tuple(each for each in use.predicates if each not in chosen)
            yield from _served_by(use, facts, now, others, joined_to=joined_to, partial=chosen)


def _is_a_state(predicate: Predicate, facts: TableFacts) -> bool:
    """Whether a condition is one that the query always has, as `status <> 'done'`, and not a value
    that somebody looks for.
    """
    if not predicate.literal or not predicate.condition or predicate.columns:
        return False
    if predicate.comparison in {Comparison.NULL, Comparison.NOT_NULL}:
        return True
    distinct = facts.column(predicate.column).distinct
    few = 0 < distinct <= _FEW_STATES
    return few and not predicate.comparison.is_range


def _by_conditions(
    use: TableUse,
    facts: TableFacts,
    now: Reads,
    predicates: tuple[Predicate, ...],
    *,
    joined_to: bool,
    partial: tuple[Predicate, ...],
) -> Candidate | None:
    points = narrowing(points_of(predicates, facts), facts, facts.rows)
    names = in_key_order(facts, ((facts.fraction(each), each.column) for each in points))
    ranged = best_range(predicates, facts, exclude=names)
    if not names and ranged is None:
        return _by_condition_alone(use, facts, now, partial) if partial else None
    then = () if ranged is None else (ranged.column,)
    served = (*points, *(ranges_of(predicates, ranged.column) if ranged else ()), *partial)
    reads = facts.rows * joined(facts, served)
    rest = tuple(each for each in use.predicates if each not in served)
    complete = not rest and not use.filtered
    if now.complete and now.loops <= 1:
        # What passed all conditions is known; what the key leaves to be filtered is estimated.
        reads = now.given if complete and not joined_to else max(reads, now.given)
    elif use.limit is not None and not use.filtered:
        reads = min(reads, max(use.limit / joined(facts, rest), 1.0))
    fractions = {each.column: facts.fraction(each) for each in points}
    reason = reasons.by_conditions(fractions, names, ranged.column if ranged else None)
    return completed(
        use, facts, now, points=names, then=then, reads=reads, reason=reason, partial=partial
    )


def _by_condition_alone(
    use: TableUse, facts: TableFacts, now: Reads, partial: tuple[Predicate, ...]
) -> Candidate | None:
    """An index whose entries all serve: its key is that of the table, or the first column there."""
    primary = facts.table.primary_key
    own = tuple(filter(None, primary.key)) if primary else ()
    key = own or tuple(name for each in partial for name in (each.columns or (each.column,)))
    reads = facts.rows * joined(facts, partial)
    if now.loops <= 1 and now.complete:
        left = use.filtered or len(partial) < len(use.predicates)
        reads = max(reads, now.given) if left else now.given
    return completed(
        use,
        facts,
        now,
        points=(),
        then=key[:1],
        reads=reads,
        reason="All of its entries serve",
        partial=partial,
    )


def _by_order(
    use: TableUse,
    facts: TableFacts,
    now: Reads,
    predicates: tuple[Predicate, ...],
    partial: tuple[Predicate, ...],
) -> Candidate | None:
    if use.ordering is None or use.correlated:
        return None
    constant = [each for each in points_of(predicates, facts) if each.comparison.keeps_order]
    points = narrowing(constant, facts, facts.rows)
    names = in_key_order(facts, ((facts.fraction(each), each.column) for each in points))
    then = order_parts(use, names)
    if not then:
        return None
    entries = facts.rows * joined(facts, (*points, *partial))
    first = then[0].removesuffix(NULLS_FIRST)
    narrowed = ranges_of(predicates, first)
    within = entries * joined(facts, narrowed)
    rest = tuple(each for each in use.predicates if each not in (*points, *partial, *narrowed))
    density = joined(facts, rest)
    if (rest or use.filtered) and now.complete and now.loops <= 1:
        density = min(max(now.given, 1.0) / max(within, 1.0), 1.0)
    elif use.filtered:
        density = min(density, max(now.given, 1.0) / max(within, 1.0))
    limit = use.ordering.limit
    if not use.ordering.whole:
        limit += within * part_of_one(facts, then)
    reads = min(limit / density, within)
    if not rest and not use.filtered and now.complete and now.loops <= 1:
        reads = min(limit, max(now.given, 1.0))
    reason = reasons.by_order(use.ordering, names, then)
    return completed(
        use, facts, now, points=names, then=then, reads=reads, reason=reason, partial=partial
    )

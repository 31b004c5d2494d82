"""The indexes by which a join would look up the rows of a use."""

from dsqlkit.advisor import reasons
from dsqlkit.advisor.candidate import Candidate
from dsqlkit.advisor.completing import completed
from dsqlkit.advisor.key_columns import (
    best_range,
    in_key_order,
    narrowing,
    order_parts,
    points_of,
    ranges_of,
)
from dsqlkit.advisor.limits import fitting_key
from dsqlkit.advisor.measured import Reads
from dsqlkit.advisor.query import TableUse
from dsqlkit.advisor.statistics import TableFacts, joined


def joined_candidate(
    use: TableUse, facts: TableFacts, now: Reads, column: str, probes: float, a_probe: float
) -> Candidate | None:
    """The index by which rows of this use are looked up by `column`, `probes` times, which gives
    `a_probe` rows each time before its own conditions.
    """
    every = [each for each in points_of(use.predicates, facts) if each.column != column]
    points = narrowing(every, facts, probes * a_probe)
    a_probe *= joined(facts, tuple(points))
    names = in_key_order(
        facts,
        [(facts.fraction(each), each.column) for each in points]
        + [(facts.rows_a_value(column) / facts.rows, column)],
    )
    if column not in fitting_key(facts, names):
        names = (column, *(name for name in names if name != column))
    ranged = best_range(use.predicates, facts, exclude=names)
    then: tuple[str, ...] = ()
    if ranged is not None:
        then = (ranged.column,)
        a_probe *= joined(facts, ranges_of(use.predicates, ranged.column))
    if use.correlated and use.ordering and use.ordering.columns[0] not in names:
        then, a_probe = order_parts(use, names), min(a_probe, use.ordering.limit)
    reason = reasons.by_join(names, probes)
    reads = probes * a_probe
    return completed(use, facts, now, points=names, then=then, reads=reads, reason=reason)


def range_joined_candidate(
    use: TableUse, facts: TableFacts, now: Reads, column: str, probes: float, a_probe: float
) -> Candidate | None:
    """The same where `column` is compared with a range: it comes behind the single values."""
    points = narrowing(points_of(use.predicates, facts), facts, facts.rows)
    names = in_key_order(facts, [(facts.fraction(each), each.column) for each in points])
    reads = probes * max(a_probe, 1.0)
    reason = reasons.by_range_join(column, probes)
    return completed(use, facts, now, points=names, then=(column,), reads=reads, reason=reason)

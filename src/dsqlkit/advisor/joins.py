"""Joins: in which order tables are best read, and which of them are found row by row.

Beginning with one table, each further one is either read once as a whole, or looked up for every
row that there is so far. Every table that may come first is tried; the order that reads least
decides which indexes are proposed together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dsqlkit.advisor.candidate import Candidate
from dsqlkit.advisor.candidates import candidates_of
from dsqlkit.advisor.condition import ELSEWHERE
from dsqlkit.advisor.joined_candidates import joined_candidate, range_joined_candidate
from dsqlkit.advisor.measured import Reads
from dsqlkit.advisor.query import Lookup, Query, TableUse
from dsqlkit.advisor.statistics import TableFacts, joined

_PROBE: Final = 3.0
"""What a look-up costs beside the rows it finds, in rows read one after the other: at least 128
bytes are billed of it."""
_UNKNOWN_ROWS: Final = 1000.0
"""What the planner expects of a function whose rows nobody knows."""
_PLANNED_PROBE: Final = 20.0
"""The same as the planner counts: where a whole scan is cheaper by this it does not look up."""


@dataclass(frozen=True, slots=True)
class _Order:
    """One order of tables: what it reads, and the index (None: none is needed or worth it) by which
    each table but the first is looked up.
    """

    start: int
    cost: float
    reached: Mapping[int, Candidate | None]


def joins_of(
    query: Query,
    facts: tuple[TableFacts, ...],
    now: tuple[Reads | None, ...],
    pairs: Mapping[tuple[int, int], float],
) -> tuple[Candidate | None, ...]:
    """For each use the index that finds its rows in the best order of tables, None where its own
    conditions do, or an index is there. `pairs` are the rows that the plan's joins of two
    uses gave, which tells what a range finds; those of ELSEWHERE with a use are what the other
    side gave.
    """
    found: list[Candidate | None] = [None] * len(query.uses)
    left = {each.outer for each in query.lookups} | {each.inner for each in query.lookups}
    while left - {ELSEWHERE}:
        orders = [
            _order(place, query, facts, now, pairs)
            for place in sorted(left)
            if _may_start(place, query, left)
        ]
        if not orders:
            break
        best = min(orders, key=lambda order: (-len(order.reached), order.cost, order.start))
        for place, candidate in best.reached.items():
            found[place] = candidate
        left -= {best.start, *best.reached, ELSEWHERE}
    return tuple(found)


def _order(
    start: int,
    query: Query,
    facts: tuple[TableFacts, ...],
    now: tuple[Reads | None, ...],
    pairs: Mapping[tuple[int, int], float],
) -> _Order:
    if start == ELSEWHERE:
        others = [rows for (outer, _), rows in pairs.items() if outer == ELSEWHERE]
        rows, cost = max(others, default=_UNKNOWN_ROWS), 0.0
    else:
        rows = _rows_of(query.uses[start], facts[start], now[start])
        cost = _reads_of(query.uses[start], facts[start], now[start])
    reached: dict[int, Candidate | None] = {}
    while True:
        steps = [
            _step(lookup, query, facts, now, pairs, rows)
            for lookup in query.lookups
            if (lookup.outer == start or lookup.outer in reached)
            and lookup.inner != start
            and lookup.inner not in reached
        ]
        if not steps:
            return _Order(start, cost, reached)
        weight, lookup, candidate, given = min(steps, key=lambda step: (step[0], step[1].inner))
        reached[lookup.inner] = candidate
        cost += weight
        rows = max(given, 1.0)


def _step(
    lookup: Lookup,
    query: Query,
    facts: tuple[TableFacts, ...],
    now: tuple[Reads | None, ...],
    pairs: Mapping[tuple[int, int], float],
    rows: float,
) -> tuple[float, Lookup, Candidate | None, float]:
    """What a further table costs, the index that makes it so, and the rows there are then."""
    use, known, reads = query.uses[lookup.inner], facts[lookup.inner], now[lookup.inner]
    whole = _reads_of(use, known, reads)
    others = tuple(each for each in use.predicates if each.column != lookup.column)
    if lookup.equal:
        a_probe = known.rows_a_value(lookup.column)
        given = rows * a_probe * joined(known, others)
    else:
        pair = pairs.get((lookup.outer, lookup.inner))
        a_probe = known.rows if pair is None or not _closed(lookup, query) else pair / rows
        given = pair if pair is not None else rows * known.rows
    if reads is None:
        return whole, lookup, None, given
    make = joined_candidate if lookup.equal else range_joined_candidate
    candidate = make(use, known, reads, lookup.column, rows, a_probe)
    if candidate is None:
        return whole, lookup, None, given
    weight = rows * _PROBE + candidate.weight
    a_run = reads.read if reads.loops <= 1 else max(reads.read / reads.loops, known.rows)
    if weight >= whole or rows * _PLANNED_PROBE + candidate.weight >= max(a_run, reads.read):
        return whole, lookup, None, given
    return weight, lookup, candidate, given


def _closed(lookup: Lookup, query: Query) -> bool:
    """Whether a range has two ends: another condition of the same tables is on the same column."""
    same = [
        each
        for each in query.lookups
        if (each.outer, each.inner, each.column, each.equal)
        == (lookup.outer, lookup.inner, lookup.column, False)
    ]
    return len(same) > 1


def _may_start(place: int, query: Query, left: set[int]) -> bool:
    """Whether rows of this use are read without another's: something can be looked up from it, or
    nothing finds it.
    """
    from_here = any(each.outer == place and each.inner in left for each in query.lookups)
    return from_here or not any(
        each.inner == place and each.outer in left for each in query.lookups
    )


def _reads_of(use: TableUse, facts: TableFacts, now: Reads | None) -> float:
    """What a use reads by its own conditions, with the index that would serve them best."""
    if now is None:
        return facts.rows
    a_run = now.read / max(now.loops, 1)
    whole = max(a_run, facts.rows if now.loops > 1 else a_run)
    own = candidates_of(use, facts, now, joined_to=True)
    return min([whole, *(each.weight for each in own)])


def _rows_of(use: TableUse, facts: TableFacts, now: Reads | None) -> float:
    """The rows that a use gives by its own conditions."""
    known = now is not None and now.loops <= 1 and now.alone
    if now is not None and known and (now.complete or use.limited or now.reads_all):
        return max(now.given, 1.0)
    return max(facts.rows * joined(facts, use.predicates), 1.0)

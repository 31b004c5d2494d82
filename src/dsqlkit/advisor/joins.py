"""Joins: which tables are best found row by row from the others.

Beginning with the table that gives the fewest rows, each further one is either read once as a
whole, or looked up for every row that there is so far.
"""

from typing import Final

from dsqlkit.advisor.candidates import Candidate, joined_candidate
from dsqlkit.advisor.measured import Reads
from dsqlkit.advisor.query import Lookup, Query, TableUse
from dsqlkit.advisor.statistics import TableFacts, joined

_PROBE: Final = 3.0
"""What a look-up costs beside the rows it finds, in rows read: DSQL sends them in batches."""


def join_candidates(
    query: Query, facts: tuple[TableFacts, ...], now: tuple[Reads | None, ...]
) -> tuple[tuple[int, Candidate], ...]:
    """Indexes on the columns by which uses are looked up, with the place of the use each serves."""
    found: list[tuple[int, Candidate]] = []
    joined_uses = {each.outer for each in query.lookups} | {each.inner for each in query.lookups}
    while joined_uses:
        start = min(
            (place for place in joined_uses if _may_start(place, query, joined_uses)),
            key=lambda place: _rows_of(query.uses[place], facts[place], now[place]),
            default=None,
        )
        if start is None:
            break
        reached = {start}
        rows = _rows_of(query.uses[start], facts[start], now[start])
        while step := _next(query, facts, now, reached, rows):
            lookup, candidate = step
            reached.add(lookup.inner)
            rows *= _rows_a_lookup(query.uses[lookup.inner], facts[lookup.inner], lookup.column)
            if candidate is not None:
                found.append((lookup.inner, candidate))
        joined_uses -= reached
    return tuple(found)


def _may_start(place: int, query: Query, left: set[int]) -> bool:
    """Whether rows of this use are read without another's: something can be looked up from it, or
    nothing finds it.
    """
    from_here = any(each.outer == place and each.inner in left for each in query.lookups)
    return from_here or not any(
        each.inner == place and each.outer in left for each in query.lookups
    )


def _next(
    query: Query,
    facts: tuple[TableFacts, ...],
    now: tuple[Reads | None, ...],
    reached: set[int],
    rows: float,
) -> tuple[Lookup, Candidate | None] | None:
    """The use that is reached next, and the index for it where looking up is worth it."""
    steps: list[tuple[float, Lookup, Candidate | None]] = []
    for lookup in query.lookups:
        if lookup.outer not in reached or lookup.inner in reached:
            continue
        reads = now[lookup.inner]
        use = query.uses[lookup.inner]
        candidate = None
        if reads is not None:
            candidate = joined_candidate(use, facts[lookup.inner], reads, lookup.column, rows)
        if candidate is not None and rows * _PROBE + candidate.weight > candidate.reads_now / 2:
            candidate = None
        weight = candidate.weight if candidate else float("inf")
        steps.append((weight, lookup, candidate))
    if not steps:
        return None
    _, lookup, candidate = min(steps, key=lambda step: step[0])
    return lookup, candidate


def _rows_of(use: TableUse, facts: TableFacts, now: Reads | None) -> float:
    """The rows that a use gives by its own conditions."""
    if now is not None and now.loops <= 1 and (use.limited or now.reads_all):
        return max(now.given, 1.0)
    return max(facts.rows * joined(facts, use.predicates), 1.0)


def _rows_a_lookup(use: TableUse, facts: TableFacts, column: str) -> float:
    others = tuple(each for each in use.predicates if each.column != column)
    return facts.rows_a_value(column) * joined(facts, others)

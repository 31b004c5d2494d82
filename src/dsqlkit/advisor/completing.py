"""From a key to an index: what of it fits, what is included, and what a use would then read."""

from typing import Final

from dsqlkit.advisor.candidate import Candidate
from dsqlkit.advisor.key_columns import (
    is_unique,
    order_parts,
)
from dsqlkit.advisor.limits import fitting_key, may_include
from dsqlkit.advisor.measured import Reads
from dsqlkit.advisor.query import Predicate, TableUse
from dsqlkit.advisor.statistics import TableFacts, joined
from dsqlkit.advisor.write_cost import entry_dpu, lookup_dpu

_FEW_LOOKUPS: Final = float(2 * entry_dpu(0) / lookup_dpu(1))
"""So few (53) are not worth an INCLUDE: an UPDATE of an included column writes two entries, which
cost as much. Then it pays if the query runs as often as those columns change."""


def completed(
    use: TableUse,
    facts: TableFacts,
    now: Reads,
    *,
    points: tuple[str, ...],
    then: tuple[str, ...],
    reads: float,
    reason: str,
    partial: tuple[Predicate, ...] = (),
) -> Candidate | None:
    """The index whose key has `points` and `then`, as far as they fit, and which reads so many
    rows; None where there is none, or none is needed. `now` is what the use reads without it;
    `partial` are the conditions that all of its entries meet.
    """
    key = fitting_key(facts, (*points, *then))
    in_order = use.ordering is not None and then == order_parts(use, points)
    if not key or (in_order and then and then[-1] not in key) or is_unique(facts, points):
        return None
    needed = use.needed | (use.ordering.columns_read if use.ordering else frozenset())
    rest = tuple(
        column.name
        for column in facts.table.columns
        if column.name in needed and column.name not in key
    )
    few = reads <= _FEW_LOOKUPS
    covers = use.index_alone and (not rest or (not few and may_include(facts, rest)))
    filtered = {name for each in use.predicates for name in (each.columns or (each.column,))}
    to_filter = tuple(name for name in rest if name in filtered | use.filtered)
    worth_filtering = use.index_alone and reads - now.given / max(now.loops, 1) > _FEW_LOOKUPS
    included: tuple[str, ...] = ()
    if covers:
        included = rest
    elif worth_filtering and may_include(facts, to_filter):
        included = to_filter
    return Candidate(
        facts=facts,
        points=tuple(name for name in points if name in key),
        then=tuple(name for name in then if name in key),
        included=included,
        covers=covers,
        reads=max(reads, 1.0),
        reads_now=max(now.read, _unlucky(use, facts, now)),
        lookups_now=now.lookups,
        reason=reason,
        condition=" AND ".join(each.condition for each in partial),
        part=joined(facts, partial),
    )


def _unlucky(use: TableUse, facts: TableFacts, now: Reads) -> float:
    """What a LIMIT lets a scan of the whole table read on average: a scan that was lucky enough to
    meet its rows early says nothing of the next one.
    """
    if use.limit is None or not now.reads_all or use.filtered or now.loops > 1:
        return 0.0
    matching = facts.rows * joined(facts, use.predicates)
    return min(facts.rows * use.limit / (matching + 1), facts.rows)

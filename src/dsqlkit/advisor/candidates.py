"""The indexes that one use of a table could gain from.

The rule of the field: columns compared with `=` first, the most selective leading; then one column
that is compared with a range or sorted by; then INCLUDE of what else is filtered or returned.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import log10
from typing import Final

from dsqlkit.advisor.limits import fitting_key, may_include
from dsqlkit.advisor.measured import Reads
from dsqlkit.advisor.query import Comparison, Predicate, TableUse
from dsqlkit.advisor.statistics import NULLS_FIRST, TableFacts, joined
from dsqlkit.advisor.write_cost import READ_DPU_PER_KIB, WRITE_DPU_PER_KIB
from dsqlkit.quotas import MAX_KEY_COLUMNS

WORTH_ROWS: Final = 100
"""Fewer rows saved than this are no reason for an index."""
_WORTH_PART: Final = 1 / 2
"""An index reads at most this part of the rows that are read without it, or it is not proposed."""
_LOOKUP: Final = 2.0
"""A row that the index finds and the table completes counts twice: it is read twice."""
_FEW_LOOKUPS: Final = float(2 * WRITE_DPU_PER_KIB / READ_DPU_PER_KIB)
"""So few (53) are not worth an INCLUDE: an UPDATE of an included column writes two entries, which
cost as much. Then it pays if the query runs as often as those columns change."""
_NARROWS: Final = 0.9
"""A condition that leaves more than this is no reason to have its column in the key."""
_NEXT_TO_NOTHING: Final = 10.0
"""So few rows need no further column in the key, which each UPDATE of it would pay for."""
_FEW_STATES: Final = 20
"""A column of more values than this holds no state."""
_WORTH_A_PARTIAL: Final = 20
"""A partial index is small and cheap to write, and serves few queries: so many rows are reason
enough for one where another index is worth it anyway."""
_FEW_OF_ALL: Final = 1 / 4
"""A partial index holds at most this part of the rows."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An index that would serve one use of a table.

    `points` are the columns compared with single values, `then` the range or the order behind
    them; the key is both. `reads` are the rows expected to be read with it, `reads_now` those that
    were read, and `lookups_now` those of them that the table completed (on DSQL). `covers` says
    that the table itself need not be read. `condition` is that of a partial index, which holds
    the `part` of the rows.
    """

    facts: TableFacts
    points: tuple[str, ...]
    then: tuple[str, ...]
    included: tuple[str, ...]
    covers: bool
    reads: float
    reads_now: float
    lookups_now: float
    reason: str
    condition: str = ""
    part: float = 1.0

    @property
    def key(self) -> tuple[str, ...]:
        return (*self.points, *self.then)

    @property
    def weight(self) -> float:
        """The rows it reads, those of the table too: the lower the better."""
        return self.reads * (1.0 if self.covers else _LOOKUP)

    @property
    def is_worth_it(self) -> bool:
        """Whether it is expected to save enough."""
        saved = self.reads_now - self.reads
        if saved >= WORTH_ROWS and self.weight <= self.reads_now * _WORTH_PART:
            return True
        return self.saves_lookups

    @property
    def saves_lookups(self) -> bool:
        """Whether what it saves is reading the rows in the table as well."""
        return (
            self.covers
            and self.lookups_now >= WORTH_ROWS
            and self.reads <= self.reads_now * (1 + _WORTH_PART)
        )


def candidates_of(
    use: TableUse, facts: TableFacts, now: Reads, *, joined_to: bool
) -> tuple[Candidate, ...]:
    """The indexes that serve the use by its own conditions and order, all that there are: whole
    ones, and partial ones where those read much less.

    `joined_to` says that the query finds its rows by a join as well: a plan may have narrowed what
    was given by that.
    """
    asked = tuple(each.column for each in _points(use.predicates, facts))
    if _is_unique(facts, asked):
        return ()
    plain = tuple(_served_by(use, facts, now, use.predicates, joined_to))
    best = min((each.reads for each in plain), default=now.read)
    partial = _partial(use, facts, now, joined_to)
    # A partial index serves this query alone: never where a whole one does as well.
    return (
        *plain,
        *(
            each
            for each in partial
            if each.reads <= best * _WORTH_PART and best - each.reads >= _WORTH_A_PARTIAL
        ),
    )


def _served_by(
    use: TableUse,
    facts: TableFacts,
    now: Reads,
    predicates: tuple[Predicate, ...],
    joined_to: bool,
    partial: tuple[Predicate, ...] = (),
) -> Iterator[Candidate]:
    found = _by_conditions(use, facts, now, predicates, joined_to, partial)
    in_order = _by_order(use, facts, now, predicates, partial)
    yield from (each for each in (found, in_order) if each is not None)


def _partial(use: TableUse, facts: TableFacts, now: Reads, joined_to: bool) -> Iterator[Candidate]:
    """Indexes of the rows alone that a constant condition of the query leaves."""
    if use.correlated:
        return
    fixed = tuple(each for each in use.predicates if _is_a_state(each, facts))
    for chosen in (*((each,) for each in fixed), fixed):
        if chosen and joined(facts, chosen) <= _FEW_OF_ALL:
            others = tuple(each for each in use.predicates if each not in chosen)
            yield from _served_by(use, facts, now, others, joined_to, chosen)


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


def joined_candidate(
    use: TableUse, facts: TableFacts, now: Reads, column: str, probes: float, a_probe: float
) -> Candidate | None:
    """The index by which rows of this use are looked up by `column`, `probes` times, which gives
    `a_probe` rows each time before its own conditions.
    """
    every = [each for each in _points(use.predicates, facts) if each.column != column]
    points = _narrowing(every, facts, probes * a_probe)
    a_probe *= joined(facts, tuple(points))
    names = _ordered(
        facts,
        [(facts.fraction(each), each.column) for each in points]
        + [(facts.rows_a_value(column) / facts.rows, column)],
    )
    if column not in fitting_key(facts, names):
        names = (column, *(name for name in names if name != column))
    ranged = _best_range(use.predicates, facts, exclude=names)
    then: tuple[str, ...] = ()
    if ranged is not None:
        then = (ranged.column,)
        a_probe *= joined(facts, _of_column(use.predicates, ranged.column))
    if use.correlated and use.ordering and use.ordering.columns[0] not in names:
        then, a_probe = _order_parts(use, names), min(a_probe, use.ordering.limit)
    reason = f"Looked up by {_words(names)}, for about {counted(probes)} of the query"
    return _candidate(use, facts, now, names, then, probes * a_probe, reason)


def range_joined_candidate(
    use: TableUse, facts: TableFacts, now: Reads, column: str, probes: float, a_probe: float
) -> Candidate | None:
    """The same where `column` is compared with a range: it comes behind the single values."""
    points = _narrowing(_points(use.predicates, facts), facts, facts.rows)
    names = _ordered(facts, [(facts.fraction(each), each.column) for each in points])
    reads = probes * max(a_probe, 1.0)
    reason = f"Looked up by a range of {column}, for about {counted(probes)} of the query"
    return _candidate(use, facts, now, names, (column,), reads, reason)


def _by_conditions(
    use: TableUse,
    facts: TableFacts,
    now: Reads,
    predicates: tuple[Predicate, ...],
    joined_to: bool,
    partial: tuple[Predicate, ...],
) -> Candidate | None:
    points = _narrowing(_points(predicates, facts), facts, facts.rows)
    names = _ordered(facts, ((facts.fraction(each), each.column) for each in points))
    ranged = _best_range(predicates, facts, exclude=names)
    if not names and ranged is None:
        return _by_condition_alone(use, facts, now, partial) if partial else None
    then = () if ranged is None else (ranged.column,)
    served = (*points, *(_of_column(predicates, ranged.column) if ranged else ()), *partial)
    reads = facts.rows * joined(facts, served)
    rest = tuple(each for each in use.predicates if each not in served)
    complete = not rest and not use.filtered
    if now.complete and now.loops <= 1:
        # What passed all conditions is known; what the key leaves to be filtered is estimated.
        reads = now.given if complete and not joined_to else max(reads, now.given)
    elif use.limit is not None and not use.filtered:
        reads = min(reads, max(use.limit / joined(facts, rest), 1.0))
    words = _equality_words({each.column: facts.fraction(each) for each in points}, names)
    if ranged is not None:
        words += f"; then the range on {ranged.column}" if words else f"A range on {ranged.column}"
    return _candidate(use, facts, now, names, then, reads, words, partial)


def _by_condition_alone(
    use: TableUse, facts: TableFacts, now: Reads, partial: tuple[Predicate, ...]
) -> Candidate | None:
    """An index whose entries all serve: its key is that of the table, or the first column there."""
    primary = facts.table.primary_key
    own = tuple(filter(None, primary.key)) if primary else ()
    key = own or tuple(name for each in partial for name in (each.columns or (each.column,)))
    reads = facts.rows * joined(facts, partial)
    if now.loops <= 1 and now.complete:
        reads = max(reads, now.given) if use.filtered else now.given
    return _candidate(use, facts, now, (), key[:1], reads, "All of its entries serve", partial)


def _by_order(
    use: TableUse,
    facts: TableFacts,
    now: Reads,
    predicates: tuple[Predicate, ...],
    partial: tuple[Predicate, ...],
) -> Candidate | None:
    if use.ordering is None or use.correlated:
        return None
    constant = [each for each in _points(predicates, facts) if each.comparison.keeps_order]
    points = _narrowing(constant, facts, facts.rows)
    names = _ordered(facts, ((facts.fraction(each), each.column) for each in points))
    then = _order_parts(use, names)
    if not then:
        return None
    entries = facts.rows * joined(facts, (*points, *partial))
    first = then[0].removesuffix(NULLS_FIRST)
    narrowed = _of_column(predicates, first)
    within = entries * joined(facts, narrowed)
    rest = tuple(each for each in use.predicates if each not in (*points, *partial, *narrowed))
    density = joined(facts, rest)
    if (rest or use.filtered) and now.complete and now.loops <= 1:
        density = min(max(now.given, 1.0) / max(within, 1.0), 1.0)
    elif use.filtered:
        density = min(density, max(now.given, 1.0) / max(within, 1.0))
    limit = use.ordering.limit
    if not use.ordering.whole:
        limit += within * _one_of(facts, then)
    reads = min(limit / density, within)
    words = _words(then)
    told = (
        f"the first {counted(use.ordering.limit)} {_are(use.ordering.limit)} the first of the index"
    )
    if not use.ordering.whole:
        told = "rows of one value are sorted together, and the first few values are enough"
    reason = f"The order of {words}: {told}"
    if names:
        reason = f"Equality on {_words(names)}, then the order of {words}: {told}"
    return _candidate(use, facts, now, names, then, reads, reason, partial)


def _candidate(
    use: TableUse,
    facts: TableFacts,
    now: Reads,
    points: tuple[str, ...],
    then: tuple[str, ...],
    reads: float,
    reason: str,
    partial: tuple[Predicate, ...] = (),
) -> Candidate | None:
    key = fitting_key(facts, (*points, *then))
    in_order = use.ordering is not None and then == _order_parts(use, points)
    if not key or (in_order and then and then[-1] not in key) or _is_unique(facts, points):
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


def _is_unique(facts: TableFacts, points: tuple[str, ...]) -> bool:
    """Whether a unique index finds the one row there is by these columns."""
    return any(
        (index.unique or index.primary)
        and index.valid
        and index.condition is None
        and None not in index.key
        and set(index.key) <= set(points)
        for index in facts.table.indexes
    )


def _unlucky(use: TableUse, facts: TableFacts, now: Reads) -> float:
    """What a LIMIT lets a scan of the whole table read on average: a scan that was lucky enough to
    meet its rows early says nothing of the next one.
    """
    if use.limit is None or not now.reads_all or use.filtered or now.loops > 1:
        return 0.0
    matching = facts.rows * joined(facts, use.predicates)
    return min(facts.rows * use.limit / (matching + 1), facts.rows)


def counted(rows: float) -> str:
    """A number of rows in words, at least one."""
    number = max(round(rows), 1)
    return f"{number:,} row{'' if number == 1 else 's'}"


def _are(rows: float) -> str:
    return "is" if round(rows) <= 1 else "are"


def _order_parts(use: TableUse, points: tuple[str, ...]) -> tuple[str, ...]:
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


def _one_of(facts: TableFacts, keys: tuple[str, ...]) -> float:
    """The part of the rows that share one value of all these columns, on average."""
    part = 1.0
    for key in keys:
        name = key.removesuffix(NULLS_FIRST)
        part *= facts.rows_a_value(name) / facts.rows
    return max(part, 1 / facts.rows)


def _points(predicates: tuple[Predicate, ...], facts: TableFacts) -> list[Predicate]:
    """The conditions on single values, one for each column: the most selective."""
    best: dict[str, Predicate] = {}
    for each in predicates:
        if each.comparison.is_point:
            known = best.get(each.column)
            if known is None or facts.fraction(each) < facts.fraction(known):
                best[each.column] = each
    return list(best.values())


def _narrowing(points: list[Predicate], facts: TableFacts, rows: float) -> list[Predicate]:
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


def _best_range(
    predicates: tuple[Predicate, ...], facts: TableFacts, exclude: tuple[str, ...]
) -> Predicate | None:
    ranges = [
        each
        for each in predicates
        if each.comparison.is_range
        and each.column not in exclude
        and joined(facts, _of_column(predicates, each.column)) <= _NARROWS
    ]
    return min(
        ranges, key=lambda each: joined(facts, _of_column(predicates, each.column)), default=None
    )


def _of_column(predicates: tuple[Predicate, ...], column: str) -> tuple[Predicate, ...]:
    return tuple(each for each in predicates if each.column == column and each.comparison.is_range)


def _ordered(facts: TableFacts, columns: Iterable[tuple[float, str]]) -> tuple[str, ...]:
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


def _equality_words(fractions: dict[str, float], names: tuple[str, ...]) -> str:
    """What is said of the columns that are compared with single values, in the key's order."""
    if not names:
        return ""
    selective = fractions[names[0]] <= 2 * min(fractions.values())
    lead = "the most selective leading" if selective else "led as an index is that it then replaces"
    parts = [f"{name} ({_percent(fractions[name])} of the rows)" for name in names]
    return f"Equality first, {lead}: {', '.join(parts)}"


def _words(names: tuple[str, ...]) -> str:
    return ", ".join(names)


def _percent(fraction: float) -> str:
    return f"{fraction:.0%}" if fraction >= 0.01 else "under 1%"

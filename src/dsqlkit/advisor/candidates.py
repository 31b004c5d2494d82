"""The indexes that one use of a table could gain from.

The rule of the field: columns compared with `=` first, the most selective leading; then one column
that is compared with a range or sorted by; then INCLUDE of what else is filtered or returned.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from dsqlkit.advisor.limits import fitting_key, may_include
from dsqlkit.advisor.measured import Reads
from dsqlkit.advisor.query import Comparison, Predicate, TableUse
from dsqlkit.advisor.statistics import TableFacts, joined

WORTH_ROWS: Final = 100
"""Fewer rows saved than this are no reason for an index."""
_WORTH_PART: Final = 1 / 2
"""An index reads at most this part of the rows that are read without it, or it is not proposed."""
_LOOKUP: Final = 2.0
"""A row that the index finds and the table completes counts twice: it is read twice."""
_FEW_LOOKUPS: Final = 10
_NARROW_BYTES: Final = 64
"""More than this is not carried along in every entry to save so few look-ups."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An index that would serve one use of a table.

    `points` are the columns compared with single values, `then` the range or the order behind
    them; the key is both. `reads` are the rows expected to be read with it, `reads_now` those that
    were read, and `lookups_now` those of them that the table completed (on DSQL). `covers` says
    that the table itself need not be read.
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
    """The indexes that serve the use by its own conditions and order, all that there are.

    `joined_to` says that the query finds its rows by a join as well: a plan may have narrowed what
    was given by that.
    """
    found = [_by_conditions(use, facts, now, joined_to), _by_order(use, facts, now)]
    return tuple(each for each in found if each is not None)


def joined_candidate(
    use: TableUse, facts: TableFacts, now: Reads, column: str, probes: float
) -> Candidate | None:
    """The index by which rows of this use are looked up by `column`, `probes` times."""
    points = [each for each in _points(use, facts) if each.column != column]
    a_probe = facts.rows_a_value(column) * joined(facts, tuple(points))
    names = _by_selectivity(
        [(facts.fraction(each), each.column) for each in points]
        + [(facts.rows_a_value(column) / facts.rows, column)]
    )
    if column not in fitting_key(facts, names):
        names = (column, *(name for name in names if name != column))
    ranged = _best_range(use, facts, exclude=names)
    then: tuple[str, ...] = ()
    if ranged is not None:
        then = (ranged.column,)
        a_probe *= joined(facts, _of_column(use, ranged.column))
    if use.correlated and use.ordering and use.ordering.columns[0] not in names:
        then, a_probe = use.ordering.columns, min(a_probe, use.ordering.limit)
    reason = f"Looked up by {_words(names)}, for about {counted(probes)} of the query"
    return _candidate(use, facts, now, names, then, probes * a_probe, reason)


def _by_conditions(
    use: TableUse, facts: TableFacts, now: Reads, joined_to: bool
) -> Candidate | None:
    points = _points(use, facts)
    names = _by_selectivity((facts.fraction(each), each.column) for each in points)
    ranged = _best_range(use, facts, exclude=names)
    if not names and ranged is None:
        return None
    then = () if ranged is None else (ranged.column,)
    served = (*points, *(_of_column(use, ranged.column) if ranged else ()))
    reads = facts.rows * joined(facts, served)
    if not use.limited and now.loops <= 1:
        # What passed all conditions is known; what the key leaves to be filtered is estimated.
        left = len(served) < len(use.predicates) or use.filtered or joined_to
        reads = max(reads, now.given) if left else now.given
    parts = [
        f"{name} ({_percent(fraction)} of the rows)"
        for name, fraction in sorted(
            {each.column: facts.fraction(each) for each in points}.items(), key=lambda x: x[1]
        )
    ]
    words = f"Equality first, the most selective leading: {', '.join(parts)}" if parts else ""
    if ranged is not None:
        words += f"; then the range on {ranged.column}" if words else f"A range on {ranged.column}"
    return _candidate(use, facts, now, names, then, reads, words)


def _by_order(use: TableUse, facts: TableFacts, now: Reads) -> Candidate | None:
    if use.ordering is None or use.correlated:
        return None
    points = [each for each in _points(use, facts) if each.comparison.keeps_order]
    names = _by_selectivity((facts.fraction(each), each.column) for each in points)
    then = tuple(name for name in use.ordering.columns if name not in names)
    if not then:
        return None
    entries = facts.rows * joined(facts, tuple(points))
    rest = tuple(each for each in use.predicates if each not in points and each.column != then[0])
    density = joined(facts, rest)
    if use.filtered:
        density = min(density, max(now.given, 1.0) / entries)
    reads = min(use.ordering.limit / density, entries)
    first = f"the first {counted(use.ordering.limit)} are the first of the index"
    reason = f"The order of {_words(then)}: {first}"
    if names:
        reason = f"Equality on {_words(names)}, then the order of {_words(then)}: {first}"
    return _candidate(use, facts, now, names, then, reads, reason)


def _candidate(
    use: TableUse,
    facts: TableFacts,
    now: Reads,
    points: tuple[str, ...],
    then: tuple[str, ...],
    reads: float,
    reason: str,
) -> Candidate | None:
    key = fitting_key(facts, (*points, *then))
    if not key or (then and use.ordering and then == use.ordering.columns and then[-1] not in key):
        return None
    rest = tuple(
        column.name
        for column in facts.table.columns
        if column.name in use.needed and column.name not in key
    )
    few = reads <= _FEW_LOOKUPS and facts.width(rest) > _NARROW_BYTES
    covers = use.index_alone and not few and may_include(facts, rest)
    filtered = {each.column for each in use.predicates} | use.filtered
    to_filter = tuple(name for name in rest if name in filtered)
    included = rest if covers else to_filter if may_include(facts, to_filter) else ()
    return Candidate(
        facts=facts,
        points=tuple(name for name in points if name in key),
        then=tuple(name for name in then if name in key),
        included=included,
        covers=covers,
        reads=reads,
        reads_now=now.read,
        lookups_now=now.lookups,
        reason=reason,
    )


def counted(rows: float) -> str:
    """A number of rows in words, at least one."""
    number = max(round(rows), 1)
    return f"{number:,} row{'' if number == 1 else 's'}"


def _points(use: TableUse, facts: TableFacts) -> list[Predicate]:
    """The conditions on single values, one for each column: the most selective."""
    best: dict[str, Predicate] = {}
    for each in use.predicates:
        if each.comparison.is_point:
            known = best.get(each.column)
            if known is None or facts.fraction(each) < facts.fraction(known):
                best[each.column] = each
    return list(best.values())


def _best_range(use: TableUse, facts: TableFacts, exclude: tuple[str, ...]) -> Predicate | None:
    ranges = [
        each
        for each in use.predicates
        if each.comparison in {Comparison.RANGE, Comparison.PREFIX} and each.column not in exclude
    ]
    return min(ranges, key=lambda each: joined(facts, _of_column(use, each.column)), default=None)


def _of_column(use: TableUse, column: str) -> tuple[Predicate, ...]:
    return tuple(
        each for each in use.predicates if each.column == column and not each.comparison.is_point
    )


def _by_selectivity(columns: Iterable[tuple[float, str]]) -> tuple[str, ...]:
    return tuple(name for _, name in sorted(columns, key=lambda pair: pair[0]))


def _words(names: tuple[str, ...]) -> str:
    return ", ".join(names)


def _percent(fraction: float) -> str:
    return f"{fraction:.0%}" if fraction >= 0.01 else "under 1%"

"""The fewest indexes that serve many queries.

An index serves a query where its key begins with the columns that the query compares with single
values, in any order, and then has its range or its order. So the keys that queries ask for are laid
over each other: the longest first, whose columns are put into an order that serves the shorter ones
too.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from dsqlkit.advisor.candidate import Candidate
from dsqlkit.advisor.limits import fitting_key, may_include
from dsqlkit.advisor.statistics import TableFacts
from dsqlkit.advisor.write_cost import entry_bytes, entry_dpu, lookup_dpu, scan_dpu

_Block = frozenset[str]


@dataclass(frozen=True, slots=True)
class Need:
    """An index that a query asks for, by the query's place in the workload and its weight."""

    query: int
    weight: float
    candidate: Candidate

    @property
    def rows_saved(self) -> float:
        """Rows that are not read, over all runs."""
        return self.weight * max(self.candidate.reads_now - self.candidate.reads, 0.0)

    @property
    def dpu_saved(self) -> Decimal:
        """DPU for reading that are not spent, over all runs: at least, as small rows are billed
        by 128 bytes where they are read one by one.
        """
        mine = self.candidate
        every = tuple(column.name for column in mine.facts.table.columns)
        now = scan_dpu(mine.reads_now, mine.facts.width(every))
        then = scan_dpu(mine.reads, entry_bytes(mine.facts, mine.key, mine.included))
        if not mine.covers:
            then += lookup_dpu(mine.reads)
        return Decimal(repr(self.weight)) * max(now - then, Decimal(0))


@dataclass(frozen=True, slots=True)
class TableWrite:
    """A statement that changes `rows` rows of a table, `weight` times; `columns` are those that an
    UPDATE sets, None for INSERT and DELETE, which write every index.
    """

    table: tuple[str, str]
    rows: float
    weight: float
    columns: frozenset[str] | None = None

    def dpu(self, index: "SharedIndex") -> Decimal:
        """What all its runs pay for an index."""
        table = index.facts.table
        if self.table != (table.schema, table.name):
            return Decimal(0)
        if self.columns is not None and not self.columns & index.columns:
            return Decimal(0)
        entries = self.rows * self.weight * (1 if self.columns is None else 2)
        return Decimal(repr(entries)) * index.entry_dpu


@dataclass(frozen=True, slots=True)
class SharedIndex:
    """An index, and the needs that it serves."""

    facts: TableFacts
    key: tuple[str, ...]
    included: tuple[str, ...]
    condition: str
    needs: tuple[Need, ...]

    @property
    def columns(self) -> frozenset[str]:
        """All that it holds or is made of: an UPDATE of one of these writes it."""
        return frozenset(
            column.name
            for column in self.facts.table.columns
            if column.name in {*self.key, *self.included}
            or any(
                re.search(rf"\b{re.escape(column.name)}\b", part)
                for part in (*self.key, self.condition)
            )
        )

    @property
    def entry_dpu(self) -> Decimal:
        """What writing one entry costs."""
        return entry_dpu(entry_bytes(self.facts, self.key, self.included))

    @property
    def dpu_saved(self) -> Decimal:
        """DPU for reading that the workload saves by it."""
        return sum((need.dpu_saved for need in self.needs), Decimal(0))

    @property
    def rows_saved(self) -> float:
        """Rows that the workload does not read, thanks to it."""
        return sum(need.rows_saved for need in self.needs)


@dataclass(slots=True)
class _Growing:
    """An index whose columns are still in parts of free order."""

    facts: TableFacts
    condition: str
    blocks: list[_Block]
    needs: list[Need] = field(default_factory=list)


def fewest(needs: Iterable[Need]) -> tuple[SharedIndex, ...]:
    """The fewest indexes found that serve all needs, those that save most first."""
    growing: list[_Growing] = []
    for need in sorted(needs, key=lambda each: (-len(each.candidate.key), -each.rows_saved)):
        mine = need.candidate
        for index in growing:
            # Each query read the catalog anew: a table is known by its name.
            if _name(index.facts) == _name(mine.facts) and index.condition == mine.condition:
                blocks = _laid_over(index.blocks, mine.points, mine.then)
                if blocks is not None:
                    index.blocks = blocks
                    index.needs.append(need)
                    break
        else:
            blocks = _laid_over([], mine.points, mine.then) or []
            growing.append(_Growing(mine.facts, mine.condition, blocks, [need]))
    return tuple(sorted(map(_shared, growing), key=lambda index: -index.dpu_saved))


def _name(facts: TableFacts) -> tuple[str, str]:
    return facts.table.schema, facts.table.name


def _laid_over(
    blocks: Sequence[_Block], points: tuple[str, ...], then: tuple[str, ...]
) -> list[_Block] | None:
    """The parts of a key with another key laid over them; None where that does not fit."""
    found: list[_Block] = []
    left, asked = list(blocks), frozenset(points)
    while asked:
        if not left:
            found.append(asked)
            break
        first = left.pop(0)
        if first <= asked:
            found.append(first)
            asked -= first
        elif asked < first:
            found.append(asked)
            left.insert(0, first - asked)
            break
        else:
            return None
    for name in then:
        if not left:
            found.append(frozenset({name}))
            continue
        first = left.pop(0)
        if name not in first:
            return None
        found.append(frozenset({name}))
        if first - {name}:
            left.insert(0, first - {name})
    return found + left


def _shared(growing: _Growing) -> SharedIndex:
    facts = growing.facts
    best = max(growing.needs, key=lambda need: need.rows_saved).candidate
    order = {name: place for place, name in enumerate(best.key)}
    wanted = tuple(
        name
        for block in growing.blocks
        for name in sorted(block, key=lambda each: (order.get(each, len(order)), each))
    )
    key = fitting_key(facts, wanted)
    included: tuple[str, ...] = ()
    for need in sorted(growing.needs, key=lambda each: -each.dpu_saved):
        more = tuple(name for name in need.candidate.included if name not in (*key, *included))
        if may_include(facts, (*included, *more)):
            included = (*included, *more)
    return SharedIndex(facts, key, included, growing.condition, tuple(growing.needs))

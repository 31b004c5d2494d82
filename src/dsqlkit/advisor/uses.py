"""The uses that a statement makes of tables, gathered while it is read."""

from dataclasses import dataclass, field

from dsqlkit.advisor.condition import Reading
from dsqlkit.advisor.ordering import FirstRows
from dsqlkit.advisor.query import Comparison, Lookup, Obstacle, Ordering, Predicate, Query, TableUse
from dsqlkit.plans.catalog import Table

_HOLD_FOR_NULL = frozenset({Comparison.NULL, Comparison.DIFFERS})


@dataclass(slots=True)
class Use:
    """What was found of one use of a table, so far."""

    table: Table
    alias: str
    predicates: list[Predicate] = field(default_factory=list)
    obstacles: list[Obstacle] = field(default_factory=list)
    needed: set[str] = field(default_factory=set)
    filtered: set[str] = field(default_factory=set)
    ordering: Ordering | None = None
    limited: bool = False
    limit: float | None = None
    correlated: bool = False
    index_alone: bool = True
    grouped: bool = False
    nullable: bool = False
    """Whether an outer join adds rows of NULLs in place of this one's."""


@dataclass(slots=True)
class Uses:
    """All that was found so far. A use is known by its place in `uses`."""

    uses: list[Use] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def query(self) -> Query:
        """What was found, whole."""
        return Query(
            tuple(
                TableUse(
                    use.table,
                    use.alias,
                    tuple(use.predicates),
                    tuple(use.obstacles),
                    frozenset(use.needed),
                    frozenset(use.filtered),
                    use.ordering,
                    use.limited,
                    use.limit,
                    use.correlated,
                    use.index_alone,
                )
                for use in self.uses
            ),
            tuple(dict.fromkeys(self.lookups)),
            tuple(dict.fromkeys(self.unknown)),
            tuple(dict.fromkeys(self.notes)),
        )

    def take(self, reading: Reading, kept: set[int]) -> None:
        """Note a condition; what an outer join keeps (`kept`) is not narrowed by it."""
        for column in (*reading.filtered, *reading.also):
            self.uses[column.use].needed.add(column.name)
        if reading.predicate is not None:
            use, predicate = reading.predicate
            self.uses[use].needed.add(predicate.column)
            # A row that an outer join added has NULLs, which no row of the table need have.
            added = self.uses[use].nullable and predicate.comparison in _HOLD_FOR_NULL
            if use not in kept and not added:
                self.uses[use].predicates.append(predicate)
        for outer, column in reading.joins:
            if column.use not in kept:
                self.lookups.append(
                    Lookup(outer, column.use, column.name, reading.text, reading.equal)
                )
        if not reading.joins:
            for column in reading.filtered:
                if column.use not in kept:
                    self.uses[column.use].filtered.add(column.name)
        if reading.obstacle is not None and reading.filtered:
            self.uses[reading.filtered[0].use].obstacles.append(reading.obstacle)

    def order(self, first: FirstRows, own: range) -> None:
        """Note in which order a level of the statement, whose uses are `own`, wants its rows."""
        for place in own:
            self.uses[place].limited |= first.ends_early
            if len(own) == 1 and not first.keys:
                self.uses[place].limit = first.limit
        of = {key.use for key in first.keys}
        if len(of) != 1 or self.uses[use := of.pop()].grouped or use not in own:
            return
        others = [self.uses[place] for place in own if place != use]
        if not any(each.predicates or each.filtered for each in others):
            self.uses[use].ordering = Ordering(
                tuple(dict.fromkeys(key.key for key in first.keys)),
                first.limit,
                first.whole,
                frozenset(key.key for key in first.keys if key.nulls_apart),
                frozenset(name for key in first.keys for name in key.columns),
            )

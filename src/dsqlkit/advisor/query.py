"""What a query asks of its tables, as far as an index is concerned."""

from dataclasses import dataclass
from enum import StrEnum

from dsqlkit.plans.catalog import Table


class Comparison(StrEnum):
    """How a condition compares a column, in the terms of a B-tree."""

    EQUAL = "equal"
    IN = "in"
    NULL = "null"
    RANGE = "range"
    PREFIX = "prefix"

    @property
    def is_point(self) -> bool:
        """Whether it names single values: columns compared so lead a key."""
        return self in {Comparison.EQUAL, Comparison.IN, Comparison.NULL}

    @property
    def keeps_order(self) -> bool:
        """Whether the entries it finds come in the order of the columns behind it in a key."""
        return self in {Comparison.EQUAL, Comparison.NULL}


@dataclass(frozen=True, slots=True)
class Bound:
    """An operator and the value it compares with, as text; None where that is known only when the
    query runs.
    """

    operator: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Predicate:
    """A condition that a B-tree on `column` can serve. All of a query's must hold.

    For IN each bound is one of the values; for PREFIX there is one, the prefix. `caution` says
    where DSQL may differ from PostgreSQL.
    """

    column: str
    comparison: Comparison
    bounds: tuple[Bound, ...]
    text: str
    caution: str = ""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A condition that no index on its columns can serve, and what could be written instead."""

    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Ordering:
    """The first `limit` rows are wanted, in the order of these columns, all in one direction."""

    columns: tuple[str, ...]
    limit: float


@dataclass(frozen=True, slots=True)
class TableUse:
    """One appearance of a table in a query.

    `needed` are all columns that the query reads of it; `filtered` those of conditions that are
    neither predicates nor joins. `limited` says that a LIMIT may end the reading early.
    `correlated` says that it is read anew for each row of a query around it. `index_alone` is false
    where the row itself is needed, as it is changed or locked.
    """

    table: Table
    alias: str
    predicates: tuple[Predicate, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
    needed: frozenset[str] = frozenset()
    filtered: frozenset[str] = frozenset()
    ordering: Ordering | None = None
    limited: bool = False
    correlated: bool = False
    index_alone: bool = True


@dataclass(frozen=True, slots=True)
class Lookup:
    """A join in one direction: for a row of use `outer`, rows of use `inner` are looked up by
    `column`. The numbers are places in `Query.uses`.
    """

    outer: int
    inner: int
    column: str
    text: str


@dataclass(frozen=True, slots=True)
class Query:
    """A statement's uses of tables, and how their rows are looked up from each other.

    `unknown` are the relations that the catalog does not hold as tables: views, for one.
    """

    uses: tuple[TableUse, ...]
    lookups: tuple[Lookup, ...] = ()
    unknown: tuple[str, ...] = ()

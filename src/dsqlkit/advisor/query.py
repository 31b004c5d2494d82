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
    NOT_NULL = "not null"
    DIFFERS = "differs"

    @property
    def is_point(self) -> bool:
        """Whether it names single values: columns compared so lead a key."""
        return self in {Comparison.EQUAL, Comparison.IN, Comparison.NULL}

    @property
    def keeps_order(self) -> bool:
        """Whether the entries it finds come in the order of the columns behind it in a key.

        Those of IS NULL do, and yet PostgreSQL sorts them: it takes no NULL for a constant.
        """
        return self is Comparison.EQUAL

    @property
    def is_range(self) -> bool:
        """Whether the entries it finds lie beside each other: such a column may end a key."""
        return self in {Comparison.RANGE, Comparison.PREFIX, Comparison.NOT_NULL}


@dataclass(frozen=True, slots=True)
class Bound:
    """An operator and the value it compares with, as text; None where that is known only when the
    query runs.
    """

    operator: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Predicate:
    """A condition on `column`: a column's name, or an expression over `columns` as SQL, which an
    index may have as its key too. All of a query's must hold.

    A B-tree serves all but DIFFERS, which stands here for the part of the rows that it leaves. For
    IN each bound is one of the values, for DIFFERS one that it is not; for PREFIX there is one,
    the prefix. `like` names the column whose statistics tell of an expression. `literal` says that
    the query itself holds all values, `condition` the whole as a partial index would have it.
    `caution` says where DSQL may differ from PostgreSQL.
    """

    column: str
    comparison: Comparison
    bounds: tuple[Bound, ...]
    text: str
    caution: str = ""
    columns: tuple[str, ...] = ()
    like: str = ""
    literal: bool = False
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A condition that no index on its columns can serve, and what could be written instead."""

    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Ordering:
    """The first `limit` rows are wanted, in the order of these columns or expressions, all in one
    direction.

    `whole` is false where they are only the beginning of the order: the rest is sorted in groups
    of equal rows. `nulls_first` are those whose NULLs stand at the other end than is usual.
    `columns_read` are the columns that they need.
    """

    columns: tuple[str, ...]
    limit: float
    whole: bool = True
    nulls_first: frozenset[str] = frozenset()
    columns_read: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TableUse:
    """One appearance of a table in a query.

    `needed` are all columns that the query reads of it; `filtered` those of conditions that are
    neither predicates nor joins. `limited` says that a LIMIT may end the reading early, after
    `limit` rows of it, where that is known.
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
    limit: float | None = None
    correlated: bool = False
    index_alone: bool = True


@dataclass(frozen=True, slots=True)
class Lookup:
    """A join in one direction: for a row of use `outer`, rows of use `inner` are looked up by
    `column`, by a range of it unless `equal`. The numbers are places in `Query.uses`.
    """

    outer: int
    inner: int
    column: str
    text: str
    equal: bool = True


@dataclass(frozen=True, slots=True)
class Query:
    """A statement's uses of tables, and how their rows are looked up from each other.

    `unknown` are the relations that the catalog does not hold as tables or views. `notes` say how
    the query could be written better.
    """

    uses: tuple[TableUse, ...]
    lookups: tuple[Lookup, ...] = ()
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

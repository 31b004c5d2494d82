"""What reading one condition of a query comes to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dsqlkit.advisor.query import Obstacle, Predicate
from dsqlkit.advisor.syntax import Node

ELSEWHERE: Final = -1
"""The use of what comes from no table: VALUES, a function's rows, a column that was computed."""


@dataclass(frozen=True, slots=True)
class ColumnAt:
    """A column of one of a query's uses of tables (a place in its list)."""

    use: int
    name: str
    type: str


Resolve = Callable[[Node], ColumnAt | None]
"""The column that a ColumnRef means; None for one that is not a table's."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a condition says. `joins` are pairs: rows of the first use find rows of the column,
    by `=` or by a range.

    `also` are columns that it reads beside those that it names elsewhere.
    """

    predicate: tuple[int, Predicate] | None = None
    obstacle: Obstacle | None = None
    joins: tuple[tuple[int, ColumnAt], ...] = ()
    equal: bool = True
    filtered: tuple[ColumnAt, ...] = ()
    also: tuple[ColumnAt, ...] = ()
    text: str = ""

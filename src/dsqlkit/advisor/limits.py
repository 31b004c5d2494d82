"""What an index may be on DSQL: a list of columns cut to fit, or the reason why there is none."""

from typing import Final

from dsqlkit.advisor.statistics import NULLS_FIRST, TableFacts
from dsqlkit.quotas import MAX_DECLARED_KEY_BYTES, MAX_KEY_BYTES, MAX_KEY_COLUMNS, NOT_IN_A_KEY

MAX_INCLUDED_BYTES: Final = 400
"""Ours: an index that carries more than this is a second table, and is paid for at each write."""
MAX_INCLUDED: Final = 6
"""Ours too, for the same reason."""


def fitting_key(facts: TableFacts, columns: tuple[str, ...]) -> tuple[str, ...]:
    """The first of these columns that fit into one key together."""
    primary = facts.table.primary_key
    own = tuple(filter(None, primary.key)) if primary else ()
    fitting: tuple[str, ...] = ()
    for name in columns:
        wider = (*fitting, name)
        declared = sum(facts.column(each).declared_bytes or 0 for each in wider)
        average = facts.width((*wider, *(each for each in own if each not in wider)))
        if (
            len(wider) > MAX_KEY_COLUMNS
            or declared > MAX_DECLARED_KEY_BYTES
            or average > MAX_KEY_BYTES
            or not may_be_key(facts, name)
        ):
            break
        fitting = wider
    return fitting


def may_be_key(facts: TableFacts, name: str) -> bool:
    """Whether a column's type may stand in a key."""
    column = facts.table.column(name.removesuffix(NULLS_FIRST))
    # What is no column is an expression, whose type was looked at when it was read.
    return column is None or column.type not in NOT_IN_A_KEY


def may_include(facts: TableFacts, columns: tuple[str, ...]) -> bool:
    """Whether INCLUDE of these columns is worth its bytes. No source says that DSQL takes json
    there, so that is left out.
    """
    return (
        len(columns) <= MAX_INCLUDED
        and facts.width(columns) <= MAX_INCLUDED_BYTES
        and all(may_be_key(facts, name) for name in columns)
    )

"""What an index may be on DSQL: a list of columns cut to fit, or the reason why there is none.

AWS User Guide, "Quotas" and "Asynchronous indexes", with an AWS engineer's observations on a
cluster where the two differ.
"""

from typing import Final

from dsqlkit.advisor.statistics import TableFacts

MAX_KEY_COLUMNS: Final = 8
"""54011 `more than 8 column keys in an index are not supported`."""
MAX_INDEXES: Final = 24
"""For each table, the primary key and builds in progress included (54000)."""
MAX_DECLARED_BYTES: Final = 2000
"""54000 `key size greater than 2000 bytes not supported`, by the declared lengths."""
MAX_KEY_BYTES: Final = 1024
"""Documented for the values, which the primary key's columns share (54000 `key size too large`)."""
NOT_IN_A_KEY: Final = frozenset({"json", "jsonb"})
"""0A000 `datatype jsonb is not supported in a key`."""
MAX_INCLUDED_BYTES: Final = 400
"""Ours: an index that carries more than this is a second table, and is paid for at each write."""
MAX_INCLUDED: Final = 12
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
            or declared > MAX_DECLARED_BYTES
            or average > MAX_KEY_BYTES
            or not may_be_key(facts, name)
        ):
            break
        fitting = wider
    return fitting


def may_be_key(facts: TableFacts, name: str) -> bool:
    """Whether a column's type may stand in a key."""
    column = facts.table.column(name)
    return column is not None and column.type not in NOT_IN_A_KEY


def may_include(facts: TableFacts, columns: tuple[str, ...]) -> bool:
    """Whether INCLUDE of these columns is worth its bytes. No source says that DSQL takes json
    there, so that is left out.
    """
    return (
        len(columns) <= MAX_INCLUDED
        and facts.width(columns) <= MAX_INCLUDED_BYTES
        and all(may_be_key(facts, name) for name in columns)
    )

"""What an index costs, in words: bytes for each write, and bytes for the rows there are."""

from typing import Final

from dsqlkit.advisor.statistics import TableFacts

_ENTRY_OVERHEAD: Final = 16
"""For an entry's header and alignment, about PostgreSQL's; DSQL does not say its own."""
_UNITS: Final = (("GB", 1e9), ("MB", 1e6), ("KB", 1e3))


def entry_bytes(facts: TableFacts, columns: tuple[str, ...]) -> int:
    """The average bytes of an entry: its columns, the primary key that it leads to, an overhead."""
    primary = facts.table.primary_key
    own = tuple(filter(None, primary.key)) if primary else ()
    every = (*columns, *(name for name in own if name not in columns))
    return round(facts.width(every)) + _ENTRY_OVERHEAD


def write_cost(facts: TableFacts, key: tuple[str, ...], included: tuple[str, ...]) -> str:
    """What each write pays for an index, and how large it will be."""
    columns = (*key, *included)
    size = entry_bytes(facts, columns)
    return (
        f"One more entry of about {size} bytes for each INSERT and DELETE, two for each UPDATE of "
        f"{', '.join(columns)}; about {_amount(size * facts.rows)} for the "
        f"{facts.rows:,.0f} rows that are there."
    )


def _amount(size: float) -> str:
    for unit, factor in _UNITS:
        if size >= factor:
            return f"{size / factor:,.1f} {unit}"
    return f"{size:,.0f} bytes"

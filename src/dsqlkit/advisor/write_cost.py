"""What an index costs and saves, in bytes and DPU, by the formulas of `dsqlkit.dpu`: an entry is
its key and all its columns, a column of the key counting twice.
"""

from decimal import Decimal
from typing import Final

from dsqlkit.advisor.statistics import TableFacts
from dsqlkit.dpu import MIN_ENTRY_BYTES, read_dpu, write_dpu

_UNITS: Final = (("GB", 1e9), ("MB", 1e6), ("KB", 1e3))


def entry_bytes(facts: TableFacts, key: tuple[str, ...], included: tuple[str, ...] = ()) -> int:
    """The average bytes of an entry: its columns, and the primary key that it leads to."""
    primary = facts.table.primary_key
    own = tuple(filter(None, primary.key)) if primary else ()
    every = (*key, *(name for name in own if name not in key))
    rest = tuple(name for name in included if name not in every)
    return round(2 * facts.width(every) + facts.width(rest))


def entry_dpu(size: int) -> Decimal:
    """What writing one entry of so many bytes costs, at least that of 128."""
    return write_dpu(max(size, MIN_ENTRY_BYTES))


def lookup_dpu(rows: float) -> Decimal:
    """What reading so many rows one by one in the table costs, at least."""
    return read_dpu(round(rows) * MIN_ENTRY_BYTES)


def scan_dpu(rows: float, bytes_a_row: float) -> Decimal:
    """What reading so many rows that lie beside each other costs."""
    return read_dpu(round(rows * bytes_a_row))


def write_cost(
    facts: TableFacts, key: tuple[str, ...], included: tuple[str, ...] = (), part: float = 1.0
) -> str:
    """What each write pays for an index, and how large it will be. `part` is that of the rows
    which a partial index holds.
    """
    size = entry_bytes(facts, key, included)
    dpu = entry_dpu(size)
    which = " of such a row" if part < 1 else ""
    return (
        f"One more entry of about {size} bytes, {dpu:.5f} DPU, for each INSERT and DELETE{which}; "
        f"two for each UPDATE of {', '.join((*key, *included))}; about "
        f"{_amount(size * facts.rows * part)} for the {facts.rows * part:,.0f} rows that are there."
    )


def _amount(size: float) -> str:
    for unit, factor in _UNITS:
        if size >= factor:
            return f"{size / factor:,.1f} {unit}"
    return f"{size:,.0f} bytes"

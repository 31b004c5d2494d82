"""What a load costs in DPU, by the model of `dsqlkit.dpu`. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from dsqlkit.dpu import MIN_ENTRY_BYTES, READ_MINIMUM, WRITE_MINIMUM, read_dpu, write_dpu


@dataclass(frozen=True, slots=True)
class LoadCost:
    """DPU of storage, without compute. `a_row` is what one row writes."""

    a_row: Decimal
    write: Decimal
    read: Decimal


def load_cost(transactions: int, rows: int) -> LoadCost:
    """What so many transactions of so many accounts each cost, with their minimums.

    A row of `accounts2` (an id twice, and a balance) has less than the 128 bytes that an entry is
    charged; a look-up of its key is a request.
    """
    a_row = write_dpu(MIN_ENTRY_BYTES)
    write = max(rows * a_row, WRITE_MINIMUM)
    read = max(rows * read_dpu(MIN_ENTRY_BYTES), READ_MINIMUM)
    return LoadCost(a_row, transactions * write, transactions * read)

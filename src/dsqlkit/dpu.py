"""What DSQL charges for, in DPU (distributed processing units), as far as plans tell. Pure.

Read off 152 plans that real clusters printed, with what CloudWatch counted for them
(github.com/faridnsh/aurora-dsql-pricing; us-east-1, 2025-11 and 2026-04). Writes fit 69 of 69
INSERTs to the last digit.
"""

from decimal import Decimal
from typing import Final

MIN_ENTRY_BYTES: Final = 128
"""What is charged at least of an entry that is written, and of a request that reads."""
ROW_ID_BYTES: Final = 16
"""The hidden key of a row in a table without a primary key."""

WRITE_MINIMUM: Final = Decimal("0.05")
"""What a transaction that writes costs at least for it: 1 KiB."""
READ_MINIMUM: Final = Decimal("0.00375")
"""What a transaction that reads costs at least for it: 2 KiB."""

_WRITE_PER_KIB: Final = Decimal("0.05")
_READ_PER_KIB: Final = Decimal("0.001875")
_COMPUTE_PER_S: Final = Decimal(1)
_KIB: Final = 1024
_PRINTED: Final = Decimal("0.00001")


def write_dpu(size: int | Decimal) -> Decimal:
    """What writing entries of so many bytes costs, each counted with 128 bytes at least."""
    return size * _WRITE_PER_KIB / _KIB


def read_dpu(size: int | Decimal) -> Decimal:
    """What reading so many bytes costs."""
    return size * _READ_PER_KIB / _KIB


def compute_dpu(cpu_s: Decimal) -> Decimal:
    """What so many seconds of a processor cost."""
    return cpu_s * _COMPUTE_PER_S


def rounded(dpu: Decimal) -> Decimal:
    """As plans print it: with five decimals."""
    return dpu.quantize(_PRINTED)

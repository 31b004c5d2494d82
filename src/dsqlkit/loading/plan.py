"""How much to load and how."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from dsqlkit.errors import UsageError
from dsqlkit.quotas import MAX_ROWS

OPENING_BALANCE: Final = Decimal(100)
MAX_THREADS: Final = 64


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """How much to load and how. Raises UsageError for what cannot work.

    `MAX_ROWS` rows of two short columns are far below DSQL's other limits of a transaction.
    """

    transactions: int = 1000
    rows: int = 1000
    threads: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.threads <= MAX_THREADS:
            raise UsageError(f"The number of threads must be from 1 to {MAX_THREADS}.")
        if self.transactions < 1:
            raise UsageError("At least one transaction is needed.")
        if not 1 <= self.rows <= MAX_ROWS:
            raise UsageError(
                f"A transaction can hold 1 to {MAX_ROWS:,} rows.",
                hint=f"DSQL limits each transaction to {MAX_ROWS:,} changed rows.",
            )

    @property
    def accounts(self) -> int:
        return self.transactions * self.rows

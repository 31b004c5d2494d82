"""What a script costs: its statements, its transactions with their minimums, all of it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from dsqlkit.dpu import READ_MINIMUM, WRITE_MINIMUM, rounded

Source = Literal["cluster", "model"]
_MILLION: Final = Decimal(1_000_000)
_ZERO: Final = Decimal(0)
_MINIMUMS: Final = {"read": READ_MINIMUM, "write": WRITE_MINIMUM}
_MULTI_REGION_MINIMUM: Final = WRITE_MINIMUM
"""Recorded with the same figure as that of a write."""


@dataclass(frozen=True, slots=True)
class StatementCost:
    """The DPU of one statement, as the plan printed them. `parts` are compute, read and write, and
    on a multi-Region cluster more. `source` says whether a cluster printed them, or the model of
    the local one did."""

    sql: str
    parts: Mapping[str, Decimal]
    source: Source

    @property
    def total(self) -> Decimal:
        return sum(self.parts.values(), _ZERO)


@dataclass(frozen=True, slots=True)
class TransactionCost:
    """The DPU of a transaction: the sums of its statements, and no part less than its minimum.

    `statements` are the numbers of its statements, from 1; `raised` the parts that the minimum
    made more of; `source` that of its statements.
    """

    statements: tuple[int, ...]
    parts: Mapping[str, Decimal]
    raised: tuple[str, ...]
    source: Source = "cluster"

    @property
    def total(self) -> Decimal:
        return sum(self.parts.values(), _ZERO)


@dataclass(frozen=True, slots=True)
class Bill:
    """What a script costs. `usd` is None without a price."""

    statements: tuple[StatementCost, ...]
    transactions: tuple[TransactionCost, ...]
    usd: Decimal | None = None

    @property
    def total(self) -> Decimal:
        """All transactions together, in DPU."""
        return sum((each.total for each in self.transactions), _ZERO)


def transaction_cost(
    statements: Sequence[StatementCost], numbers: Sequence[int]
) -> TransactionCost:
    """What statements cost that commit together."""
    sums: dict[str, Decimal] = {}
    for each in statements:
        for name, dpu in each.parts.items():
            sums[name] = sums.get(name, _ZERO) + dpu
    charged = {name: max(dpu, _minimum(name, dpu)) for name, dpu in sums.items()}
    raised = tuple(name for name in sums if charged[name] > sums[name])
    return TransactionCost(tuple(numbers), charged, raised, statements[0].source)


def bill_of(transactions: Sequence[Sequence[StatementCost]], price: Decimal | None = None) -> Bill:
    """What transactions of these statements cost, at a price in USD for a million DPU."""
    numbered: list[TransactionCost] = []
    statements: list[StatementCost] = []
    for each in transactions:
        numbers = range(len(statements) + 1, len(statements) + len(each) + 1)
        numbered.append(transaction_cost(each, numbers))
        statements += each
    bill = Bill(tuple(statements), tuple(numbered))
    if price is None:
        return bill
    return Bill(bill.statements, bill.transactions, bill.total * price / _MILLION)


def _minimum(name: str, dpu: Decimal) -> Decimal:
    if dpu <= 0 or name == "compute":
        return _ZERO
    return _MINIMUMS.get(name, _MULTI_REGION_MINIMUM)


def printed(dpu: Decimal) -> str:
    """An amount of DPU as plans print it."""
    return str(rounded(dpu))

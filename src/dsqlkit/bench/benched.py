"""What a bench did: its figures, and whether money and ledger add up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from dsqlkit.bench.figures import Latency, Second
from dsqlkit.costs.bill import TransactionCost


@dataclass(frozen=True, slots=True)
class Ledger:
    """Transfers that were reported as made, and how many of this bench the ledger has;
    `unknown_resolved` of them were found out after their answer to COMMIT was lost.

    `missing`, `unexpected` and `different` are the keys for which the two do not agree.
    """

    successes: int
    found: int
    unknown_resolved: int
    missing: Sequence[UUID]
    unexpected: Sequence[UUID]
    different: Sequence[UUID]


@dataclass(frozen=True, slots=True)
class Benched:
    """What a bench did. `attempts` has how many transfers took one attempt, two, and so on;
    `errors` how many ended with which word; `conflicts` counts attempts that met one.

    `latency_ms` is None when no transfer was made. `complete` is False for one that was stopped.
    `cost` is what one transfer costs in DPU, as EXPLAIN said of one after the others; None where
    nobody said it.
    """

    table: str
    transfers: int
    elapsed_s: float
    attempts: Mapping[int, int]
    latency_ms: Latency | None
    conflicts: int
    errors: Mapping[str, int]
    balance_before: Decimal
    balance_after: Decimal
    accounts_before: int
    accounts_after: int
    ledger: Ledger
    seconds: Sequence[Second]
    complete: bool
    cost: TransactionCost | None = None

    @property
    def dpu(self) -> Decimal | None:
        """What all transfers that were made cost; attempts that met a conflict are not counted."""
        return None if self.cost is None else self.cost.total * self.transfers

    @property
    def per_second(self) -> float:
        return self.transfers / self.elapsed_s if self.elapsed_s else 0.0

    @property
    def money_holds(self) -> bool:
        """Whether the accounts hold together what they held before."""
        return self.balance_after == self.balance_before

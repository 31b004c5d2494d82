"""What each client transfers: drawn at random, and again the same from the same seed.

So a bench need not remember its transfers to look each of them up afterwards: it draws them again.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

from dsqlkit.accounts import AccountId

_MOST_CENTS: Final = 1000


@dataclass(frozen=True, slots=True)
class Order:
    """One transfer to be made: 0.01 to 10.00 between two accounts, under a key of its own."""

    key: UUID
    payer: AccountId
    payee: AccountId
    amount: Decimal


class Script:
    """The endless orders of one client of a bench."""

    def __init__(self, seed: int, client: int, ids: Sequence[AccountId]) -> None:
        # Chance that can be drawn again; a key is no secret.
        self._chance = random.Random(f"{seed} {client}")  # noqa: S311
        self._ids = ids

    def next(self) -> Order:
        """The next order."""
        chance, ids = self._chance, self._ids
        payer = chance.randrange(len(ids))
        payee = chance.randrange(len(ids) - 1)
        return Order(
            # Random in all bits: keys of one bench are spread over the whole table.
            UUID(int=chance.getrandbits(128), version=4),
            ids[payer],
            ids[payee + (payee >= payer)],
            Decimal(chance.randint(1, _MOST_CENTS)).scaleb(-2),
        )

"""Who has been losing, so that nobody starves: whoever has been losing for longer goes first.

On a real cluster chance decides who commits first. Here it is the order in which messages come,
and without this the same session may lose again and again.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Mapping
from typing import Final

from dsqlkit.local.occ.contender import Contender
from dsqlkit.local.occ.open_transaction import OpenTransaction

PASS_S: Final = 0.03
"""How long one that has met others lets go first those that have been losing for longer."""
QUICK_S: Final = 0.05
"""How old the transaction may be that is let go first: one that takes longer is not waited for."""
_USUAL: Final = 3
"""How often what transactions usually take the two are, where that is more: as on a busy machine,
where nobody would be quick."""
LONGEST_S: Final = 0.25
"""What neither of the two is ever more than."""
_SHARE: Final = 1 / 8
"""The share of the newest transaction in what they usually take."""


class Luck:
    """The luck of a cluster's contenders; `holders` are those with an open transaction."""

    def __init__(self, holders: Mapping[Contender, OpenTransaction]) -> None:
        self._holders = holders
        self._losing_since: dict[Contender, float] = {}
        self._met: set[Contender] = set()
        self._usual_s = 0.0
        """How long it takes to commit for those that meet others, lately."""
        self._waiting = 0
        self._changed = asyncio.Event()

    def losing_s(self, contender: Contender) -> float:
        """For how many seconds it has been losing; 0 if it committed last."""
        since = self._losing_since.get(contender)
        return 0.0 if since is None else time.monotonic() - since

    def ended(self, contender: Contender, transaction: OpenTransaction, *, committed: bool) -> None:
        """Its transaction is over."""
        if transaction.lost is not None or transaction.rivals or transaction.has_begun_again:
            self._met.add(contender)
            if committed and transaction.first_sent_s is not None:
                taken_s = time.monotonic() - transaction.first_sent_s
                self._usual_s += (taken_s - self._usual_s) * _SHARE
        else:
            self._met.discard(contender)
        if committed:
            self._losing_since.pop(contender, None)
        elif transaction.lost is not None:
            self._losing_since.setdefault(contender, time.monotonic())
        self._tell()

    def gone(self, contender: Contender) -> None:
        """Its session is over."""
        self._losing_since.pop(contender, None)
        self._met.discard(contender)
        self._tell()

    def yields(self, contender: Contender) -> bool:
        """Whether it is to let another go first: both have met others lately, and that one has been
        losing for longer."""
        if contender not in self._met:
            return False
        mine = self._losing_since.get(contender, math.inf)
        quick_s = self._or_usual(QUICK_S)
        return any(
            since < mine and each in self._holders and self._holders[each].age_s < quick_s
            for each, since in self._losing_since.items()
        )

    async def let_pass(self, contender: Contender) -> None:
        """Wait, for a moment at most, while it is to let another go first."""
        self._waiting += 1
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._or_usual(PASS_S)):
                    while self.yields(contender):
                        await self._changed.wait()
        finally:
            self._waiting -= 1

    def _or_usual(self, limit_s: float) -> float:
        return min(max(limit_s, _USUAL * self._usual_s), LONGEST_S)

    def _tell(self) -> None:
        if self._waiting:
            self._changed.set()
            self._changed = asyncio.Event()

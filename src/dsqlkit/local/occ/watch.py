"""Watching over statements that do not come back at once: when to look at which."""

import asyncio
import time
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from dsqlkit.local.occ.contender import Contender

FIRST_LOOK_S: Final = 0.002
_SHORTEST_PAUSE_S: Final = 0.003
LONGEST_PAUSE_S: Final = 0.05
_ALONE_S: Final = 0.01


class Watch:
    """The contenders that have a statement under way, and when each is due for a look.

    `holders` are all that may hold what one of them waits for.
    """

    def __init__(self, holders: Collection[Contender]) -> None:
        self._holders = holders
        self._busy: dict[Contender, float] = {}
        self._looked: dict[Contender, float] = {}
        self._rested: dict[Contender, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._any_due = asyncio.Event()

    def __iter__(self) -> Iterator[Contender]:
        return iter(self._busy)

    def busy(self, contender: Contender) -> None:
        """Something was sent to the contender's backend."""
        self._busy[contender] = time.monotonic()
        if self._timer is None:
            self._arm()

    def at_rest(self, contender: Contender) -> None:
        """All that was sent has been answered."""
        if self._busy.pop(contender, None) is not None:
            self._rested[contender] = time.monotonic()
        self._looked.pop(contender, None)

    def gone(self, contender: Contender) -> None:
        """There is nothing more to watch."""
        for each in (self._busy, self._looked, self._rested):
            each.pop(contender, None)

    def sent_s(self, contender: Contender) -> float | None:
        """When what is under way was sent; None if nothing is."""
        return self._busy.get(contender)

    def busy_s(self, contender: Contender) -> float:
        """For how many seconds its statement has been under way."""
        now = time.monotonic()
        return now - self._busy.get(contender, now)

    def since_s(self, contender: Contender) -> float:
        """For how many seconds it has been busy with its statement, or else at rest."""
        now = time.monotonic()
        return now - self._busy.get(contender, self._rested.get(contender, now))

    async def due(self) -> list[Contender]:
        """Wait until some are due for a look, and take them as looked at."""
        while True:
            await self._any_due.wait()
            self._any_due.clear()
            now = time.monotonic()
            due = [contender for contender in self._busy if self._is_due(contender, now)]
            if due:
                self.looked(due)
                return due

    def looked(self, contenders: Iterable[Contender]) -> None:
        """They have been looked at."""
        now = time.monotonic()
        self._looked.update((each, now) for each in contenders if each in self._busy)

    def stop(self) -> None:
        """Stop the timer: nobody is looked at any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        # Who is alone waits for nobody.
        busy, holders = self._busy, self._holders
        alone = len(busy) < 2 and len(holders) < 2 and len({*busy, *holders}) < 2
        pause = _ALONE_S if alone else FIRST_LOOK_S
        self._timer = asyncio.get_running_loop().call_later(pause, self._tick)

    def _tick(self) -> None:
        """See whether somebody is due. A timer costs less than a task that sleeps."""
        if not self._busy:
            self._timer = None
            return
        now = time.monotonic()
        if any(self._is_due(contender, now) for contender in self._busy):
            self._any_due.set()
        self._arm()

    def _is_due(self, contender: Contender, now: float) -> bool:
        """Whether to look at it: soon at first, then more seldom as its statement lasts."""
        since = self._busy[contender]
        pause = min(max((now - since) / 4, _SHORTEST_PAUSE_S), LONGEST_PAUSE_S)
        return now - since >= FIRST_LOOK_S and now - self._looked.get(contender, 0.0) >= pause

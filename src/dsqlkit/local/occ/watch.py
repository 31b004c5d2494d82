"""Watching over statements that do not come back at once: when to look at which."""

import asyncio
import time
from collections.abc import Collection, Iterator
from typing import Final

from dsqlkit.local.occ.contender import Player

FIRST_LOOK_S: Final = 0.002
LONGEST_PAUSE_S: Final = 0.05
_ALONE_S: Final = 0.01


class Watch:
    """Those that have a statement under way; `holders` may hold what one of them waits for."""

    def __init__(self, holders: Collection[Player]) -> None:
        self._holders = holders
        self._busy: dict[Player, float] = {}
        self._looked: dict[Player, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._any_due = asyncio.Event()

    def __iter__(self) -> Iterator[Player]:
        return iter(self._busy)

    def busy(self, player: Player) -> None:
        """Something was sent to the player's backend."""
        self._busy[player] = time.monotonic()
        if self._timer is None:
            self._arm()

    def at_rest(self, player: Player) -> None:
        """All that was sent has been answered."""
        self._busy.pop(player, None)
        self._looked.pop(player, None)

    def busy_s(self, player: Player) -> float:
        """For how many seconds its statement has been under way."""
        now = time.monotonic()
        return now - self._busy.get(player, now)

    async def due(self) -> list[Player]:
        """Wait until some are due for a look; they count as looked at."""
        while True:
            await self._any_due.wait()
            self._any_due.clear()
            now = time.monotonic()
            due = [player for player in self._busy if self._is_due(player, now)]
            if due:
                self._looked.update(dict.fromkeys(due, now))
                return due

    def stop(self) -> None:
        """Nobody is looked at any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        # Who is alone waits for nobody.
        alone = len({*self._busy, *self._holders}) < 2
        pause = _ALONE_S if alone else FIRST_LOOK_S
        self._timer = asyncio.get_running_loop().call_later(pause, self._tick)

    def _tick(self) -> None:
        """See whether somebody is due. A timer costs less than a task that sleeps."""
        if not self._busy:
            self._timer = None
            return
        now = time.monotonic()
        if any(self._is_due(player, now) for player in self._busy):
            self._any_due.set()
        self._arm()

    def _is_due(self, player: Player, now: float) -> bool:
        """Whether to look at a player: soon at first, then more seldom as its statement lasts."""
        since = self._busy[player]
        pause = min((now - since) / 4, LONGEST_PAUSE_S)
        return now - since >= FIRST_LOOK_S and now - self._looked.get(player, 0.0) >= pause

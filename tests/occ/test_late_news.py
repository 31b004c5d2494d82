"""Who waits for whom is told a moment later, when either may be in another transaction."""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any

import pytest

from dsqlkit.local.occ.contender import Bystander, Contender
from dsqlkit.local.occ.lock_monitor import Concern, Monitor, Wait, Waits
from dsqlkit.local.occ.luck import Luck
from dsqlkit.local.occ.open_transaction import OpenTransaction
from dsqlkit.local.occ.resolution import Resolution
from dsqlkit.local.occ.watch import Watch

WAITING, BLOCKER = 1, 2


class _Session(Bystander):
    """A session that is busy in a transaction, and can do nothing for others."""

    makes_rivals = True

    def __init__(self, pid: int) -> None:
        super().__init__(pid)
        self.transaction = OpenTransaction(0)


class _LateMonitor(Monitor):
    """Tells that the one waits for a row of the other, after something has happened."""

    def __init__(self, happens: Callable[[], None]) -> None:
        self._happens = happens

    async def waits(self, _pids: object) -> Waits:
        self._happens()
        return {WAITING: Wait(Concern.ROW, (BLOCKER,))}


def _not_run(work: Coroutine[Any, Any, None]) -> None:
    """What is to be done beside the look."""
    work.close()


@pytest.mark.parametrize(
    ("begins_anew", "asks_anew", "are_rivals"),
    [
        ((), (), True),
        ((), (BLOCKER,), True),
        ((), (WAITING,), False),
        ((WAITING,), (), False),
        ((BLOCKER,), (), False),
        ((WAITING, BLOCKER), (WAITING, BLOCKER), False),
    ],
)
def test_what_began_meanwhile_has_met_nobody(
    begins_anew: Collection[int], asks_anew: Collection[int], are_rivals: bool
) -> None:
    sessions = [_Session(WAITING), _Session(BLOCKER)]

    async def look() -> None:
        watch = Watch(())

        def go_on() -> None:
            for each in sessions:
                if each.pid in begins_anew:
                    each.transaction = OpenTransaction(0)
                if each.pid in asks_anew:
                    watch.at_rest(each)
                    watch.busy(each)

        for each in sessions:
            watch.busy(each)
        everybody: list[Contender] = [*sessions]
        await Resolution(_LateMonitor(go_on), watch, Luck({}), _not_run).look_after((), everybody)
        watch.stop()

    asyncio.run(look())
    one, two = (each.transaction for each in sessions)
    assert one is not None
    assert two is not None
    assert (two in one.rivals) == (one in two.rivals) == are_rivals

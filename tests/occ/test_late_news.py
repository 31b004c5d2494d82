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
    ("begins_anew", "are_rivals"), [((), True), ((0,), False), ((1,), False), ((0, 1), False)]
)
def test_a_transaction_that_began_meanwhile_has_met_nobody(
    begins_anew: Collection[int], are_rivals: bool
) -> None:
    sessions = [_Session(WAITING), _Session(BLOCKER)]

    def begin() -> None:
        for each in begins_anew:
            sessions[each].transaction = OpenTransaction(0)

    async def look() -> None:
        everybody: list[Contender] = [*sessions]
        resolution = Resolution(_LateMonitor(begin), Watch(()), Luck({}), _not_run)
        await resolution.look_after((), everybody)

    asyncio.run(look())
    one, two = (each.transaction for each in sessions)
    assert one is not None
    assert two is not None
    assert (two in one.rivals) == (one in two.rivals) == are_rivals

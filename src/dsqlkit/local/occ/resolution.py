"""Resolving waits: who goes on, and who is set aside, where one waits for what another locked."""

import logging
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any, Final

from dsqlkit.local.dialect.refusal import CONFLICT, SCHEMA_CHANGED, Refusal
from dsqlkit.local.occ.contender import Contender
from dsqlkit.local.occ.lock_monitor import Concern, Monitor, Wait, Waits, circle
from dsqlkit.local.occ.luck import Luck
from dsqlkit.local.occ.patience import may_pass
from dsqlkit.local.occ.watch import Watch

_STARTING_S: Final = 0.05
"""For how long a statement may be about to sleep."""

_COPY_S: Final = 0.1
"""How long a COPY in autocommit may have a statement wait for what its client is yet to send."""

_log = logging.getLogger(__name__)


class Resolution:
    """The resolution of a cluster's waits, look by look. `keep` runs something beside it."""

    def __init__(
        self,
        monitor: Monitor,
        watch: Watch,
        luck: Luck,
        keep: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._monitor = monitor
        self._watch = watch
        self._luck = luck
        self._keep = keep
        self._told: dict[int, Wait] = {}
        self._seen: dict[Contender, float | None] = {}
        """When what contenders had under way at the last look was sent."""

    async def look_after(self, due: Sequence[Contender], everybody: Collection[Contender]) -> None:
        """See to those that are `due`, and to whoever of all waits. Raises psycopg.Error."""
        self._seen = {each: self._watch.sent_s(each) for each in everybody}
        await self._cut_overdue(due)
        contenders = {contender.pid: contender for contender in everybody}
        # Of all, as whoever waits for one that waits is to wait on.
        self._watch.looked(contenders.values())
        before = {each: each.transaction for each in everybody}
        waits = await self._monitor.waits(contenders)
        if _log.isEnabledFor(logging.DEBUG):
            self._tell(waits, contenders)
        pairs = [
            (contenders[pid], contenders[blocker], wait.concern)
            for pid, wait in waits.items()
            for blocker in wait.blockers
            if pid in contenders and blocker in contenders
        ]
        for waiting, blocker, concern in pairs:
            theirs, its = waiting.transaction, blocker.transaction
            if theirs is None or its is None or waiting.is_idle:
                continue
            if (
                theirs is not before[waiting]
                or its is not before[blocker]
                or self._is_over(waiting)
            ):
                continue  # what has come since has met nobody
            if waiting.makes_rivals and concern is Concern.ROW:
                theirs.meets(its)
        around = [contenders[pid] for pid in circle(waits) if pid in contenders]
        if around and not any(each.is_idle for each in around):
            await self._break(around, waits)
            return  # what the others wait for has changed
        for waiting, blocker, concern in pairs:
            if not waiting.is_idle and await self._resolve(waiting, blocker, concern, waits):
                return

    async def _cut_overdue(self, due: Sequence[Contender]) -> None:
        """Cut the statements of those whose transaction is too old.

        That a cluster cuts long queries is a third party's guide; that a pg_sleep past the limit
        answered its row, and its transaction's COMMIT failed, was recorded.
        """
        overdue = [
            (contender, refusal)
            for contender in due
            if (busy_s := self._watch.busy_s(contender)) > _STARTING_S
            and (refusal := contender.overdue(busy_s)) is not None
        ]
        may_sleep = [contender.pid for contender, _ in overdue if contender.may_sleep_on]
        asleep = await self._monitor.asleep(may_sleep) if may_sleep else frozenset[int]()
        for contender, refusal in overdue:
            if contender.pid not in asleep:
                await self._cancel(contender, refusal)

    def _tell(self, waits: Waits, contenders: Mapping[int, Contender]) -> None:
        """Log who waits for whom, once for each wait."""
        for pid, wait in waits.items():
            if self._told.get(pid) != wait:
                whom = " and ".join(
                    f"session {each}"
                    if each in contenders
                    else f"process {each} behind the endpoint"
                    for each in wait.blockers
                )
                _log.debug("session %d: waits for %s (%s)", pid, whom, wait.concern.name)
        self._told = waits

    async def _break(self, around: Sequence[Contender], waits: Waits) -> None:
        """Have one of those that wait for each other take a step back and do it again later: the
        one that has not been losing, or for the shortest time."""
        by_luck = sorted(around, key=self._luck.losing_s)
        if all(waits[each.pid].concern is Concern.ROW for each in around):
            for each in by_luck:
                if await self._can_step_aside(each):
                    await self._cancel(each)
                    return
        victims = [each for each in by_luck if each.can_start_over]
        await self._cancel((victims or around)[0])

    async def _resolve(
        self, waiting: Contender, blocker: Contender, concern: Concern, waits: Waits
    ) -> bool:
        """Let one contender that waits for another go on; whether by cancelling a statement."""
        waited_s, since_s = self._watch.busy_s(waiting), self._watch.since_s(blocker)
        if may_pass(waited_s, since_s, waits=blocker.pid in waits):
            return False
        its = blocker.transaction
        if blocker.can_be_parked:
            self._keep(blocker.park())
        elif blocker.is_idle and its is not None and not its.movable:
            # What it holds cannot be put back: the one that waits gives way.
            await self._cancel(waiting)
            return True
        elif concern is Concern.ROW and await self._step_aside(waiting, blocker):
            return True
        elif blocker.awaits_data and waited_s > _COPY_S:
            # The one that waits commits first, unless it rolls back: then this is one too many. To
            # run the COPY once more, the data of every COPY would have to be kept, up to 64 MiB.
            blocker.fail_copy(CONFLICT if concern is Concern.ROW else SCHEMA_CHANGED)
            return True
        return False

    async def _step_aside(self, waiting: Contender, blocker: Contender) -> bool:
        """Set aside the one that waits for a busy one, or else that one; whether it was possible.

        The one that waits is the first choice: what is under way longer need not begin again. One
        that commits cannot step aside, and has the other's statement fail where that is no
        transaction that could: it commits first.
        """
        for each in (waiting, blocker):
            if await self._can_step_aside(each):
                await self._cancel(each)
                return True
        if waiting.is_committing and blocker.can_be_refused:
            await self._cancel(blocker)
            return True
        return False

    @staticmethod
    async def _can_step_aside(contender: Contender) -> bool:
        can = contender.can_step_aside and await contender.can_be_taken_back()
        return can and contender.can_step_aside  # it may have gone on meanwhile

    def _is_over(self, contender: Contender) -> bool:
        """Whether what it had under way at this look's beginning is."""
        return self._watch.sent_s(contender) != self._seen.get(contender)

    async def _cancel(self, contender: Contender, refusal: Refusal | None = None) -> None:
        if self._is_over(contender):
            return  # a savepoint of what has come since is not to be met
        with contender.being_cancelled(refusal):
            await self._monitor.cancel(contender.pid)

"""The adjudicator: whoever commits first wins, and nobody waits for a transaction that is open.

It knows the sessions with an open transaction, tells those that have lost, and when the statement
of one waits for another's lock, has that other transaction parked.
"""

import asyncio
import contextlib
import logging
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from dsqlkit.local.dialect.refusal import DATA_CONFLICT, SCHEMA_CONFLICT, Refusal
from dsqlkit.local.occ.commit_history import CommitHistory
from dsqlkit.local.occ.contender import Bystander, Contender
from dsqlkit.local.occ.lock_monitor import Concern, Monitor, Wait, Waits, circle
from dsqlkit.local.occ.luck import Luck
from dsqlkit.local.occ.open_transaction import OpenTransaction
from dsqlkit.local.occ.overlays import Overlays
from dsqlkit.local.occ.patience import may_pass
from dsqlkit.local.occ.schema_changes import SchemaChanges
from dsqlkit.local.occ.watch import FIRST_LOOK_S, LONGEST_PAUSE_S, Watch
from dsqlkit.local.occ.writers import Writers
from dsqlkit.local.server import superuser
from dsqlkit.local.statements.statement import EVERY_TABLE, Kind, Statement

_LONGEST_INTERNAL_S: Final = 5

_log = logging.getLogger(__name__)


class Adjudicator:
    """The one adjudicator of a cluster. `run` must be running for conflicts to be resolved.

    `schema_version` is another after each committed change of a schema.
    """

    def __init__(self, socket_folder: Path) -> None:
        self.monitor = Monitor(socket_folder)
        self.history = CommitHistory()
        self.overlays = Overlays(self.monitor)
        self.writers = Writers()
        self.schema_changes = SchemaChanges()
        self.schema_version = 0
        self._open: dict[Contender, OpenTransaction] = {}
        self.watch = Watch(self._open.keys())
        self.luck = Luck(self._open)
        self._tasks: set[asyncio.Task[None]] = set()
        self._runs = False
        self._told: dict[int, Wait] = {}
        self._seen: dict[Contender, float | None] = {}
        """When what contenders had under way at the last look was sent."""

    # What sessions report.

    def began(self, contender: Contender) -> OpenTransaction:
        """A transaction begins."""
        transaction = OpenTransaction(began_at=self.history.commits)
        self._open[contender] = transaction
        return transaction

    def began_again(self, contender: Contender) -> OpenTransaction:
        """A transaction of which its client has seen nothing yet has a new snapshot."""
        before = self._open[contender]
        for rival in before.rivals:
            rival.rivals.discard(before)
        transaction = self._open[contender] = before.anew(began_at=self.history.commits)
        return transaction

    def ended(self, contender: Contender, *, committed: bool) -> None:
        """A transaction is over. If it was committed, its rivals have lost."""
        transaction = self._open.pop(contender, None)
        if transaction is None:
            return
        self.luck.ended(contender, transaction, committed=committed)
        for rival in transaction.rivals:
            rival.rivals.discard(transaction)
            if committed:
                rival.lose(DATA_CONFLICT)
        if committed:
            touched = transaction.touched
            if touched.claimed:
                self.history.wrote(touched.tables, deletes=touched.deletes)
            self.schema_version += touched.ddl
            self.changed_schema(touched.schema)
            if touched.shared_keys:
                self.history.shared(touched.shared_keys)
        self.history.forget_shared(self._open.values())

    def committed_alone(self, statements: Iterable[Statement]) -> None:
        """Statements in autocommit have been committed."""
        for statement in statements:
            if statement.kind is Kind.SCHEMA:
                self.schema_version += 1
                self.changed_schema(statement.tables)
            elif statement.kind in (Kind.WRITE, Kind.COPY_IN):
                self.history.wrote(statement.tables, deletes=statement.deletes)

    def changed_schema(self, tables: Iterable[str]) -> None:
        """A change of these tables' schema was committed: open transactions that touched one of
        them have lost."""
        changed = set(tables)
        if changed:
            self.schema_version += 1
            self.overlays.forget(changed)
        for transaction in self._open.values():
            touched = transaction.touched.tables
            if changed & touched or (EVERY_TABLE in changed and touched):
                transaction.lose(SCHEMA_CONFLICT)

    def gone(self, contender: Contender) -> None:
        """The session is over."""
        self.watch.gone(contender)
        self.ended(contender, committed=False)
        self.luck.gone(contender)

    def cut_short(self, pid: int) -> None:
        """End what is under way at the backend of a client that has gone: its transaction is not to
        hold its rows up to the end of that."""
        if self._runs:
            self._keep(asyncio.create_task(self._cut_short(pid)))

    async def _cut_short(self, pid: int) -> None:
        import psycopg

        # PostgreSQL finds out by itself, some seconds later.
        with contextlib.suppress(psycopg.Error):
            await self.monitor.cancel(pid)

    @contextlib.contextmanager
    def attend(self, pid: int) -> Generator[None, None, None]:
        """Have transactions parked that a backend of ours waits for."""
        bystander = Bystander(pid)
        self.watch.busy(bystander)
        try:
            yield
        finally:
            self.watch.gone(bystander)

    # What sessions ask.

    def has_others(self, transaction: OpenTransaction) -> bool:
        """Whether another transaction is open."""
        return any(other is not transaction for other in self._open.values())

    def is_contended(self, contender: Contender) -> bool:
        """Whether a write of this contender's transaction may meet a conflict."""
        transaction = self._open.get(contender)
        if transaction is None or self.history.committed_since(transaction):
            return True
        return any(
            other.wants_rows or other.transaction is None or other.transaction.touched.claimed
            for other in self._contenders
            if other is not contender
        )

    async def until_its_own(self, pid: int) -> None:
        """Wait, within a limit, while what is under way at that backend is not its client's."""
        until = asyncio.get_running_loop().time() + _LONGEST_INTERNAL_S
        while asyncio.get_running_loop().time() < until:
            if not any(each.pid == pid and each.is_internal for each in self._contenders):
                return
            await asyncio.sleep(FIRST_LOOK_S)

    # Whom it looks after.

    async def run(self) -> None:
        """Resolve the waits of statements that do not come back at once, until cancelled."""
        await superuser.load_driver()
        import psycopg

        self._runs = True
        try:
            await self.writers.load(self.monitor.ask)
            while True:
                due = await self.watch.due()
                try:
                    await self._look_after(due)
                except psycopg.Error as error:
                    _log.warning("the adjudicator lost its connection: %s", error)
                    await asyncio.sleep(LONGEST_PAUSE_S)
        finally:
            self._runs = False
            self.watch.stop()
            for task in self._tasks:
                task.cancel()
            await self.monitor.close()

    @property
    def _contenders(self) -> set[Contender]:
        return {*self.watch, *self._open}

    async def _look_after(self, due: Sequence[Contender]) -> None:
        self._seen = {each: self.watch.sent_s(each) for each in self._contenders}
        for contender in due:
            if (refusal := contender.overdue(self.watch.busy_s(contender))) is not None:
                await self._cancel(contender, refusal)
        contenders = {contender.pid: contender for contender in self._contenders}
        # Of all, as whoever waits for one that waits is to wait on.
        self.watch.looked(contenders.values())
        waits = await self.monitor.waits(contenders)
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
            if waiting.wants_rows and concern is Concern.ROW:
                theirs.meets(its)
        around = [contenders[pid] for pid in circle(waits) if pid in contenders]
        if around and not any(each.is_idle for each in around):
            await self._break(around, waits)
            return  # what the others wait for has changed
        for waiting, blocker, concern in pairs:
            if not waiting.is_idle and await self._resolve(waiting, blocker, concern, waits):
                return

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

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
        by_luck = sorted(around, key=self.luck.losing_s)
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
        waited_s, since_s = self.watch.busy_s(waiting), self.watch.since_s(blocker)
        if may_pass(waited_s, since_s, waits=blocker.pid in waits):
            return False
        its = blocker.transaction
        if blocker.can_be_parked:
            self._keep(asyncio.create_task(blocker.park()))
        elif blocker.is_idle and its is not None and not its.movable:
            # What it holds cannot be put back: the one that waits gives way.
            await self._cancel(waiting)
            return True
        else:
            return concern is Concern.ROW and await self._step_aside(waiting, blocker)
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

    async def _cancel(self, contender: Contender, refusal: Refusal | None = None) -> None:
        if self.watch.sent_s(contender) != self._seen.get(contender):
            return  # it is over, and a savepoint of what has come since is not to be met
        with contender.being_cancelled(refusal):
            await self.monitor.cancel(contender.pid)

"""The adjudicator: whoever commits first wins, and nobody waits for a transaction that is open.

It knows the sessions with an open transaction, tells those that have lost, and when the statement
of one waits for another's lock, has that other transaction parked.
"""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Generator, Iterable
from itertools import chain
from pathlib import Path
from typing import Any

from dsqlkit.local.dialect.refusal import DATA_CONFLICT, SCHEMA_CONFLICT
from dsqlkit.local.occ.actions import Actions
from dsqlkit.local.occ.builds import Builds
from dsqlkit.local.occ.commit_history import CommitHistory
from dsqlkit.local.occ.contender import Bystander, Contender
from dsqlkit.local.occ.lock_monitor import Monitor
from dsqlkit.local.occ.luck import Luck
from dsqlkit.local.occ.open_transaction import OpenTransaction
from dsqlkit.local.occ.overlays import Overlays
from dsqlkit.local.occ.resolution import Resolution
from dsqlkit.local.occ.schema_changes import SchemaChanges
from dsqlkit.local.occ.watch import LONGEST_PAUSE_S, Watch
from dsqlkit.local.occ.writers import Writers
from dsqlkit.local.server import superuser
from dsqlkit.local.statements.statement import EVERY_TABLE, Kind, Statement

_log = logging.getLogger(__name__)

_SCHEMA, _WRITING = Kind.SCHEMA, (Kind.WRITE, Kind.COPY_IN)  # looked up once, for every commit


class Adjudicator:
    """The one adjudicator of a cluster. `run` must be running for conflicts to be resolved.

    `schema_version` is another after each committed change of a schema.
    """

    def __init__(self, socket_folder: Path) -> None:
        self.monitor = Monitor(socket_folder)
        self.history = CommitHistory()
        self.overlays = Overlays(self.monitor)
        self.actions = Actions(self.monitor.ask)
        self.writers = Writers()
        self.builds = Builds()
        self.schema_changes = SchemaChanges()
        self.schema_version = 0
        self._open: dict[Contender, OpenTransaction] = {}
        self.watch = Watch(self._open.keys())
        self.luck = Luck(self._open)
        self._tasks: set[asyncio.Task[None]] = set()
        self._runs = False
        self._resolution = Resolution(self.monitor, self.watch, self.luck, self._keep)

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
            self.changed_schema(touched.changed_schema)
            if touched.shared_keys:
                self.history.shared(touched.shared_keys)
        self.history.forget_shared(self._open.values())

    def committed_alone(self, statements: Iterable[Statement]) -> None:
        """Statements in autocommit have been committed."""
        for statement in statements:
            if statement.kind is _SCHEMA:
                self.schema_version += 1
                self.changed_schema(statement.tables)
            elif statement.kind in _WRITING:
                self.history.wrote(statement.tables, deletes=statement.deletes)

    def changed_schema(self, tables: Iterable[str]) -> None:
        """A change of these tables' schema was committed: open transactions that touched one of
        them have lost."""
        changed = set(tables)
        if changed:
            self.schema_version += 1
            self.overlays.forget(changed)
            self.actions.forget()
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
        """End the backend of a client that has gone with something under way: its transaction is
        not to hold its rows up to the end of that."""
        if self._runs:
            self._keep(self._cut_short(pid))

    async def _cut_short(self, pid: int) -> None:
        import psycopg

        # PostgreSQL finds out by itself, some seconds later.
        with contextlib.suppress(psycopg.Error):
            await self.monitor.end(pid)

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
            for other in chain(self._open, self.watch)
            if other is not contender
        )

    # Whom it looks after.

    async def run(self) -> None:
        """Resolve the waits of statements that do not come back at once, until cancelled."""
        await superuser.load_driver()
        import psycopg

        self._runs = True
        knows_writers = False
        try:
            while True:
                try:
                    if not knows_writers:
                        await self.writers.load(self.monitor.ask)
                        knows_writers = True
                    due = await self.watch.due()
                    await self._resolution.look_after(due, self._contenders)
                except psycopg.Error as error:
                    superuser.end_if_cancelled()
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

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

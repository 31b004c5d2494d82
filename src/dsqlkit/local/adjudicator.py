"""The adjudicator: whoever commits first wins, and nobody waits for a transaction that is open.

It knows the sessions with an open transaction, looks after those whose statement does not come
back at once, and when one waits for another's lock, has that other transaction parked.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from dsqlkit.local import internal
from dsqlkit.local.analysis import EVERY_TABLE, Kind, Statement
from dsqlkit.local.open_transaction import (
    DATA_CONFLICT,
    SCHEMA_CONFLICT,
    OpenTransaction,
    SharedKey,
)
from dsqlkit.local.parking import Locked, Rows
from dsqlkit.local.refusal import Refusal

if TYPE_CHECKING:
    import psycopg

_FIRST_LOOK_S: Final = 0.002
_ALONE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 0.05
_LONGEST_LOCK_WAIT_MS: Final = 20
_LONGEST_INTERNAL_S: Final = 5

_WAITS: Final = """
SELECT w.pid, pg_catalog.pg_blocking_pids(w.pid)
FROM pg_catalog.unnest($1::int[]) AS w (pid)
WHERE pg_catalog.cardinality(pg_catalog.pg_blocking_pids(w.pid)) > 0
"""

_log = logging.getLogger(__name__)


class Player(Protocol):
    """A session, as far as the adjudicator deals with it."""

    transaction: OpenTransaction | None

    @property
    def pid(self) -> int:
        """The process id of its backend."""

    @property
    def can_be_parked(self) -> bool:
        """Whether it is idle inside a transaction that can be parked."""

    @property
    def is_idle(self) -> bool:
        """Whether no statement of it is under way."""

    @property
    def wants_rows(self) -> bool:
        """Whether what is under way writes or locks rows."""

    async def park(self) -> None:
        """Read out what its transaction did, and let go of its locks."""

    def overdue(self, busy_s: float, /) -> Refusal | None:
        """Why its statement, under way for so many seconds, goes on no longer."""

    @property
    def is_internal(self) -> bool:
        """Whether what is under way is not its client's but the endpoint's."""

    @property
    def can_start_over(self) -> bool:
        """Whether what is under way can be cancelled and run again later."""

    def being_cancelled(self, refusal: Refusal | None, /) -> AbstractContextManager[None]:
        """While its statement is being cancelled, and what to tell of it: None if it gives way in a
        conflict."""


class Bystander:
    """A backend of ours that may wait, and has no transaction that others wait for."""

    transaction: OpenTransaction | None = None
    can_be_parked = False
    is_idle = False
    is_internal = False
    can_start_over = False
    wants_rows = False

    def __init__(self, pid: int) -> None:
        self.pid = pid

    async def park(self) -> None:
        """There is nothing to park."""

    def overdue(self, _busy_s: float, /) -> Refusal | None:
        """A build may take its time."""
        return None

    def being_cancelled(self, _refusal: Refusal | None, /) -> AbstractContextManager[None]:
        """A cancelled build fails, and says so."""
        return contextlib.nullcontext()


class Adjudicator:
    """One for all sessions of a cluster. `run` must be running for conflicts to be resolved."""

    def __init__(self, socket_folder: Path) -> None:
        self._socket_folder = socket_folder
        self._monitor: psycopg.AsyncConnection[tuple[object, ...]] | None = None
        self._asking = asyncio.Lock()
        self._key: str | None = None
        self._open: dict[Player, OpenTransaction] = {}
        self._busy: dict[Player, float] = {}
        self._looked: dict[Player, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._any_due = asyncio.Event()
        self._parking: set[asyncio.Task[None]] = set()
        self._commits = 0
        self._shared: list[tuple[int, SharedKey]] = []
        self._last_write: Counter[str] = Counter()
        self._last_delete: Counter[str] = Counter()

    # What sessions report.

    def began(self, player: Player) -> OpenTransaction:
        """A transaction begins."""
        transaction = OpenTransaction(began_at=self._commits)
        self._open[player] = transaction
        return transaction

    def ended(self, player: Player, *, committed: bool) -> None:
        """A transaction is over. If it was committed, its rivals have lost."""
        transaction = self._open.pop(player, None)
        if transaction is None:
            return
        for rival in transaction.rivals:
            rival.rivals.discard(transaction)
            if committed and rival.lost is None:
                rival.lost = DATA_CONFLICT
        if committed:
            if transaction.claimed:
                self.wrote(transaction.touched, deletes=transaction.deletes)
            self.changed_schema(transaction.schema)
            if transaction.shared_keys:
                self._commits += 1
                self._shared += [(self._commits, each) for each in transaction.shared_keys]
        if self._shared:
            eldest = min((each.began_at for each in self._open.values()), default=self._commits)
            self._shared = [each for each in self._shared if each[0] > eldest]

    def committed_alone(self, statements: Iterable[Statement]) -> None:
        """Statements in autocommit have been committed."""
        for statement in statements:
            if statement.kind is Kind.SCHEMA:
                self.changed_schema(statement.tables)
            elif statement.kind in (Kind.WRITE, Kind.COPY_IN):
                self.wrote(statement.tables, deletes=statement.deletes)

    def wrote(self, tables: Iterable[str], *, deletes: bool) -> None:
        """A change of these tables' rows was committed; some were deleted if `deletes`."""
        self._commits += 1
        for table in tables:
            self._last_write[table] = self._commits
            if deletes:
                self._last_delete[table] = self._commits

    def changed_schema(self, tables: Iterable[str]) -> None:
        """A change of these tables' schema was committed: open transactions that touched one of
        them have lost."""
        changed = set(tables)
        for transaction in self._open.values():
            touched = transaction.touched
            if transaction.lost is None and (
                changed & touched or (EVERY_TABLE in changed and touched)
            ):
                transaction.lost = SCHEMA_CONFLICT

    def busy(self, player: Player) -> None:
        """Something was sent to the player's backend."""
        self._busy[player] = time.monotonic()
        if self._timer is None:
            self._arm()

    def at_rest(self, player: Player) -> None:
        """All that was sent has been answered."""
        self._busy.pop(player, None)
        self._looked.pop(player, None)

    def gone(self, player: Player) -> None:
        """The session is over."""
        self.at_rest(player)
        self.ended(player, committed=False)

    @contextlib.contextmanager
    def attend(self, pid: int) -> Generator[None, None, None]:
        """Have transactions parked that a backend of ours waits for."""
        bystander = Bystander(pid)
        self.busy(bystander)
        try:
            yield
        finally:
            self.at_rest(bystander)

    # What sessions ask.

    def has_others(self, player: Player) -> bool:
        """Whether another transaction is open."""
        return any(other is not player for other in self._open)

    def is_contended(self, player: Player) -> bool:
        """Whether a write of this player's transaction may meet a conflict."""
        transaction = self._open.get(player)
        if transaction is None or self._commits > transaction.began_at:
            return True
        return any(
            other.wants_rows or other.transaction is None or other.transaction.claimed
            for other in {*self._open, *self._busy}
            if other is not player
        )

    def committed_since(self, transaction: OpenTransaction) -> bool:
        """Whether others committed any change since the transaction began."""
        return self._commits > transaction.began_at

    def written_since(self, transaction: OpenTransaction, tables: Iterable[str]) -> bool:
        """Whether others committed rows of one of these tables since the transaction began."""
        return any(self._last_write[table] > transaction.began_at for table in tables)

    def deleted_since(self, transaction: OpenTransaction, tables: Iterable[str]) -> bool:
        """The same of deleted rows."""
        return any(self._last_delete[table] > transaction.began_at for table in tables)

    def shared_since(self, transaction: OpenTransaction) -> list[SharedKey]:
        """The keys that others kept from being removed and committed since it began."""
        return [key for number, key in self._shared if number > transaction.began_at]

    async def ask(self, sql: str, *parameters: str | None) -> Rows:
        """Ask PostgreSQL something outside of any transaction, as its superuser.

        Raises Locked when it is about a table that somebody has locked, to change its schema.
        """
        async with self._asking:
            if self._monitor is None or self._monitor.closed:
                self._monitor = await internal.connect(self._socket_folder)
                await self._monitor.execute("SET default_transaction_isolation = 'read committed'")
                # A table that somebody is about to change is locked: who waits for it waits for us.
                await self._monitor.execute(f"SET lock_timeout = {_LONGEST_LOCK_WAIT_MS}")
            import psycopg

            cursor = psycopg.AsyncRawCursor(self._monitor)
            try:
                await cursor.execute(sql, parameters)
            except psycopg.errors.LockNotAvailable as error:
                raise Locked from error
            rows = await cursor.fetchall() if cursor.description else []
        return [tuple(None if value is None else str(value) for value in row) for row in rows]

    async def until_its_own(self, pid: int) -> None:
        """Wait, within a limit, while what is under way at that backend is not its client's."""
        until = asyncio.get_running_loop().time() + _LONGEST_INTERNAL_S
        while asyncio.get_running_loop().time() < until:
            if not any(each.pid == pid and each.is_internal for each in (*self._busy, *self._open)):
                return
            await asyncio.sleep(_FIRST_LOOK_S)

    async def key(self) -> str:
        """What the functions in adjudication.sql know the endpoint by."""
        if self._key is None:
            self._key = str((await self.ask("SELECT value FROM dsqlkit.key"))[0][0])
        return self._key

    # The watch.

    async def run(self) -> None:
        """Watch over sessions that wait, until cancelled."""
        await internal.load_driver()
        import psycopg

        try:
            while True:
                await self._any_due.wait()
                self._any_due.clear()
                now = time.monotonic()
                due = [player for player in self._busy if self._is_due(player, now)]
                if due:
                    try:
                        await self._look_after(due, now)
                    except psycopg.Error as error:
                        _log.warning("the adjudicator lost its connection: %s", error)
                        await asyncio.sleep(_LONGEST_PAUSE_S)
        finally:
            if self._timer is not None:
                self._timer.cancel()
            for task in self._parking:
                task.cancel()
            if self._monitor is not None:
                await self._monitor.close()

    def _arm(self) -> None:
        # Who is alone waits for nobody.
        alone = len(self._busy.keys() | self._open.keys()) < 2
        pause = _ALONE_S if alone else _FIRST_LOOK_S
        self._timer = asyncio.get_running_loop().call_later(pause, self._tick)

    def _tick(self) -> None:
        """See whether somebody is due for a look. A timer costs less than a task that sleeps."""
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
        pause = min((now - since) / 4, _LONGEST_PAUSE_S)
        return now - since >= _FIRST_LOOK_S and now - self._looked.get(player, 0.0) >= pause

    async def _look_after(self, due: Sequence[Player], now: float) -> None:
        for player in due:
            self._looked[player] = now
            if (refusal := player.overdue(now - self._busy.get(player, now))) is not None:
                await self._cancel(player, refusal)
        players = {player.pid: player for player in {*self._busy, *self._open}}
        waits = await self._waits([player.pid for player in due], players)
        for pid, blockers in waits.items():
            for blocker in blockers:
                waiting = players.get(pid)
                if waiting is None or waiting.is_idle or blocker not in players:
                    continue
                if await self._resolve(waiting, players[blocker], waits):
                    return  # what the others wait for has changed

    async def _waits(
        self, pids: Iterable[int], players: Mapping[int, Player]
    ) -> dict[int, list[int]]:
        """Whom these backends wait for, whom those wait for, and so on."""
        waits: dict[int, list[int]] = {}
        asked: set[int] = set()
        ahead = set(pids)
        while ahead:
            asked |= ahead
            found = await self.ask(_WAITS, "{" + ",".join(map(str, ahead)) + "}")
            for pid, blockers in found:
                waits[int(str(pid))] = [
                    int(each) for each in str(blockers).strip("[]{}").split(",") if each
                ]
            ahead = {pid for blockers in waits.values() for pid in blockers if pid in players}
            ahead -= asked
        return waits

    async def _resolve(self, waiting: Player, blocker: Player, waits: dict[int, list[int]]) -> bool:
        """Let one player that waits for another go on; whether by cancelling a statement."""
        theirs, its = waiting.transaction, blocker.transaction
        if theirs is not None and its is not None and waiting.wants_rows:
            theirs.meets(its)
        if blocker.can_be_parked:
            task = asyncio.create_task(blocker.park())
            self._parking.add(task)
            task.add_done_callback(self._parking.discard)
        elif blocker.is_idle and its is not None and not its.movable:
            # What it holds cannot be put back: the one that waits gives way.
            await self._cancel(waiting)
            return True
        elif waits_in_circle(blocker.pid, waits):
            # Each waits for the other: one has to take a step back and do it again later.
            victims = [each for each in (waiting, blocker) if each.can_start_over]
            await self._cancel(victims[0] if victims else waiting)
            return True
        return False

    async def _cancel(self, player: Player, refusal: Refusal | None = None) -> None:
        with player.being_cancelled(refusal):
            await self.ask("SELECT pg_catalog.pg_cancel_backend($1::int)", str(player.pid))


def waits_in_circle(start: int, waits: dict[int, list[int]]) -> bool:
    """Whether backend `start` waits, directly or through others, for itself."""
    seen: set[int] = set()
    ahead = list(waits.get(start, ()))
    while ahead:
        pid = ahead.pop()
        if pid == start:
            return True
        if pid not in seen:
            seen.add(pid)
            ahead += waits.get(pid, ())
    return False

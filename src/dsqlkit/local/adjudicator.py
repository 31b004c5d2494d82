"""The adjudicator: whoever commits first wins, and nobody waits for a transaction that is open.

It knows the sessions with an open transaction, looks after those whose statement does not come
back at once, and when one waits for another's lock, has that other transaction parked.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from dsqlkit.local import internal
from dsqlkit.local.analysis import EVERY_TABLE, Kind, Statement
from dsqlkit.local.open_transaction import DATA_CONFLICT, SCHEMA_CONFLICT, OpenTransaction
from dsqlkit.local.parking import Locked, Rows
from dsqlkit.local.refusal import Refusal

if TYPE_CHECKING:
    import psycopg

_FIRST_LOOK_S: Final = 0.002
_LONGEST_PAUSE_S: Final = 0.05
_LONGEST_LOCK_WAIT_MS: Final = 20

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
    def is_putting_back(self) -> bool:
        """Whether what is under way is its parked changes being put back."""

    @property
    def wants_rows(self) -> bool:
        """Whether what is under way writes or locks rows."""

    async def park(self) -> None:
        """Read out what its transaction did, and let go of its locks."""

    def overdue(self, busy_s: float, /) -> Refusal | None:
        """Why its statement, under way for so many seconds, goes on no longer."""

    def expect_cancel(self, refusal: Refusal | None) -> None:
        """Know that its statement is about to be cancelled, and what to tell of it: None if it
        gives way in a conflict."""


class Bystander:
    """A backend of ours that may wait, and has no transaction that others wait for."""

    transaction: OpenTransaction | None = None
    can_be_parked = False
    is_idle = False
    is_putting_back = False
    wants_rows = False

    def __init__(self, pid: int) -> None:
        self.pid = pid

    async def park(self) -> None:
        """There is nothing to park."""

    def overdue(self, _busy_s: float, /) -> Refusal | None:
        """A build may take its time."""
        return None

    def expect_cancel(self, refusal: Refusal | None) -> None:
        """A cancelled build fails, and says so."""


class Adjudicator:
    """One for all sessions of a cluster. `run` must be running for conflicts to be resolved."""

    def __init__(self, socket_folder: Path) -> None:
        self._socket_folder = socket_folder
        self._monitor: psycopg.AsyncConnection[tuple[object, ...]] | None = None
        self._asking = asyncio.Lock()
        self._open: dict[Player, OpenTransaction] = {}
        self._busy: dict[Player, float] = {}
        self._looked: dict[Player, float] = {}
        self._any_busy = asyncio.Event()
        self._parking: set[asyncio.Task[None]] = set()
        self._commits = 0
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
        self._busy[player] = asyncio.get_running_loop().time()
        self._any_busy.set()

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

    def written_since(self, transaction: OpenTransaction, tables: Iterable[str]) -> bool:
        """Whether others committed rows of one of these tables since the transaction began."""
        return any(self._last_write[table] > transaction.began_at for table in tables)

    def deleted_since(self, transaction: OpenTransaction, tables: Iterable[str]) -> bool:
        """The same of deleted rows."""
        return any(self._last_delete[table] > transaction.began_at for table in tables)

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

    # The watch.

    async def run(self) -> None:
        """Watch over sessions that wait, until cancelled."""
        await internal.load_driver()
        import psycopg

        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._any_busy.wait()
                await asyncio.sleep(_FIRST_LOOK_S)
                if not self._busy:
                    self._any_busy.clear()
                    continue
                now = loop.time()
                due = [player for player in self._busy if self._is_due(player, now)]
                if due:
                    try:
                        await self._look_after(due, now)
                    except psycopg.Error as error:
                        _log.warning("the adjudicator lost its connection: %s", error)
                        await asyncio.sleep(_LONGEST_PAUSE_S)
        finally:
            for task in self._parking:
                task.cancel()
            if self._monitor is not None:
                await self._monitor.close()

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
        pids = "{" + ",".join(str(player.pid) for player in due) + "}"
        waits = {
            int(str(pid)): [int(each) for each in str(blockers).strip("[]{}").split(",") if each]
            for pid, blockers in await self.ask(_WAITS, pids)
        }
        players = {player.pid: player for player in {*self._busy, *self._open}}
        for pid, blockers in waits.items():
            waiting = players.get(pid)
            if waiting is not None and not waiting.is_idle:
                for blocker in blockers:
                    if blocker in players:
                        await self._resolve(waiting, players[blocker], waits)

    async def _resolve(self, waiting: Player, blocker: Player, waits: dict[int, list[int]]) -> None:
        """Let one player that waits for another go on."""
        theirs, its = waiting.transaction, blocker.transaction
        if theirs is not None and its is not None and waiting.wants_rows:
            theirs.meets(its)
        if blocker.can_be_parked:
            task = asyncio.create_task(blocker.park())
            self._parking.add(task)
            task.add_done_callback(self._parking.discard)
        elif blocker.is_idle and its is not None:
            # It stands at a cursor, which cannot be put back: the one that waits gives way.
            await self._cancel(waiting)
        elif waits_in_circle(blocker.pid, waits):
            # Each waits for the other. One that is putting changes back can do it again later.
            victims = [each for each in (waiting, blocker) if each.is_putting_back]
            await self._cancel(victims[0] if victims else waiting)

    async def _cancel(self, player: Player, refusal: Refusal | None = None) -> None:
        player.expect_cancel(refusal)
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

"""The endpoint's connection on which it asks PostgreSQL about its backends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from dsqlkit.local.backend.question import Rows
from dsqlkit.local.occ.changes import Locked
from dsqlkit.local.server import superuser
from dsqlkit.local.sessions import Holder, LockWait

if TYPE_CHECKING:
    import psycopg

    Connection: TypeAlias = psycopg.AsyncConnection[tuple[object, ...]]

Run: TypeAlias = Callable[..., Awaitable[Rows]]

_LONGEST_LOCK_WAIT_MS: Final = 20

# A fifth of what the next one costs, and mostly nobody waits.
_ANYBODY_WAITS: Final = """
SELECT 1 FROM pg_catalog.pg_stat_get_activity(NULL)
WHERE wait_event_type = 'Lock' AND pid = ANY ($1::int[]) LIMIT 1
"""
_ASLEEP: Final = """
SELECT pid FROM pg_catalog.pg_stat_get_activity(NULL)
WHERE wait_event = 'PgSleep' AND pid = ANY ($1::int[])
"""
# One look at all locks, so that the holders of a row's lock are those of this wait and no other's.
_WAITS: Final = """
WITH l AS MATERIALIZED (SELECT * FROM pg_catalog.pg_locks)
SELECT w.pid, w.locktype, CASE WHEN w.locktype IN ('transactionid', 'tuple', 'spectoken') THEN (
    SELECT pg_catalog.array_agg(h.pid) FROM l AS h
    WHERE h.granted AND h.pid <> w.pid AND h.locktype = w.locktype
        AND (h.relation, h.page, h.tuple, h.transactionid, h.objid)
            IS NOT DISTINCT FROM (w.relation, w.page, w.tuple, w.transactionid, w.objid)
    ) ELSE pg_catalog.pg_blocking_pids(w.pid) END
FROM l AS w WHERE NOT w.granted AND w.pid = ANY ($1::int[])
"""
_LOCK_WAITS: Final = """
WITH l AS MATERIALIZED (SELECT * FROM pg_catalog.pg_locks)
SELECT w.pid, w.locktype, coalesce(w.relation, (
    SELECT t.relation FROM l AS t WHERE t.pid = w.pid AND t.locktype = 'tuple' AND t.granted LIMIT 1
    ))::pg_catalog.regclass,
    b.pid, coalesce(nullif(a.application_name, ''), a.backend_type), a.usename
FROM l AS w
CROSS JOIN pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.pid)) AS b (pid)
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = b.pid
WHERE NOT w.granted AND w.pid = ANY ($1::int[])
ORDER BY w.pid, b.pid
"""
_CANCEL: Final = "SELECT pg_catalog.pg_cancel_backend($1::int)"
_END: Final = "SELECT pg_catalog.pg_terminate_backend($1::int)"


class Concern(Enum):
    """What a wait for one of PostgreSQL's locks is about."""

    ROW = auto()
    """The same row or key: the two are rivals."""
    SCHEMA = auto()
    """A table or another object, which one of the two changes or drops."""
    PASSING = auto()
    """What is held for a moment by somebody who is busy: it makes nobody a rival."""


_CONCERNS: Final = {
    # Held by a transaction until its end; waited for to write, lock or insert what it has written.
    "transactionid": Concern.ROW,
    # A place in the queue for a row.
    "tuple": Concern.ROW,
    # An INSERT ... ON CONFLICT that is about to make a key.
    "spectoken": Concern.ROW,
    "relation": Concern.SCHEMA,
    "object": Concern.SCHEMA,
    # Our own alone, on the name of an index: a build waits so for a DROP INDEX that is not over.
    "advisory": Concern.SCHEMA,
}


def concern_of(lock_type: str) -> Concern:
    """What a wait for a lock of this type (pg_locks.locktype) is about.

    All others (extend, page, virtualxid, frozenid, userlock, ...) are the server's own
    business: on DSQL transactions that want different rows never meet.
    """
    return _CONCERNS.get(lock_type, Concern.PASSING)


@dataclass(frozen=True, slots=True)
class Wait:
    """A backend's wait for a lock: what it is about, and whose backends are in its way."""

    concern: Concern
    blockers: tuple[int, ...]


Waits: TypeAlias = dict[int, Wait]
"""By the process id of the backend that waits."""


class Monitor:
    """The one lock monitor of a cluster. It connects when it is first asked."""

    def __init__(self, socket_folder: Path) -> None:
        self._socket_folder = socket_folder
        self._connection: Connection | None = None
        self._asking = asyncio.Lock()
        self._key: str | None = None

    async def ask(self, sql: str, *parameters: str | None) -> Rows:
        """Ask something outside of any transaction, as PostgreSQL's superuser.

        Raises Locked when it is about a table that somebody has locked, to change its schema, and
        psycopg.Error.
        """
        async with self._asking:
            return await _run(await self._connected(), sql, parameters)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Run]:
        """A transaction, run statement by statement; what it raises is as of `ask`."""
        async with self._asking:
            connection = await self._connected()

            async def run(sql: str, *parameters: str | None) -> Rows:
                return await _run(connection, sql, parameters)

            async with connection.transaction():
                yield run

    async def _connected(self) -> "Connection":
        if self._connection is None or self._connection.closed:
            self._connection = await superuser.connect(self._socket_folder)
            await self._connection.execute("SET default_transaction_isolation = 'read committed'")
            # A table that somebody is about to change is locked: who waits for it waits for us.
            await self._connection.execute(f"SET lock_timeout = {_LONGEST_LOCK_WAIT_MS}")
        return self._connection

    async def key(self) -> str:
        """What the functions in adjudication.sql know the endpoint by."""
        if self._key is None:
            self._key = str((await self.ask("SELECT value FROM dsqlkit.key"))[0][0])
        return self._key

    async def waits(self, pids: Iterable[int]) -> Waits:
        """Whom these backends wait for. Waits that pass by themselves are not among them."""
        waits: Waits = {}
        wanted = "{" + ",".join(map(str, pids)) + "}"
        if not await self.ask(_ANYBODY_WAITS, wanted):
            return waits
        found = await self.ask(_WAITS, wanted)
        for pid, lock_type, blockers in found:
            concern = concern_of(str(lock_type))
            by = [int(each) for each in str(blockers or "").strip("[]{}").split(",") if each]
            if concern is not Concern.PASSING and by:
                waits[int(str(pid))] = Wait(concern, tuple(by))
        return waits

    async def asleep(self, pids: Iterable[int]) -> frozenset[int]:
        """Those of these backends that are in a pg_sleep."""
        found = await self.ask(_ASLEEP, "{" + ",".join(map(str, pids)) + "}")
        return frozenset(int(str(pid)) for (pid,) in found)

    async def lock_waits(self, pids: Iterable[int]) -> dict[int, LockWait]:
        """What those of these backends that wait for a lock wait for, and who holds it."""
        waits: dict[int, LockWait] = {}
        found = await self.ask(_LOCK_WAITS, "{" + ",".join(map(str, pids)) + "}")
        for pid, lock_type, table, holder, application, role in found:
            who = Holder(int(str(holder)), application or "", role or "")
            known = waits.get(int(str(pid)))
            others = () if known is None else known.holders
            waits[int(str(pid))] = LockWait(str(lock_type), table, (*others, who))
        return waits

    async def cancel(self, pid: int) -> None:
        """Cancel the statement that is under way at a backend."""
        await self.ask(_CANCEL, str(pid))

    async def end(self, pid: int) -> None:
        """End a backend, whatever it is at. A cancellation would be lost on one that has not begun
        yet what was sent to it."""
        await self.ask(_END, str(pid))

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            await self._connection.close()


async def _run(connection: "Connection", sql: str, parameters: Sequence[str | None]) -> Rows:
    import psycopg

    cursor = psycopg.AsyncRawCursor(connection)
    try:
        await cursor.execute(sql, parameters)
    except psycopg.errors.LockNotAvailable as error:
        raise Locked from error
    result = cursor.pgresult
    rows = await cursor.fetchall() if result is not None and result.nfields else []
    return [tuple(None if value is None else str(value) for value in row) for row in rows]


def circle(waits: Waits) -> list[int]:
    """Backends each of which waits for the next, and the last for the first; none if there are no
    such."""
    over: set[int] = set()
    for start in waits:
        way: list[int] = []
        ahead = [(start, 0)]
        while ahead:
            pid, depth = ahead.pop()
            del way[depth:]
            if pid in way:
                return way[way.index(pid) :]
            if pid in waits and pid not in over:
                over.add(pid)
                way.append(pid)
                ahead += [(each, depth + 1) for each in waits[pid].blockers]
    return []

"""The endpoint's connection on which it asks PostgreSQL about its backends."""

import asyncio
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from dsqlkit.local.backend.exchange import Rows
from dsqlkit.local.occ.changes import Locked
from dsqlkit.local.server import superuser

if TYPE_CHECKING:
    import psycopg

_LONGEST_LOCK_WAIT_MS: Final = 20

_WAITS: Final = """
SELECT w.pid, pg_catalog.pg_blocking_pids(w.pid)
FROM pg_catalog.unnest($1::int[]) AS w (pid)
WHERE pg_catalog.cardinality(pg_catalog.pg_blocking_pids(w.pid)) > 0
"""
_CANCEL: Final = "SELECT pg_catalog.pg_cancel_backend($1::int)"

Waits: TypeAlias = dict[int, list[int]]
"""The process ids of backends that wait for a lock, each with those of its blockers."""


class Monitor:
    """One for all sessions of a cluster. It connects when it is first asked."""

    def __init__(self, socket_folder: Path) -> None:
        self._socket_folder = socket_folder
        self._connection: psycopg.AsyncConnection[tuple[object, ...]] | None = None
        self._asking = asyncio.Lock()
        self._key: str | None = None

    async def ask(self, sql: str, *parameters: str | None) -> Rows:
        """Ask something outside of any transaction, as PostgreSQL's superuser.

        Raises Locked when it is about a table that somebody has locked, to change its schema, and
        psycopg.Error.
        """
        async with self._asking:
            if self._connection is None or self._connection.closed:
                self._connection = await superuser.connect(self._socket_folder)
                await self._connection.execute(
                    "SET default_transaction_isolation = 'read committed'"
                )
                # A table that somebody is about to change is locked: who waits for it waits for us.
                await self._connection.execute(f"SET lock_timeout = {_LONGEST_LOCK_WAIT_MS}")
            import psycopg

            cursor = psycopg.AsyncRawCursor(self._connection)
            try:
                await cursor.execute(sql, parameters)
            except psycopg.errors.LockNotAvailable as error:
                raise Locked from error
            rows = await cursor.fetchall() if cursor.description else []
        return [tuple(None if value is None else str(value) for value in row) for row in rows]

    async def key(self) -> str:
        """What the functions in adjudication.sql know the endpoint by."""
        if self._key is None:
            self._key = str((await self.ask("SELECT value FROM dsqlkit.key"))[0][0])
        return self._key

    async def waits(self, pids: Iterable[int], among: Collection[int]) -> Waits:
        """Whom these backends wait for, whom those wait for if they are `among` ours, and so on."""
        waits: Waits = {}
        asked: set[int] = set()
        ahead = set(pids)
        while ahead:
            asked |= ahead
            found = await self.ask(_WAITS, "{" + ",".join(map(str, ahead)) + "}")
            for pid, blockers in found:
                waits[int(str(pid))] = [
                    int(each) for each in str(blockers).strip("[]{}").split(",") if each
                ]
            ahead = {pid for blockers in waits.values() for pid in blockers if pid in among}
            ahead -= asked
        return waits

    async def cancel(self, pid: int) -> None:
        """Cancel the statement that is under way at a backend."""
        await self.ask(_CANCEL, str(pid))

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            await self._connection.close()


def waits_in_circle(start: int, waits: Waits) -> bool:
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

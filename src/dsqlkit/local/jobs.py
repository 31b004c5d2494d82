"""Building indexes beside other work: the jobs that CREATE INDEX ASYNC submits.

A job is a row that its transaction committed. The runner looks for such rows when it is woken, and
builds each index on a connection of its own.
"""

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dsqlkit.local.internal import connect

if TYPE_CHECKING:
    import psycopg

_KEPT: Final = "30 minutes"
_AT_ONCE: Final = 1  # two concurrent builds on a table can wait for each other
_DUPLICATES: Final = "Found duplicate key while validating index for UCVs"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Job:
    job_id: str
    object_name: str
    owner: str
    search_path: str
    ddl: str


class JobRunner:
    """Runs submitted jobs until it is cancelled. Jobs that a stop cut short begin again."""

    def __init__(self, socket_folder: Path) -> None:
        self._socket_folder = socket_folder
        self._awake = asyncio.Event()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._running: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Have it look for jobs: some may have been committed."""
        self._awake.set()

    async def run(self) -> None:
        try:
            await self._adopt_unfinished()
            while True:
                await self._awake.wait()
                self._awake.clear()
                for job in await self._submitted():
                    task = asyncio.create_task(self._build(job))
                    self._running.add(task)
                    task.add_done_callback(self._running.discard)
        finally:
            for task in self._running:
                task.cancel()

    async def _adopt_unfinished(self) -> None:
        async with await connect(self._socket_folder) as connection:
            await connection.execute(
                "UPDATE dsqlkit.job SET status = 'submitted' WHERE status = 'processing'"
            )
        self.wake()

    async def _submitted(self) -> list[_Job]:
        """Take the submitted jobs, and drop those that ended long ago."""
        async with await connect(self._socket_folder) as connection:
            await connection.execute(
                "DELETE FROM dsqlkit.job WHERE status IN ('completed', 'failed')"
                f" AND update_time < now() - interval '{_KEPT}'"
            )
            taken = await connection.execute(
                "UPDATE dsqlkit.job SET status = 'processing', update_time = clock_timestamp()"
                " WHERE status = 'submitted'"
                " RETURNING job_id, object_name, owner, search_path, ddl"
            )
            return [_Job(*row) for row in await taken.fetchall()]

    async def _build(self, job: _Job) -> None:
        async with self._slots, await connect(self._socket_folder) as connection:
            status, details = await _create_index(connection, job)
            await connection.execute(
                "UPDATE dsqlkit.job SET status = %s, details = %s, update_time = clock_timestamp(),"
                " object_id = to_regclass(object_name)::oid WHERE job_id = %s",
                [status, details, job.job_id],
            )


async def _create_index(
    connection: "psycopg.AsyncConnection[tuple[object, ...]]", job: _Job
) -> tuple[str, str | None]:
    """Build the index as the table's owner; the job's status and details."""
    import psycopg
    from psycopg import sql

    try:
        await connection.execute("SELECT set_config('search_path', %s, false)", [job.search_path])
        await connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(job.owner)))
        await connection.execute(job.ddl)
    except psycopg.errors.UniqueViolation:
        return "failed", _DUPLICATES
    except psycopg.errors.UndefinedTable as error:
        # So recorded: the build of an index whose table has gone is completed.
        return "completed", error.diag.message_primary
    except psycopg.errors.AdminShutdown:
        raise
    except psycopg.Error as error:
        return "failed", error.diag.message_primary
    finally:
        if not connection.closed:
            await connection.execute("RESET ROLE; RESET search_path")
    return "completed", None

"""Work beside other work: the jobs of ASYNC statements, and the analysis of tables.

A job is a row that its transaction committed. The runner looks for such rows when it is woken, and
runs one at a time: two builds on one table can wait for each other. Now and then it submits an
ANALYZE of tables that have changed much, as DSQL does (user guide, "Using system tables").
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dsqlkit.local.jobs import builds_dropped
from dsqlkit.local.jobs.index_build import build_index
from dsqlkit.local.jobs.table_job import (
    ANALYZE,
    INDEX_BUILD,
    Attend,
    TableJob,
    run_statement,
    table_exists,
)
from dsqlkit.local.server.superuser import connect, end_if_cancelled, load_driver

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.AsyncConnection[tuple[Any, ...]]

_PAUSE_S: Final = 1.0
_UNIQUE_AFTER: Final = timedelta(seconds=0.3)
"""How long a unique index is submitted at least: until its build begins duplicates are accepted, as
live runs found on a cluster, whose jobs begin after seconds."""
_LOOK_AGAIN_S: Final = 0.05
_ANALYZE_PAUSE_S: Final = 2.0  # fresh statistics soon after a load

_log = logging.getLogger(__name__)

_FORGET = """
DELETE FROM dsqlkit.job
WHERE status IN ('completed', 'failed') AND update_time < now() - interval '30 minutes'
"""
_FORGET_DROPPED = """
DELETE FROM dsqlkit.dropped_build
WHERE job_id NOT IN (SELECT job_id FROM dsqlkit.job WHERE status IN ('submitted', 'processing'))
"""
_TIDY = "VACUUM (SKIP_LOCKED) dsqlkit.coming_index, dsqlkit.dropped_build"
"""PostgreSQL plans each look-up of the catalog by how many rows it found in these (seen.sql)."""
_COME = "DELETE FROM dsqlkit.coming_index WHERE job_id = %s"
_WAITING = "SELECT FROM dsqlkit.job WHERE status = 'submitted'"
_RESUME = "UPDATE dsqlkit.job SET status = 'submitted' WHERE status = 'processing'"
_TAKE = """
UPDATE dsqlkit.job SET status = 'processing', update_time = clock_timestamp()
WHERE job_id = (
    SELECT job_id FROM dsqlkit.job WHERE status = 'submitted'
        AND (ddl NOT LIKE 'CREATE UNIQUE %%' OR start_time < clock_timestamp() - %s)
    ORDER BY start_time LIMIT 1)
RETURNING job_id, job_type, object_name, target, target_name, owner, search_path, ddl
"""
_FINISH = """
UPDATE dsqlkit.job SET status = %s, details = %s, update_time = clock_timestamp(),
    object_id = coalesce(object_id, to_regclass(object_name)::oid)
WHERE job_id = %s
"""
_ANALYZE = "SELECT dsqlkit.submit_analyses()"
_OUTDATED_CATALOG = "SELECT name FROM dsqlkit.outdated_catalog"
_TABLE_NAME = "SELECT relname FROM pg_catalog.pg_class WHERE oid = %s"
_TELL_ENDED = "SELECT dsqlkit.tell_ended(%s)"


class JobRunner:
    """Runs submitted jobs until it is cancelled. A job that a stop cut short begins again.

    `on_change` hears the name of a table, without schema, that has got a new index or a validated
    constraint. `running` is entered while a job of this id runs.
    """

    def __init__(
        self,
        socket_folder: Path,
        *,
        on_change: Callable[[str], None],
        attend: Attend,
        running: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        self._socket_folder = socket_folder
        self._on_change = on_change
        self._attend = attend
        self._running = running
        self._awake = asyncio.Event()

    def wake(self) -> None:
        """Look for jobs now, as some may have been committed."""
        self._awake.set()

    async def run(self) -> None:
        """Run jobs as they come, and analyse tables in between, until cancelled."""
        await load_driver()
        import psycopg

        while True:
            try:
                async with await connect(self._socket_folder) as connection:
                    await connection.execute(_RESUME)
                    while True:
                        await self._run_all(connection)
                        if (await connection.execute(_WAITING)).rowcount:
                            await asyncio.sleep(_LOOK_AGAIN_S)
                            continue
                        try:
                            await asyncio.wait_for(self._awake.wait(), _ANALYZE_PAUSE_S)
                        except TimeoutError:
                            await connection.execute(_ANALYZE)
                            await _analyse_catalog(connection)
            except psycopg.Error as error:
                end_if_cancelled()
                _log.warning("the job runner lost its connection: %s", error)
                await asyncio.sleep(_PAUSE_S)

    async def _run_all(self, connection: "Connection") -> None:
        """Run the jobs that there are. The connection is kept: its locks tell who is done."""
        self._awake.clear()
        any_ran = False
        while (work := await _taken(connection)) is not None:
            await connection.execute(_FORGET)
            with self._running(work.job_id):
                await self._run(connection, work)
            await connection.execute(_FORGET_DROPPED)
            any_ran = True
        if any_ran:
            await connection.execute(_TIDY)

    async def _run(self, connection: "Connection", work: TableJob) -> None:
        builds = work.job_type == INDEX_BUILD
        run = build_index if builds else run_statement
        async with await connect(self._socket_folder) as worker:
            status, details = await run(worker, connection, work, self._attend)
        built = builds and status == "completed" and details is None
        if builds and not await builds_dropped.is_dropped(connection, work):
            await _vacuum(connection, work)
        async with builds_dropped.settled(connection, work, self._attend, built=built) as gone:
            if gone:
                status, details = builds_dropped.outcome(work)
            elif _changes_schema(work.job_type, status):
                named = await connection.execute(_TABLE_NAME, [work.table_oid])
                for (name,) in await named.fetchall():
                    self._on_change(name)
            await connection.execute(_FINISH, [status, details, work.job_id])
            await connection.execute(_COME, [work.job_id])
            await connection.execute(_TELL_ENDED, [work.job_id])


async def _analyse_catalog(connection: "Connection") -> None:
    """Have PostgreSQL know what is in its catalog: programs join much of it at once."""
    outdated = await connection.execute(_OUTDATED_CATALOG)
    if names := ", ".join(str(name) for (name,) in await outdated.fetchall()):
        await connection.execute(f"ANALYZE {names}".encode())


async def _vacuum(connection: "Connection", work: TableJob) -> None:
    """Have PostgreSQL know that all see the table's rows: else it does not read the new index
    alone, as DSQL does at once. Best effort: a table that is being altered is passed over."""
    import psycopg

    if await table_exists(connection, work):
        # One that is dropped at this moment is not missed, nor its schema.
        with suppress(psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            await connection.execute(f"VACUUM (SKIP_LOCKED) {work.table}")


def _changes_schema(job_type: str, status: str) -> bool:
    """Whether a job that ended so changed its table's schema; a failed index is there, invalid."""
    return job_type == INDEX_BUILD or (job_type != ANALYZE and status == "completed")


async def _taken(connection: "Connection") -> TableJob | None:
    row = await (await connection.execute(_TAKE, [_UNIQUE_AFTER])).fetchone()
    return None if row is None else TableJob(*row)

"""Builds whose index was dropped before they ended, as DROP INDEX on DSQL cancels a build.

A transaction that drops such an index says so in a row (see server/sql/catalog.sql), and holds a
shared lock up to its end. A build that finds the row stops. Whether it has ended or was dropped is
decided under the same lock, alone: there is no moment between the two in which both could be.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from dsqlkit.local.jobs.table_job import Attend, Outcome, TableJob

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.AsyncConnection[tuple[Any, ...]]

_IS_DROPPED: Final = "SELECT FROM dsqlkit.dropped_build WHERE job_id = %s"
_LOCK: Final = "SELECT pg_advisory_lock(20201, hashtext(%s))"
_UNLOCK: Final = "SELECT pg_advisory_unlock(20201, hashtext(%s))"
_OWN_INDEX: Final = """
SELECT FROM pg_index
WHERE indexrelid = to_regclass(%s) AND indrelid = %s AND (NOT indisvalid OR %s)
"""
"""Another whole index may have been given the name since."""


async def is_dropped(observer: "Connection", build: TableJob) -> bool:
    """Whether a transaction that was committed has dropped the index."""
    return (await observer.execute(_IS_DROPPED, [build.job_id])).rowcount > 0


def outcome(build: TableJob) -> Outcome:
    """How a build ends whose index was dropped. Not recorded: in the way of a table that went."""
    return "completed", f'relation "{build.object_name}" does not exist'


@asynccontextmanager
async def settled(
    observer: "Connection", job: TableJob, attend: Attend, *, built: bool
) -> AsyncGenerator[bool, None]:
    """Tell whether the job's index was dropped, which cannot change while the job is ended here.

    What there is of a dropped one is then dropped; it is whole if it was `built`. Raises
    psycopg.OperationalError when the connection is lost.
    """
    with attend(observer.info.backend_pid):
        # Waits for transactions that are dropping it: they end, or are parked.
        await observer.execute(_LOCK, [job.job_id])
    try:
        dropped = await is_dropped(observer, job)
        if not dropped:
            yield False
    finally:
        await observer.execute(_UNLOCK, [job.job_id])
    if dropped:
        # Without the lock: who waits for it may be somebody whom this waits for.
        parameters = [job.object_name, job.table_oid, built]
        if (await observer.execute(_OWN_INDEX, parameters)).rowcount:
            with attend(observer.info.backend_pid):
                await observer.execute(f"DROP INDEX IF EXISTS {job.object_name}".encode())
        yield True

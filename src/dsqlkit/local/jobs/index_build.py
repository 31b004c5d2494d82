"""Building one index without making any transaction wait, and without waiting for readers.

PostgreSQL's CREATE INDEX CONCURRENTLY is that, but for its last step: it waits for every
transaction that is older than the index, idle ones and those that wait for this very build
included. At that point the index is complete. So the wait is cut short and the index declared
valid here, for transactions that begin from now on: `indcheckxmin` keeps older ones from using it.

Before that it waits for transactions that have written the table to end, which an idle one may
never do. Then it is built in the plain way, which waits for locks only: the adjudicator, which is
told of the wait, has those transactions parked.
"""

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final, LiteralString

from dsqlkit.local.jobs import builds_dropped
from dsqlkit.local.jobs.table_job import (
    Attend,
    Outcome,
    TableJob,
    act_as_owner,
    table_exists,
    without_table,
)

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.AsyncConnection[tuple[Any, ...]]

_DUPLICATES: Final = "found duplicate key(s) while validating index uniqueness"
"""In a live run of 2026-07; the user guide has `Found duplicate key while validating index for
UCVs`, which is older."""
_LARGE_KEYS: Final = "key size too large"
_POLL_S: Final = 0.02

_PHASE = "SELECT phase FROM pg_stat_progress_create_index WHERE pid = %s"
_AT_THE_END: Final = "waiting for old snapshots"
_DROPPED: Final = "dropped"
_FOR_WRITERS: Final = ("waiting for writers before build", "waiting for writers before validation")
_CANCEL = "SELECT pg_cancel_backend(%s)"
_INVALID = """
SELECT FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid
"""
_ELSEWHERE = "SELECT FROM pg_index WHERE indexrelid = to_regclass(%s) AND indrelid <> %s"
_HAS_LARGE_KEYS = """
SELECT dsqlkit.has_large_keys(to_regclass(%s)) WHERE to_regclass(%s) IS NOT NULL
"""
_PAGE_IS_SMALLER: Final = ("index row size", "index row requires")
_DECLARE_INVALID: Final = """
UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass(%s)
"""
_DECLARE_VALID: Final = """
UPDATE pg_index SET indisvalid = true, indcheckxmin = true WHERE indexrelid = to_regclass(%s)
"""


async def build_index(
    builder: "Connection",
    observer: "Connection",
    build: TableJob,
    attend: Attend,
) -> Outcome:
    """Build the job's index as the table's owner, by its CREATE INDEX CONCURRENTLY.

    It is built on the connection `builder`, which is left with other settings; `observer` sees how
    far it is. Raises psycopg.OperationalError when a connection is lost.
    """
    import psycopg

    try:
        return await _build(builder, observer, build, attend)
    except psycopg.Error:
        # Whoever drops the table does so at any moment, and any statement here may be the one that
        # misses it, in words of its own.
        if observer.closed or await table_exists(observer, build):
            raise
        return without_table(build)


async def _build(
    builder: "Connection", observer: "Connection", build: TableJob, attend: Attend
) -> Outcome:
    import psycopg
    from psycopg import sql

    if not await table_exists(observer, build):
        return without_table(build)
    if await builds_dropped.is_dropped(observer, build):
        return builds_dropped.outcome(build)
    drop = sql.SQL("DROP INDEX {}").format(sql.SQL(build.object_name))
    if (await observer.execute(_INVALID, [build.object_name])).rowcount:
        # Left by a build that was cut short: a new one of that name would have been refused.
        with attend(observer.info.backend_pid):
            await observer.execute(drop)
    await act_as_owner(builder, build)
    pid = builder.info.backend_pid
    ended = asyncio.Event()
    watch = asyncio.create_task(_cut_short(observer, build, pid, ended))
    try:
        try:
            # Binary results take the extended protocol, in which a text is one statement.
            await builder.execute(build.ddl, binary=True)
        except psycopg.errors.QueryCanceled:
            ended.set()
            cut_at = await watch
            if cut_at == _AT_THE_END:
                with attend(observer.info.backend_pid):
                    await _declare(observer, build, _DECLARE_VALID)
            elif cut_at != _DROPPED:
                with attend(observer.info.backend_pid):
                    await observer.execute(drop)
                ended.clear()
                watch = asyncio.create_task(_cut_short(observer, build, pid, ended))
                with attend(pid):
                    await builder.execute(build.ddl.replace(" CONCURRENTLY", "", 1), binary=True)
    except psycopg.Error as error:
        if builder.closed or not await table_exists(observer, build):
            raise
        return "failed", _why(error)
    finally:
        ended.set()
        await watch
    if (await observer.execute(_ELSEWHERE, [build.object_name, build.table_oid])).rowcount:
        # Another table has taken the name since the job began.
        with attend(observer.info.backend_pid):
            await observer.execute(drop)
        return without_table(build)
    return await _checked(observer, build, attend)


async def _checked(observer: "Connection", build: TableJob, attend: Attend) -> Outcome:
    """How a build ends that PostgreSQL has done: DSQL takes no keys as large as PostgreSQL's."""
    if await builds_dropped.is_dropped(observer, build):
        return "completed", None
    found = await observer.execute(_HAS_LARGE_KEYS, [build.object_name, build.object_name])
    if await found.fetchone() != (True,):
        return "completed", None
    with attend(observer.info.backend_pid):
        await _declare(observer, build, _DECLARE_INVALID)
    return "failed", _LARGE_KEYS


def _why(error: "psycopg.Error") -> str | None:
    """What is told of a build that failed."""
    if error.sqlstate == "23505":
        return _DUPLICATES
    told = error.diag.message_primary
    return _LARGE_KEYS if (told or "").startswith(_PAGE_IS_SMALLER) else told


async def _declare(observer: "Connection", build: TableJob, declaration: LiteralString) -> None:
    async with observer.transaction():
        # Whoever drops the table meanwhile does so before or after this.
        await observer.execute(f"LOCK TABLE {build.table} IN SHARE UPDATE EXCLUSIVE MODE")
        await observer.execute("SET LOCAL allow_system_table_mods = on")
        await observer.execute(declaration, [build.object_name])


async def _cut_short(
    observer: "Connection", build: TableJob, pid: int, ended: asyncio.Event
) -> str | None:
    """Cancel the build where it waits for others, or once its index was dropped.

    Gives the phase that it waited in, or _DROPPED; None if it ended itself.
    """
    before = None
    dropped = False
    while not ended.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), _POLL_S)
        row = await (await observer.execute(_PHASE, [pid])).fetchone()
        phase = None if row is None else str(row[0])
        if dropped or await builds_dropped.is_dropped(observer, build):
            # More than once, as it may not have begun yet.
            dropped = True
            await observer.execute(_CANCEL, [pid])
            continue
        # Writers that are just committing are waited for, from one look to the next.
        if phase == _AT_THE_END or (phase in _FOR_WRITERS and phase == before):
            await observer.execute(_CANCEL, [pid])
            return phase
        before = phase
    return _DROPPED if dropped else None

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
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.AsyncConnection[tuple[Any, ...]]

_DUPLICATES: Final = "Found duplicate key while validating index for UCVs"
_POLL_S: Final = 0.02

_PHASE = "SELECT phase FROM pg_stat_progress_create_index WHERE pid = %s"
_AT_THE_END: Final = "waiting for old snapshots"
_FOR_WRITERS: Final = ("waiting for writers before build", "waiting for writers before validation")
_CANCEL = "SELECT pg_cancel_backend(%s)"
_TABLE = "SELECT FROM pg_class WHERE oid = %s"
_INVALID = """
SELECT FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid
"""
_DECLARE_VALID = """
UPDATE pg_index SET indisvalid = true, indcheckxmin = true WHERE indexrelid = to_regclass(%s)
"""


@dataclass(frozen=True, slots=True)
class IndexBuild:
    """An index to build: `ddl` is its CREATE INDEX CONCURRENTLY. Names are qualified and quoted."""

    index: str
    table_oid: int
    table: str
    owner: str
    search_path: str
    ddl: str


async def build_index(
    builder: "Connection",
    observer: "Connection",
    build: IndexBuild,
    attend: Callable[[int], AbstractContextManager[None]],
) -> tuple[str, str | None]:
    """Build the index as the table's owner; returns the job's status and its details.

    It is built on the connection `builder`, which is left with other settings; `observer` sees how
    far it is. `attend` has the adjudicator see to it that a backend does not wait in vain. Raises
    psycopg.OperationalError when a connection is lost.
    """
    import psycopg
    from psycopg import sql

    if not (await observer.execute(_TABLE, [build.table_oid])).rowcount:
        return _table_gone(build)
    if (await observer.execute(_INVALID, [build.index])).rowcount:
        # Left by a build that was cut short: a new one of that name would have been refused.
        with attend(observer.info.backend_pid):
            await observer.execute(sql.SQL("DROP INDEX {}").format(sql.SQL(build.index)))
    await builder.execute("SELECT set_config('search_path', %s, false)", [build.search_path])
    await builder.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(build.owner)))
    pid = builder.info.backend_pid
    ended = asyncio.Event()
    watch = asyncio.create_task(_cut_waits_short(observer, pid, ended))
    try:
        try:
            await builder.execute(build.ddl)
        except psycopg.errors.QueryCanceled:
            if await watch == _AT_THE_END:
                await _declare_valid(observer, build.index)
            else:
                with attend(observer.info.backend_pid):
                    await observer.execute(sql.SQL("DROP INDEX {}").format(sql.SQL(build.index)))
                with attend(pid):
                    await builder.execute(build.ddl.replace(" CONCURRENTLY", "", 1))
    except psycopg.errors.UndefinedTable:
        return _table_gone(build)
    except psycopg.errors.UniqueViolation:
        return "failed", _DUPLICATES
    except psycopg.Error as error:
        if builder.closed:
            raise
        return "failed", error.diag.message_primary
    finally:
        ended.set()
        await watch
    return "completed", None


def _table_gone(build: IndexBuild) -> tuple[str, str]:
    # So recorded: the build of an index whose table has gone is completed.
    return "completed", f'relation "{build.table}" does not exist'


async def _declare_valid(observer: "Connection", index: str) -> None:
    await observer.execute("SET allow_system_table_mods = on")
    await observer.execute(_DECLARE_VALID, [index])
    await observer.execute("RESET allow_system_table_mods")


async def _cut_waits_short(observer: "Connection", pid: int, ended: asyncio.Event) -> str | None:
    """Cancel the build where it waits for others; the phase it was in, None if it ended itself."""
    before = None
    while not ended.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), _POLL_S)
        row = await (await observer.execute(_PHASE, [pid])).fetchone()
        phase = None if row is None else str(row[0])
        # Writers that are just committing are waited for, from one look to the next.
        if phase == _AT_THE_END or (phase in _FOR_WRITERS and phase == before):
            await observer.execute(_CANCEL, [pid])
            return phase
        before = phase
    return None

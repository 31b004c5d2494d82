"""A job on a table, and running one that is a single statement."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.AsyncConnection[tuple[Any, ...]]

Attend: TypeAlias = Callable[[int], AbstractContextManager[None]]
"""Has the adjudicator see to it that a backend does not wait in vain."""

Outcome: TypeAlias = tuple[str, str | None]
"""A job's last status, and its details."""

INDEX_BUILD: Final = "INDEX_BUILD"
ANALYZE: Final = "ANALYZE"
_TABLE: Final = "SELECT FROM pg_class WHERE oid = %s"


@dataclass(frozen=True, slots=True)
class TableJob:
    """What to do to a table: `ddl`, as its owner. Names are qualified and quoted."""

    job_id: str
    job_type: str
    object_name: str
    table_oid: int
    table: str
    owner: str
    search_path: str
    ddl: str


async def table_exists(observer: "Connection", job: TableJob) -> bool:
    """Whether the job's table is still there, under whatever name."""
    return (await observer.execute(_TABLE, [job.table_oid])).rowcount > 0


def without_table(job: TableJob) -> Outcome:
    """How a job ends whose table has gone. It was recorded to be completed even so."""
    if job.job_type == ANALYZE:
        return "completed", "Skipped job for nonexistent table."
    return "completed", f'relation "{job.table}" does not exist'


async def act_as_owner(worker: "Connection", job: TableJob) -> None:
    """Give a connection the name resolution and the rights of the job."""
    from psycopg import sql

    await worker.execute("SELECT set_config('search_path', %s, false)", [job.search_path])
    await worker.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(job.owner)))


async def run_statement(
    worker: "Connection", observer: "Connection", job: TableJob, attend: Attend
) -> Outcome:
    """Run a job that is one statement on the connection `worker`, which is left as another role.

    Raises psycopg.OperationalError when a connection is lost.
    """
    import psycopg

    if not await table_exists(observer, job):
        return without_table(job)
    try:
        await act_as_owner(worker, job)
        with attend(worker.info.backend_pid):
            # Binary results take the extended protocol, in which a text is one statement.
            await worker.execute(job.ddl, binary=True)
    except psycopg.Error as error:
        if worker.closed:
            raise
        if not await table_exists(observer, job):
            return without_table(job)
        return "failed", error.diag.message_primary
    return "completed", None

"""Building indexes with CREATE INDEX ASYNC, and waiting for their jobs.

On DSQL the statement answers at once with a job's id, the build goes on beside other work, and
the index serves queries once `pg_index.indisvalid` is true.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from dsqlkit import interruption
from dsqlkit.connection import Connection, Connections
from dsqlkit.errors import DsqlkitError
from dsqlkit.queries import statement
from dsqlkit.tables import execute_ddl
from dsqlkit.transaction import read_alone, run

WAIT_LIMIT_S: Final = 30 * 60.0
"""11 million rows were seen to take 12 minutes (an experiment guide, E008)."""

_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 1.0


class IndexBuildFailed(DsqlkitError):
    """A build ended as failed, did not end in time, or left an index that is not valid."""

    code = "index_build_failed"


@dataclass(frozen=True, slots=True)
class Job:
    """An asynchronous job as `sys.jobs` shows it."""

    id: str
    status: str
    details: str | None

    @property
    def ended(self) -> bool:
        return self.status in {"completed", "failed"}


@dataclass(frozen=True, slots=True)
class Index:
    """An index of a table, and whether queries can use it yet."""

    name: str
    valid: bool


def build(
    connections: Connections,
    ddl: str,
    *,
    limit_s: float = WAIT_LIMIT_S,
    on_status: Callable[[Job], None] | None = None,
) -> Job:
    """Run one CREATE INDEX ASYNC and wait for its job, at most `limit_s` seconds.

    `on_status` is called each time the job's status was read. Raises IndexBuildFailed when the job
    fails or lasts longer, and what `transaction.run` raises.
    """
    return wait(connections, start(connections, ddl), limit_s=limit_s, on_status=on_status)


def start(connections: Connections, ddl: str) -> str:
    """Start a build; the id of its job."""
    return run(connections, partial(_job_id, ddl=ddl)).value


def wait(
    connections: Connections,
    job_id: str,
    *,
    limit_s: float = WAIT_LIMIT_S,
    on_status: Callable[[Job], None] | None = None,
) -> Job:
    """Wait until a job has ended; see `build`."""
    deadline = time.monotonic() + limit_s
    pause_s = _FIRST_PAUSE_S
    while True:
        row = run(
            connections,
            lambda c: c.execute(statement("catalog/job.sql"), {"job_id": job_id}).fetchone(),
        ).value
        # Finished jobs leave the view after a while; one that is not there has ended.
        job = Job(job_id, *row) if row else Job(job_id, "completed", None)
        if on_status is not None:
            on_status(job)
        if job.status == "failed":
            raise IndexBuildFailed(
                f"The index build {job_id} failed: {job.details or 'no details were given'}.",
                hint="DROP the index, mend the cause, and build it again.",
            )
        if job.ended:
            return job
        if time.monotonic() + pause_s > deadline:
            raise IndexBuildFailed(
                f"The index build {job_id} was still {job.status} after {limit_s:.0f} s.",
                hint="It goes on by itself: look at sys.jobs later.",
            )
        with interruption.interruptible():
            time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)


def of_table(connections: Connections, table: str) -> tuple[Index, ...]:
    """The indexes of a table of schema public, by name."""
    query = statement("catalog/indexes.sql")
    rows = read_alone(connections, lambda c: c.execute(query, {"table": table}).fetchall())
    return tuple(Index(name, valid) for name, valid in rows)


def name_is_taken(connections: Connections, name: str, schema: str = "public") -> bool:
    """Whether an index of that name could not be made, as a table or an index has it."""
    query, values = statement("catalog/relation_exists.sql"), {"schema": schema, "name": name}
    row = read_alone(connections, lambda c: c.execute(query, values).fetchone())
    return bool(row and row[0])


def drop(connections: Connections, name: str, schema: str = "public") -> None:
    """Drop an index if it exists; a build of it that is running is cancelled."""
    run(connections, partial(execute_ddl, ddl=drop_statement(name, schema)))


def drop_statement(name: str, schema: str = "public") -> str:
    """The statement that drops an index, its name quoted."""
    from psycopg import sql

    return sql.SQL("DROP INDEX IF EXISTS {}").format(sql.Identifier(schema, name)).as_string()


def _job_id(connection: Connection, ddl: str) -> str:
    cursor = connection.cursor()
    execute_ddl(cursor, ddl)
    row = cursor.fetchone() if cursor.description else None
    if row is None:
        raise IndexBuildFailed(
            "The index build gave no job id.",
            hint="CREATE INDEX ASYNC is a statement of Aurora DSQL: is this another database?",
        )
    return str(row[0])

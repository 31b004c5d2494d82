"""Jobs whose table is dropped at the worst moment: they end as those of a table that has gone."""

import asyncio
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any, cast

import psycopg
import pytest

from dsqlkit.connection import Connection
from dsqlkit.local.jobs.index_build import build_index
from dsqlkit.local.jobs.table_job import ANALYZE, INDEX_BUILD, TableJob, run_statement
from dsqlkit.local.server.home import ServerHome
from dsqlkit.local.server.superuser import connect
from dsqlkit.local.state import StateFolder

GONE = ("completed", 'relation "public.leaving" does not exist')


class Dropping:
    """A connection on which the table is dropped just before a statement with these words."""

    def __init__(self, real: "psycopg.AsyncConnection[tuple[Any, ...]]", words: str) -> None:
        self._real = real
        self._words = words
        self.dropped = False

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    async def execute(self, query: object, *arguments: Any, **options: Any) -> object:
        if self._words in str(query) and not self.dropped:
            self.dropped = True
            async with await connect(socket_folder()) as other:
                await other.execute("DROP TABLE public.leaving")
        return await self._real.execute(cast("Any", query), *arguments, **options)


def socket_folder() -> Any:
    return ServerHome(StateFolder.default().server.resolve()).socket_folder


@pytest.fixture
def oid(connection: Connection) -> Iterator[int]:
    """A table whose keys are too large for an index of DSQL's, and not for one of PostgreSQL's."""
    connection.execute("CREATE TABLE leaving (id int PRIMARY KEY, a text)")
    connection.execute(
        "INSERT INTO leaving SELECT 1, string_agg(md5(i::text), '') FROM generate_series(1, 66) i"
    )
    row = connection.execute("SELECT 'leaving'::regclass::oid::int8").fetchone()
    assert row is not None
    yield row[0]
    connection.execute("DROP TABLE IF EXISTS leaving")


def ended(job: TableJob, *, of_builder: str = "no such", of_observer: str = "no such") -> object:
    run = build_index if job.job_type == INDEX_BUILD else run_statement

    async def go() -> object:
        async with (
            await connect(socket_folder()) as builder,
            await connect(socket_folder()) as observer,
        ):
            doomed = Dropping(builder, of_builder), Dropping(observer, of_observer)
            end = await cast("Any", run)(*doomed, job, lambda _: nullcontext())
            assert doomed[0].dropped or doomed[1].dropped
            return end

    return asyncio.run(go())


def build(oid: int) -> TableJob:
    ddl = "CREATE INDEX CONCURRENTLY leaving_a ON public.leaving (a)"
    named = ("public.leaving_a", oid, "public.leaving", "admin", "public")
    return TableJob("a" * 26, INDEX_BUILD, *named, ddl)


@pytest.mark.parametrize("words", ["SET ROLE", "set_config", "CREATE INDEX"])
def test_a_table_that_goes_before_the_build(oid: int, words: str) -> None:
    assert ended(build(oid), of_builder=words) == GONE


def test_a_table_that_goes_after_the_build(oid: int) -> None:
    assert ended(build(oid), of_observer="LOCK TABLE") == GONE


def test_a_table_that_goes_before_its_analysis(oid: int) -> None:
    named = ("public.leaving", oid, "public.leaving", "admin", "pg_catalog")
    job = TableJob("a" * 26, ANALYZE, *named, "ANALYZE public.leaving")
    told = ("completed", "Skipped job for nonexistent table.")
    assert ended(job, of_builder="ANALYZE") == told

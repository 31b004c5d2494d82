"""The job runner ends when it is told to, whatever its connection says to that. No cluster runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

import psycopg
import pytest

from dsqlkit.local.jobs import runner


class Busy:
    """A connection whose statements take for ever; cancelled, they say that it is closed."""

    def __init__(self) -> None:
        self.is_asked = asyncio.Event()

    async def execute(self, _sql: str) -> None:
        self.is_asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise psycopg.OperationalError("the connection is closed")


def test_a_cancellation_that_psycopg_makes_an_error_ends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def cancelled() -> bool:
        busy = Busy()

        @asynccontextmanager
        async def opened() -> AsyncIterator[Busy]:
            yield busy

        async def connect(_folder: Path) -> object:
            return opened()

        monkeypatch.setattr(runner, "connect", connect)
        jobs = runner.JobRunner(
            Path(),
            on_change=lambda _table: None,
            attend=lambda _pid: nullcontext(),
            running=lambda _job: nullcontext(),
        )
        running = asyncio.create_task(jobs.run())
        await busy.is_asked.wait()
        running.cancel()
        done, _ = await asyncio.wait([running], timeout=30)
        running.cancel()  # or the test would not end either
        return bool(done) and running.cancelled()

    assert asyncio.run(cancelled())

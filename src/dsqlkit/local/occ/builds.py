"""The builds of indexes that run now, for those who have dropped what is built.

On DSQL a dropped index is gone. PostgreSQL has a name, which `regclass` finds, until the build has
stopped: so whoever has dropped the index hears of that then, some hundredths of a second later.
"""

import asyncio
from collections.abc import Collection, Generator
from contextlib import contextmanager
from typing import Final

_LONGEST_S: Final = 0.5
"""How long one waits: to end a build may take locks."""


class Builds:
    """The running builds of a cluster, by their jobs' ids."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Future[None]] = {}

    @contextmanager
    def running(self, job_id: str) -> Generator[None, None, None]:
        """While this build runs."""
        self._running[job_id] = ended = asyncio.get_running_loop().create_future()
        try:
            yield
        finally:
            del self._running[job_id]
            ended.set_result(None)

    def run(self, job_ids: Collection[str]) -> bool:
        """Whether one of these runs."""
        return not self._running.keys().isdisjoint(job_ids)

    async def ended(self, job_ids: Collection[str]) -> None:
        """Wait for the end of those among these that run, within a limit."""
        running = [self._running[each] for each in job_ids if each in self._running]
        if running:
            await asyncio.wait(running, timeout=_LONGEST_S)

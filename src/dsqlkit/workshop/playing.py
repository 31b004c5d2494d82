"""Running chapters, on a cluster that others may use at the same time.

Chapters leave rows that are there alone: tables are made where they are missing, and what a chapter
opens for itself it removes. Chapter 6 adds accounts to its own table, and chapter 7 drops and
builds the two indexes that it measures.
"""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Final

from dsqlkit.connection import Connection, Connections, open_pool
from dsqlkit.endpoint import Endpoint
from dsqlkit.errors import AccountNotFound, DsqlkitError, InsufficientBalance, UsageError
from dsqlkit.indexes import IndexBuildFailed
from dsqlkit.workshop.chapter import WORKERS, Chapter, Outside, Played, Say, Shown, Stage
from dsqlkit.workshop.chapters import CHAPTERS

_GOES: Final = 5
_PAUSE_S: Final = 0.2
_STATES_OF_OTHERS: Final = frozenset(
    {
        "42P01",  # a table is gone
        "42P07",  # a table, or an index, is there by now
        "42704",  # an index is gone
        "42710",  # an object is there by now
        "23505",  # a row is there by now
    }
)
"""What a statement is refused with when somebody else dropped, made or filled a table meanwhile."""


def select(numbers: Sequence[int]) -> tuple[Chapter, ...]:
    """The chapters of these numbers, all for none. Raises UsageError for one that is not there."""
    known = {chapter.number: chapter for chapter in CHAPTERS}
    for number in numbers:
        if number not in known:
            raise UsageError(
                f"There is no chapter {number}.",
                hint=f"The chapters are {min(known)} to {max(known)}.",
            )
    return tuple(known[number] for number in numbers) or CHAPTERS


def play(
    endpoint: Endpoint,
    chapters: Sequence[Chapter],
    outside: Outside,
    say: Say = lambda _: None,
) -> Iterator[Played]:
    """Run chapters in turn, yielding each when it is done; `say` hears what is under way.

    A chapter that others disturbed is run again, a few times. Raises whatever the library raises;
    chapters that have run stay done.
    """
    with ExitStack() as held:
        stage = Stage(endpoint, outside, _LatePool(endpoint, held), say)
        for chapter in chapters:
            started = time.monotonic()
            shown = _play(chapter, stage)
            yield Played(chapter, shown, (time.monotonic() - started) * 1000)


class _LatePool:
    """A pool that connects when a chapter first wants a connection: the first two need none."""

    def __init__(self, endpoint: Endpoint, held: ExitStack) -> None:
        self._endpoint = endpoint
        self._held = held
        self._opening = threading.Lock()
        self._pool: Connections | None = None

    def connection(self, timeout: float | None = None) -> AbstractContextManager[Connection]:
        """Lend a connection for the length of a `with` block."""
        with self._opening:
            if self._pool is None:
                pool = open_pool(self._endpoint, size=WORKERS)
                self._pool = self._held.enter_context(pool)
        return self._pool.connection(timeout)


def may_be_of_others(error: DsqlkitError) -> bool:
    """Whether an error can be what somebody else's work does to a chapter, and passes."""
    passing = AccountNotFound | InsufficientBalance | IndexBuildFailed
    return isinstance(error, passing) or error.sqlstate in _STATES_OF_OTHERS


def _play(chapter: Chapter, stage: Stage) -> Shown:
    for go in range(1, _GOES):
        try:
            return chapter.play(stage)
        except DsqlkitError as error:
            if not may_be_of_others(error):
                raise
            stage.say(f"Disturbed by others ({error.message}): chapter {chapter.number} again")
        time.sleep(random.uniform(0, _PAUSE_S * go))  # noqa: S311 - parts those who met
    return chapter.play(stage)

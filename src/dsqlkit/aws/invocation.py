"""Invoking a chapter's function on this machine, once or many times, as Lambda would.

Each thread is an environment of its own, as Lambda has one for each request that is under way.
"""

import itertools
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import import_module
from typing import Final

from dsqlkit.aws.handlers import HANDLERS
from dsqlkit.aws.handlers.environment import Environment, Record
from dsqlkit.aws.handlers.function import Function, Response
from dsqlkit.endpoint import Endpoint
from dsqlkit.errors import DsqlkitError, ExitCode, UsageError

MAX_THREADS: Final = 100
"""A cluster takes 100 new connections a second (AWS User Guide, quotas)."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds of an invocation, by nearest rank: half took no longer than `p50`."""

    p50: float
    p95: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class Load:
    """What many invocations gave. `errors` counts their words, `attempts` how many invocations
    took one attempt, two, and so on; `latency_ms` is None when none has ended.

    `worst` is the gravest exit code among the errors, DONE without any.
    """

    invocations: int
    done: int
    errors: Mapping[str, int]
    attempts: Mapping[int, int]
    latency_ms: Latency | None
    elapsed_ms: float
    worst: ExitCode
    complete: bool

    @property
    def per_second(self) -> float:
        return self.invocations / self.elapsed_ms * 1000 if self.elapsed_ms else 0.0


def function_of(chapter: int) -> Function:
    """The chapter's function. Raises UsageError for a chapter that has none."""
    if chapter not in HANDLERS:
        raise UsageError(
            f"There is no function for chapter {chapter}.",
            hint=f"Functions are there for chapters {', '.join(map(str, HANDLERS))}.",
        )
    module, _, name = HANDLERS[chapter].rpartition(".")
    found = getattr(import_module(module), name)
    assert isinstance(found, Function)
    return found


def invoke(
    chapter: int,
    event: object,
    find_endpoint: Callable[[], Endpoint],
    log: Callable[[Record], None] = lambda _: None,
) -> Response:
    """Invoke a chapter's function once. Raises what it raises, as Lambda reports it."""
    environment = Environment(find_endpoint, log)
    try:
        return function_of(chapter).invoke(event, None, environment)
    finally:
        environment.close()


class Invoker:
    """Invokes one function `count` times over `threads` environments, with one and the same event.

    `run` does it; `stop` ends it early, from any thread or a signal handler. A request that no
    invocation could answer ends it too, as a UsageError.
    """

    def __init__(
        self,
        chapter: int,
        event: object,
        find_endpoint: Callable[[], Endpoint],
        *,
        count: int,
        threads: int,
    ) -> None:
        if count < 1:
            raise UsageError("At least one invocation is needed.", hint="Give `count=1` or up.")
        if not 1 <= threads <= MAX_THREADS:
            raise UsageError(f"The threads must be from 1 to {MAX_THREADS}.")
        self._chapter = chapter
        self._event = event
        self._find_endpoint = find_endpoint
        self._count = count
        self._threads = min(threads, count)
        self._numbers = itertools.count(1)
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Let each thread finish the invocation that it is in, and start no other."""
        self._stopping.set()

    def run(self, on_done: Callable[[int], None] = lambda _: None) -> Load:
        """Invoke until done or stopped. `on_done` hears of each invocation, in any thread."""
        function = function_of(self._chapter)
        started = time.monotonic()
        with ThreadPoolExecutor(self._threads, thread_name_prefix="invoke") as executor:
            workers = [executor.submit(self._work, function, on_done) for _ in range(self._threads)]
            try:
                tallies = [worker.result() for worker in workers]
            finally:
                self.stop()
        return _load(tallies, self._count, (time.monotonic() - started) * 1000)

    def _work(self, function: Function, on_done: Callable[[int], None]) -> "_Tally":
        tally = _Tally()
        environment = Environment(self._find_endpoint, tally.note)
        try:
            # Taking the next number is one step of the interpreter, so no two threads share one.
            while not self._stopping.is_set() and next(self._numbers) <= self._count:
                started = time.monotonic()
                try:
                    function.invoke(self._event, None, environment)
                except UsageError:
                    self.stop()
                    raise
                except DsqlkitError as error:
                    tally.errors[error.code] += 1
                    tally.worst = max(tally.worst, error.exit_code)
                tally.latencies_ms.append((time.monotonic() - started) * 1000)
                on_done(1)
        except BaseException:
            self.stop()
            raise
        finally:
            environment.close()
        return tally


@dataclass(slots=True)
class _Tally:
    """One thread's share of a load."""

    latencies_ms: list[float] = field(default_factory=list)
    attempts: Counter[int] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    worst: ExitCode = ExitCode.DONE

    def note(self, record: Record) -> None:
        attempts = record["attempts"]
        assert isinstance(attempts, int)
        self.attempts[attempts] += 1


def latency_of(times_ms: Sequence[float]) -> Latency | None:
    """The percentiles of these times, or None of none."""
    if not times_ms:
        return None
    ordered = sorted(times_ms)
    p50, p95, p99 = (ordered[math.ceil(share * len(ordered)) - 1] for share in (0.5, 0.95, 0.99))
    return Latency(p50, p95, p99, ordered[-1])


def _load(tallies: Sequence[_Tally], wanted: int, elapsed_ms: float) -> Load:
    times_ms = [time_ms for tally in tallies for time_ms in tally.latencies_ms]
    errors = sum((tally.errors for tally in tallies), Counter[str]())
    attempts = sum((tally.attempts for tally in tallies), Counter[int]())
    return Load(
        invocations=len(times_ms),
        done=len(times_ms) - errors.total(),
        errors=dict(errors.most_common()),
        attempts=dict(sorted(attempts.items())),
        latency_ms=latency_of(times_ms),
        elapsed_ms=elapsed_ms,
        worst=max(tally.worst for tally in tallies),
        complete=len(times_ms) == wanted,
    )

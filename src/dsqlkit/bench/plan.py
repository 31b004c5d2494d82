"""What a bench does, and when each transfer of it is due."""

import itertools
import math
import threading
from dataclasses import dataclass
from typing import Final

from dsqlkit.errors import UsageError

MAX_THREADS: Final = 256
MAX_DURATION_S: Final = 86_400.0
MAX_RATE: Final = 100_000.0


@dataclass(frozen=True, slots=True)
class BenchPlan:
    """How many clients transfer, for how long, and how often.

    Without a `rate` each client starts a transfer when its last one has ended (a closed loop). With
    one, so many transfers a second are due, whether or not those before them have ended (an open
    loop), and each one's latency counts from when it was due: a stall shows in all that it delays.

    Raises UsageError for what cannot work.
    """

    threads: int = 8
    duration_s: float = 30.0
    rate: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.threads <= MAX_THREADS:
            raise UsageError(f"The number of threads must be from 1 to {MAX_THREADS}.")
        if not 0 < self.duration_s <= MAX_DURATION_S:
            raise UsageError(
                f"The duration must be more than 0 and at most {MAX_DURATION_S:,.0f} seconds."
            )
        if self.rate is not None and not 0 < self.rate <= MAX_RATE:
            raise UsageError(
                f"The rate must be more than 0 and at most {MAX_RATE:,.0f} transfers a second."
            )


class Schedule:
    """When the transfers of an open loop are due: moments since the start, each taken once."""

    def __init__(self, rate: float, duration_s: float) -> None:
        self._rate = rate
        self._duration_s = duration_s
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def take(self) -> float | None:
        """The next moment, in seconds since the start; None when there is none left."""
        with self._lock:
            due = next(self._numbers) / self._rate
        return due if due < self._duration_s else None

    def due_by(self, moment_s: float) -> int:
        """How many were due by a moment, the start's included."""
        last = min(moment_s, self._duration_s)
        return math.ceil(last * self._rate)

"""What a bench counts: latencies in an HDR histogram, so that a percentile is true to 0.1 %
whatever the range, and everything else by its name."""

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from hdrh.histogram import HdrHistogram

from dsqlkit.errors import OutcomeUnknown

_US: Final = 1_000_000
_LONGEST_US: Final = 3600 * _US
_DIGITS: Final = 3


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds of a transfer that was made: half took no longer than `p50`."""

    p50: float
    p95: float
    p99: float
    p999: float
    max: float


@dataclass(frozen=True, slots=True)
class Second:
    """What happened in some `length_s` seconds, up to `at_s` seconds from the start."""

    at_s: float
    length_s: float
    transfers: int
    conflicts: int
    errors: int
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None

    @property
    def per_second(self) -> float:
        return self.transfers / self.length_s if self.length_s else 0.0


@dataclass(slots=True)
class Tally:
    """Counts of transfers: made (by attempts), refused or failed (by word), and conflicts met."""

    latency: HdrHistogram = field(default_factory=lambda: HdrHistogram(1, _LONGEST_US, _DIGITS))
    attempts: Counter[int] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    conflicts: int = 0
    doubts: int = 0

    def made(self, latency_s: float, attempts: int, doubts: int) -> None:
        """Count a transfer that was made."""
        self.latency.record_value(min(max(round(latency_s * _US), 1), _LONGEST_US))
        self.attempts[attempts] += 1
        self.doubts += doubts > 0

    def add(self, other: "Tally") -> None:
        """Count what another tally has, too."""
        self.latency.add(other.latency)
        self.attempts.update(other.attempts)
        self.errors.update(other.errors)
        self.conflicts += other.conflicts
        self.doubts += other.doubts

    @property
    def latency_ms(self) -> Latency | None:
        """None where none was made."""
        if not self.latency.total_count:
            return None
        at = self._at
        return Latency(at(50), at(95), at(99), at(99.9), at(100))

    def second(self, at_s: float, length_s: float) -> Second:
        """This tally as what happened in that time."""
        any_made = self.latency.total_count > 0
        return Second(
            at_s,
            length_s,
            self.attempts.total(),
            self.conflicts,
            self.errors.total(),
            self._at(50) if any_made else None,
            self._at(99) if any_made else None,
            self._at(100) if any_made else None,
        )

    def _at(self, percentile: float) -> float:
        value: int = self.latency.get_value_at_percentile(percentile)
        return value / 1000


class Counted:
    """One client's tally since it was last taken. The client counts; another thread takes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tally = Tally()

    def made(self, latency_s: float, attempts: int, doubts: int) -> None:
        """A transfer was made."""
        with self._lock:
            self._tally.made(latency_s, attempts, doubts)

    def found_out(self) -> None:
        """The outcome of one that was counted as unknown is known."""
        with self._lock:
            self._tally.errors[OutcomeUnknown.code] -= 1

    def made_late(self, attempts: int) -> None:
        """One whose outcome had been unknown was made. Nobody waited for it: it has no latency."""
        with self._lock:
            self._tally.attempts[attempts] += 1
            self._tally.doubts += 1

    def failed(self, word: str) -> None:
        """A transfer ended with the error of this word."""
        with self._lock:
            self._tally.errors[word] += 1

    def conflict(self) -> None:
        """An attempt met a conflict."""
        with self._lock:
            self._tally.conflicts += 1

    def take(self) -> Tally:
        """What was counted since the last time."""
        with self._lock:
            taken, self._tally = self._tally, Tally()
        return taken

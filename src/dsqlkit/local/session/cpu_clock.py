"""What a backend takes of a processor, from which the compute of an EXPLAIN is told."""

from contextlib import suppress
from pathlib import Path
from typing import Final

_NS: Final = 1_000_000_000


class CpuClock:
    """Runs for one process, from when it is made to its first `stop`."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before_s = _cpu_s(pid)
        self._taken_s: float | None = None

    def stop(self) -> float | None:
        """What the process took up to the first stop, in seconds; None where the system does not
        say."""
        if self._before_s is not None:
            now_s = _cpu_s(self._pid)
            self._taken_s = None if now_s is None else now_s - self._before_s
            self._before_s = None
        return self._taken_s


def _cpu_s(pid: int) -> float | None:
    with suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / _NS
    return None

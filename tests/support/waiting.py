"""Waiting in tests: for a condition, never for a time."""

import time
from collections.abc import Callable

LIMIT_S = 60.0
_FIRST_PAUSE_S = 0.001
_LONGEST_PAUSE_S = 0.02


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether the condition becomes true, soon or at all."""
    deadline = time.monotonic() + LIMIT_S
    pause_s = _FIRST_PAUSE_S
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
    return met

"""Waiting in tests: for a condition, never for a time."""

import time
from collections.abc import Callable

LIMIT_S = 30.0


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether the condition becomes true, soon or at all."""
    deadline = time.monotonic() + LIMIT_S
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return met

"""How one waits between two attempts: asleep, unless who runs many at once has a way to let the
others go on meanwhile."""

import time
from collections.abc import Callable
from contextvars import ContextVar

_sleep: ContextVar[Callable[[float], None]] = ContextVar("sleep", default=time.sleep)


def pause(seconds: float) -> None:
    """Wait for so many seconds."""
    _sleep.get()(seconds)


def pause_by(sleep: Callable[[float], None]) -> None:
    """Have all that is done in this context from now on wait by this."""
    _sleep.set(sleep)

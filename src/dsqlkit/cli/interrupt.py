"""Ctrl-C as a way to stop work in good order."""

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager


@contextmanager
def interrupts_call(stop: Callable[[], None]) -> Generator[None, None, None]:
    """Let Ctrl-C stop the work in good order instead of breaking into it at any line."""
    before = signal.signal(signal.SIGINT, lambda *_: stop())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

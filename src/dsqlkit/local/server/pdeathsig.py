"""Ending a child process when its parent is killed, where the system can do that (Linux)."""

import ctypes
import signal
import sys
from collections.abc import Callable
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def end_with_parent() -> Callable[[], None] | None:
    """What a child is to do before it becomes another program, or None where there is nothing.

    It is then sent SIGINT when the thread that started it ends: for PostgreSQL, a fast shutdown.
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT))

    return ask

"""Locked files: who holds one is running, and a crash releases it at once.

The locks are those of flock(2), on Linux and macOS: advisory, and held by an open file. Closing it,
or the end of all processes that have it open, releases the lock.
"""

import os
import time
from pathlib import Path
from typing import Final

from dsqlkit.errors import DsqlkitError

try:
    import fcntl
except ImportError as error:  # Windows
    raise DsqlkitError(
        "This needs Linux or macOS.", hint="On Windows, run dsqlkit inside WSL."
    ) from error

_POLL_S: Final = 0.01


def is_locked(path: Path) -> bool | None:
    """Whether somebody holds the lock; None where there is no such file.

    Raises OSError for a file that cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def take_lock(path: Path, *, timeout_s: float) -> int | None:
    """Take the lock and return its open file, or None if another holds it for all that time.

    The file is made where there is none. Raises OSError where that is not possible.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + timeout_s
    try:
        while not try_lock(descriptor):
            if time.monotonic() >= deadline:
                os.close(descriptor)
                return None
            time.sleep(_POLL_S)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def try_lock(descriptor: int) -> bool:
    """Lock an open file if nobody else has; whether it is locked now."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

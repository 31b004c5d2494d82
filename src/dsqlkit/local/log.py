"""The local cluster's log: one file, with one older one kept."""

from pathlib import Path
from typing import BinaryIO

_LARGE_BYTES = 4 * 1024 * 1024
_TAIL_BYTES = 16 * 1024


def opened_for_append(path: Path) -> BinaryIO:
    """Open the log, setting a large one aside first. Mode 0600: it may name tables and roles."""
    if path.exists() and path.stat().st_size > _LARGE_BYTES:
        path.replace(path.with_suffix(".log.1"))
    path.touch(mode=0o600)
    return path.open("ab")


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines that are not empty, oldest first; fewer if there are not that many."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        text = file.read().decode(errors="replace")
    return [line for line in text.splitlines() if line.strip()][-count:]

"""Text from a file or stdin, where an argument names it."""

import sys
from pathlib import Path
from typing import Final

from dsqlkit.errors import UsageError

STDIN: Final = "-"


def stdin_text() -> str:
    """All of stdin."""
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError("The text on stdin is not UTF-8.") from error


def file_text(file: Path) -> str:
    """A file's text."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} cannot be read: it is not UTF-8 text.") from error

"""Text from a file, from stdin or from an argument: UTF-8, and not without an end."""

import sys
from pathlib import Path
from typing import BinaryIO, Final

from dsqlkit.errors import UsageError
from dsqlkit.quotas import MAX_MESSAGE_BYTES, MIB

STDIN: Final = "-"

MOST_BYTES: Final = MAX_MESSAGE_BYTES
"""Of a text: a longer statement is none that DSQL takes, and some files (/dev/zero) have no end."""


def stdin_text() -> str:
    """All of stdin. Raises UsageError where it is too long or no text."""
    return _text("The text on stdin", sys.stdin.buffer)


def file_text(file: Path) -> str:
    """A file's text. Raises UsageError where it cannot be read, is too long or no text."""
    try:
        with file.open("rb") as opened:
            return _text(str(file), opened)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error


def _text(name: str, stream: BinaryIO) -> str:
    read = stream.read(MOST_BYTES + 1)
    if len(read) > MOST_BYTES:
        raise UsageError(
            f"{name} is too long: more than {MOST_BYTES // MIB} MiB.",
            hint="DSQL takes no statement as long as that. Give a part of it.",
        )
    try:
        return read.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not UTF-8 text.") from error


def argument_text(name: str, text: str) -> str:
    """An argument as text. Raises UsageError where its bytes were none: a shell passes on any."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{name} is not UTF-8 text.") from error
    return text

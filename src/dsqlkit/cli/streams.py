"""stdin, stdout and stderr: written as they are, also where a reader has gone or the shell closed
one of them."""

import errno
import io
import os
import sys
from typing import Final, TextIO

from dsqlkit import interruption
from dsqlkit.errors import OutputFailed

NO_READER: Final = frozenset({errno.EPIPE, errno.EIO})
"""Of a pipe whose reader has gone away, and of a terminal that was closed."""

_CLOSED: Final = (
    ("stdin", os.O_RDONLY, "r"),
    ("stdout", os.O_RDONLY, "w"),
    ("stderr", os.O_WRONLY, "w"),
)


def stand_in_for_closed() -> None:
    """Open what the shell closed (`>&-`), before another file gets its number.

    stdin is at its end, nobody reads stderr, and writing to stdout fails: a result that is lost
    is to be an error, as everywhere.
    """
    for number, (name, flags, mode) in enumerate(_CLOSED):
        if getattr(sys, name) is not None:
            continue
        opened = os.open(os.devnull, flags)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
        os.set_inheritable(number, True)
        setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def take_all_characters() -> None:
    """Have stdout escape what its encoding has no character for, as stderr does.

    A terminal may know Latin-1 alone, and a file's name need not be text at all.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


class Sheet(io.StringIO):
    """Takes what is drawn for a stream, as wide, colourful and encoded as that one wants it.

    Nothing goes to the stream itself: what is written there with no buffer between may fail.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    def isatty(self) -> bool:
        return self._stream.isatty()


def wants_plain_text() -> bool:
    """Whether NO_COLOR is set, and not to nothing (no-color.org)."""
    return bool(os.environ.get("NO_COLOR"))


def write(text: str, stream: TextIO | None = None, end: str = "\n") -> None:
    """Write text as it is: a result, unless the stream is stderr.

    A reader of results that has gone away ends the command quietly; nobody has to read stderr.
    Raises OutputFailed when a result cannot be written for another reason.
    """
    stream = stream or sys.stdout
    failure = put(text + end, stream)
    if failure is None or stream is sys.stderr:
        return
    if failure.errno in NO_READER:
        raise SystemExit(interruption.exit_code() if interruption.came() else 0)
    raise OutputFailed(
        f"The result could not be written: {failure.strerror}.", hint="What was done stays done."
    ) from failure


def put(text: str, stream: TextIO) -> OSError | None:
    """Write text; the reason why that failed, after which the stream takes all and keeps none."""
    try:
        stream.write(text)
        stream.flush()
    except OSError as error:
        # What Python would flush at exit cannot be written either.
        interruption.write_into_nothing(stream.fileno())
        return error
    return None

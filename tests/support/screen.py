"""A terminal of a given width, and what stands on it when a command has ended.

The command runs in this process, which has the terminal meanwhile: starting one takes longer than
most commands do.
"""

import os
import pty
import re
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from io import TextIOWrapper
from termios import TIOCSWINSZ
from threading import Thread
from unittest import mock

from dsqlkit.cli.main import run

_CONTROL = re.compile(r"\x1b\[(?P<number>[0-9;?]*)(?P<letter>[A-Za-z])")


def screen_after(*arguments: str, columns: int = 80) -> list[str]:
    """The lines that a person sees after `dsqlkit ARGUMENTS` on a terminal."""
    ours, terminal = pty.openpty()
    ioctl(terminal, TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    written = bytearray()
    reader = Thread(target=_read, args=(ours, written))
    reader.start()
    try:
        with _standard_streams_at(terminal), mock.patch.dict(os.environ, TERM="xterm-256color"):
            os.environ.pop("COLUMNS", None)
            run(arguments)
    finally:
        os.close(terminal)
        reader.join(30)
        os.close(ours)
    return _shown(written.decode(), columns)


def _read(terminal: int, written: bytearray) -> None:
    try:
        while read := os.read(terminal, 65536):
            written += read
    except OSError:  # how a terminal says that nobody writes any more
        pass


@contextmanager
def _standard_streams_at(terminal: int) -> Iterator[None]:
    """Have input, output and errors there, for this process and for libraries in it."""
    sys.stdout.flush()
    sys.stderr.flush()
    before = [os.dup(number) for number in range(3)]
    try:
        for number in range(3):
            os.dup2(terminal, number)
        with (
            open(0, encoding="utf-8", closefd=False) as stdin,
            open(1, "w", encoding="utf-8", closefd=False) as stdout,
            open(2, "w", encoding="utf-8", closefd=False) as stderr,
            _as_standard_streams(stdin, stdout, stderr),
        ):
            yield
    finally:
        for number, kept in enumerate(before):
            os.dup2(kept, number)
            os.close(kept)


@contextmanager
def _as_standard_streams(
    stdin: TextIOWrapper, stdout: TextIOWrapper, stderr: TextIOWrapper
) -> Iterator[None]:
    before = sys.stdin, sys.stdout, sys.stderr
    sys.stdin, sys.stdout, sys.stderr = stdin, stdout, stderr
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = before


def _shown(written: str, columns: int) -> list[str]:
    lines, row, column = [""], 0, 0
    at = 0
    while at < len(written):
        control = _CONTROL.match(written, at)
        if control:
            at = control.end()
            if control["letter"] == "A":
                row -= int(control["number"] or 1)
            elif control["letter"] == "K":
                lines[row] = "" if control["number"] == "2" else lines[row][:column]
            continue
        letter = written[at]
        at += 1
        if letter == "\r":
            column = 0
            continue
        if letter == "\n" or column == columns:
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        if letter != "\n":
            line = lines[row].ljust(column)
            lines[row] = line[:column] + letter + line[column + 1 :]
            column += 1
    while lines and not lines[-1]:
        lines.pop()
    return [line.rstrip() for line in lines]

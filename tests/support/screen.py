"""A terminal of a given width, and what stands on it when a command has ended."""

import os
import pty
import re
import struct
import sys
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

DSQLKIT = Path(sys.executable).with_name("dsqlkit")
_CONTROL = re.compile(r"\x1b\[(?P<number>[0-9;?]*)(?P<letter>[A-Za-z])")


def screen_after(*arguments: str, columns: int = 80) -> list[str]:
    """The lines that a person sees after `dsqlkit ARGUMENTS` on a terminal."""
    process, terminal = pty.fork()
    if process == 0:
        ioctl(1, TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        environ = os.environ | {"TERM": "xterm-256color"}
        environ.pop("COLUMNS", None)
        os.execve(DSQLKIT, ["dsqlkit", *arguments], environ)
    written = b""
    try:
        while read := os.read(terminal, 65536):
            written += read
    except OSError:  # how a terminal says that nobody writes any more
        pass
    os.close(terminal)
    os.waitpid(process, 0)
    return _shown(written.decode(), columns)


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

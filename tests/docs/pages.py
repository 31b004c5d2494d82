"""The pages that a reader follows, README and the guides: what they tell to type, and what comes.

A block of `console` holds commands behind `$ ` and below each what it prints. Where a page shows a
file by `cat`, the reader is taken to have it. `...` on a line of its own stands for lines left out.
"""

import difflib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dsqlkit import guide
from tests.docs.transcripts import words_of

TOP: Final = Path(__file__).parents[2]
README: Final = TOP / "README.md"
GUIDES: Final = Path(guide.__file__).parent
PAGES: Final = {"README": README, **{each: GUIDES / f"{each}.md" for each in guide.TOPICS}}

_BLOCK: Final = re.compile(r"^```console\n(?P<lines>.*?)^```", re.DOTALL | re.MULTILINE)
_PROMPT: Final = "$ "
_LEFT_OUT: Final = "..."
# What installs, what needs an AWS account, and what takes minutes. `make workshop` is run as what
# it runs.
_NOT_HERE: Final = re.compile(r"^(make|pip|pipx|uvx|source)\b|^dsqlkit (cluster|stack|bench)\b|<")
_AS: Final = {"make workshop": "dsqlkit workshop --endpoint local --user admin"}
_LIMIT_S: Final = 120


@dataclass(frozen=True, slots=True)
class Step:
    """A command that a page shows, and below it what is shown of its output; where that stands."""

    command: str
    shown: str
    start: int
    end: int

    @property
    def runs_here(self) -> bool:
        return self.command in _AS or not _NOT_HERE.search(self.command)

    @property
    def needs(self) -> str | None:
        """A program that the command needs and that is not on this machine."""
        return None if "psql" not in self.command or shutil.which("psql") else "psql"


def steps(text: str) -> Iterator[Step]:
    """The commands of a page, in order."""
    for block in _BLOCK.finditer(text):
        place = block.start("lines")
        command, begun = "", place
        for line in block["lines"].splitlines(keepends=True):
            if line.startswith(_PROMPT):
                if command:
                    yield Step(command, text[begun:place], begun, place)
                command, begun = line[len(_PROMPT) :].strip(), place + len(line)
            place += len(line)
        yield Step(command, text[begun:place], begun, place)


class Reader:
    """Somebody who types what pages show, in a folder and a home of their own."""

    def __init__(self, folder: Path, environ: Mapping[str, str], columns: int) -> None:
        self._folder = folder
        programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._environ = {**environ, "PATH": programs, "COLUMNS": str(columns)}

    def type(self, step: Step) -> str:
        """What comes on the screen. Raises AssertionError where an unshown output is an error."""
        words = step.command.split()
        if words[0] == "cat" and not (self._folder / words[1]).exists():
            (self._folder / words[1]).write_text(step.shown)
        ended = subprocess.run(
            ["bash", "-c", _AS.get(step.command, step.command)],
            check=False,
            cwd=self._folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_LIMIT_S,
        )
        assert step.shown or ended.returncode == 0, f"{step.command}\n{ended.stdout}"
        return ended.stdout


def differences(reader: Reader, text: str) -> Iterator[str]:
    """What a page shows and its commands do not print, and the other way round, as a diff."""
    for step in steps(text):
        if not step.runs_here or step.needs:
            continue
        printed = words_of(reader.type(step))
        if not step.shown:
            continue
        first, *others = (words_of(part) for part in step.shown.split(f"\n{_LEFT_OUT}\n"))
        last = others[-1] if others else []
        left_out = printed[len(first) : len(printed) - len(last)] if others else []
        shown = [*first, *left_out, *last]
        if shown != printed:
            changes = difflib.unified_diff(shown, printed, "shown", "printed", lineterm="", n=2)
            yield "\n".join([step.command, *changes])


def rewritten(reader: Reader, text: str) -> str:
    """The page with what its commands print now; where lines are left out, as many as before."""
    new, place = "", 0
    for step in steps(text):
        if not step.runs_here or step.needs:
            continue
        printed = reader.type(step).rstrip("\n").splitlines(keepends=True)
        if not step.shown:
            continue
        lines = step.shown.splitlines()
        if _LEFT_OUT in lines:
            first = lines.index(_LEFT_OUT)
            last = len(lines) - first - 1
            printed[first : len(printed) - last] = [f"{_LEFT_OUT}\n"]
        new += text[place : step.start] + "".join(printed).rstrip("\n") + "\n"
        place = step.end
    return new + text[place:]

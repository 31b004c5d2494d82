"""The bare lines of a plan, out of text that psql or another client has dressed up."""

import re
from collections.abc import Sequence
from typing import Final

_RULE: Final = re.compile(r"[\s+|]*-{3,}[-+|\s]*")
_ROW_COUNT: Final = re.compile(r"\(\d+ \w+\)")
_NODE_FIGURES: Final = re.compile(r"\((?:cost=|actual |never executed)")
_QUOTED: Final = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*\"""")
_NEWLINE_MARKS: Final = ("+", "↵")
_WRAP_MARKS: Final = (".", "…")
"""psql's marks at the right edge: the cell goes on after a newline, or was cut to fit the
screen (`\\pset format wrapped`). The second of each is of `\\pset linestyle unicode`."""


def plan_lines(text: str) -> list[str]:
    """The lines of a plan with their indentation, without blank lines and without what psql
    puts around and into a result: the prompt and heading before it, rules, borders, marks of a
    broken line, the count of rows and all that follows.

    A condition that holds a newline in a string takes several lines of text; it becomes one.
    """
    lines = [line.expandtabs().rstrip() for line in text.replace("\r", "").split("\n")]
    lines = _without_border(_after_heading(lines))
    lines = _without_quotes(_without_newline_marks([line for line in lines if line.strip()]))
    return _join_strings(_join_wrapped(lines))


def _after_heading(lines: Sequence[str]) -> list[str]:
    headings = [n for n, line in enumerate(lines) if line.strip(' |"+↵') == "QUERY PLAN"]
    body = lines[headings[0] + 1 :] if headings else lines
    end = next((n for n, line in enumerate(body) if _ROW_COUNT.fullmatch(line.strip())), None)
    return [line for line in body[:end] if not _RULE.fullmatch(line)]


def _without_border(lines: list[str]) -> list[str]:
    """Undo `\\pset border 2`."""
    rows = [line for line in lines if line.strip()]
    if rows and all(row.startswith("|") and row[-1] in "|+." for row in rows):
        return [row[1:].removesuffix("|").rstrip() for row in rows]
    return lines


def _without_newline_marks(lines: list[str]) -> list[str]:
    """Undo the marks of one cell that holds the whole plan; its last line has none."""
    if len(lines) > 1 and all(line.endswith(_NEWLINE_MARKS) for line in lines[:-1]):
        return [line[:-1].rstrip() for line in lines[:-1]] + lines[-1:]
    return lines


def _without_quotes(lines: list[str]) -> list[str]:
    """Undo the quotes that pgAdmin and CSV output put around each line."""
    if all(len(line) > 1 and line[0] == line[-1] == '"' for line in lines):
        return [line[1:-1].replace('""', '"') for line in lines]
    return lines


def _join_wrapped(lines: Sequence[str]) -> list[str]:
    joined: list[str] = []
    for line in lines:
        if joined and line.startswith(_WRAP_MARKS) and joined[-1].endswith(_WRAP_MARKS):
            joined[-1] = joined[-1][:-1] + line[1:]
        else:
            joined.append(line)
    return joined


def _join_strings(lines: Sequence[str]) -> list[str]:
    joined: list[str] = []
    position = 0
    while position < len(lines):
        end = _end_of_string(lines, position)
        joined.append("\n".join(lines[position : end + 1]))
        position = end + 1
    return joined


def _end_of_string(lines: Sequence[str], start: int) -> int:
    """The line on which a quote that is open at the end of line `start` closes; `start` itself
    if none is open, or if it never closes, as an apostrophe in a trigger's name.
    """
    if not _quote_is_open(lines[start]):
        return start
    for end in range(start + 1, len(lines)):
        if _NODE_FIGURES.search(lines[end]):
            break
        if not _quote_is_open("\n".join(lines[start : end + 1])):
            return end
    return start


def _quote_is_open(text: str) -> bool:
    rest = _QUOTED.sub("", text)
    return "'" in rest or '"' in rest

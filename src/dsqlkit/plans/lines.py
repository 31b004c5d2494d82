"""The bare lines of a plan, out of text that psql or another client has dressed up."""

import re
from collections.abc import Sequence
from typing import Final

_RULE: Final = re.compile(r"[\s+|]*-{3,}[-+|\s]*|[┌├└]─+[─┬┼┴]*[┐┤┘]|-\[ RECORD \d+ \][-+]*")
_EXPANDED: Final = "QUERY PLAN | "
"""What `\\x` puts before each line."""
_BORDERS: Final = ("|", "│")
_ROW_COUNT: Final = re.compile(r"\(\d+ \w+\)")
_NODE_FIGURES: Final = re.compile(r"\((?:cost=|actual |never executed)")
_QUOTED: Final = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*\"""")
_QUOTED_LINE: Final = re.compile(r'"(?:[^"]|"")*"')
_NEWLINE_MARKS: Final = ("+", "↵")
_WRAP_MARKS: Final = (".", "…")
"""psql's marks at the right edge: the cell goes on after a newline, or was cut to fit the
screen (`\\pset format wrapped`). The second of each is of `\\pset linestyle unicode`."""


def plan_lines(text: str) -> list[str]:
    """The lines of a plan with their indentation, without blank lines and without what psql
    puts around and into a result: all before its heading, rules, borders, the marks of a broken
    line, the count of rows and all that follows it.

    A condition that holds a newline in a string takes several lines of text; it becomes one.
    """
    lines = [line.expandtabs().rstrip() for line in text.replace("\r", "").split("\n")]
    rows = [line for line in _after_heading(lines) if line.strip() and not _RULE.fullmatch(line)]
    rows = _without_prefix(_without_border(rows))
    rows = _without_quotes(_without_newline_marks(rows))
    return _join_strings(_join_wrapped(rows))


def _after_heading(lines: Sequence[str]) -> Sequence[str]:
    headings = [n for n, line in enumerate(lines) if line.strip(' |│"+↵') == "QUERY PLAN"]
    body = lines[headings[0] + 1 :] if headings else lines
    end = next((n for n, line in enumerate(body) if _ROW_COUNT.fullmatch(line.strip())), None)
    return body[:end]


def _without_border(rows: list[str]) -> list[str]:
    """Undo `\\pset border 2`."""
    if all(row.startswith(_BORDERS) for row in rows):
        return [row[1:-1].rstrip() if row.endswith(_BORDERS) else row[1:] for row in rows]
    return rows


def _without_prefix(rows: list[str]) -> list[str]:
    """Undo `\\x`."""
    if all(row.startswith(_EXPANDED) for row in rows):
        return [row.removeprefix(_EXPANDED) for row in rows]
    return rows


def _without_newline_marks(rows: list[str]) -> list[str]:
    """Undo the marks of one cell that holds the whole plan; its last line has none."""
    if len(rows) > 1 and all(row.endswith(_NEWLINE_MARKS) for row in rows[:-1]):
        return [row[:-1].rstrip() for row in rows[:-1]] + rows[-1:]
    return rows


def _without_quotes(rows: list[str]) -> list[str]:
    """Undo the quotes that pgAdmin puts around each line, and CSV around some."""
    return [row[1:-1].replace('""', '"') if _QUOTED_LINE.fullmatch(row) else row for row in rows]


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

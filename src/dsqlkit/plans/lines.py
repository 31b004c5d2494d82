"""The bare lines of plans, out of text that psql or another client has dressed up."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

_EDGES: Final = r"[-+|\s─═│║┌┐└┘├┤┬┴┼╔╗╚╝╠╣╦╩╬╒╕╘╛╞╡╤╧╪╓╖╙╜╟╢╥╨╫]*"
_RULE: Final = re.compile(
    rf"{_EDGES}(?:-{{3}}|─{{3}}|═{{3}}|\[ RECORD \d+ \]){_EDGES}|\* Record \d+|```\w*"
)
_EXPANDED: Final = re.compile(r" ?QUERY PLAN(?: [|│║] ?|[|,]| |$)")
"""What `\\x` puts before each line."""
_RECORD: Final = re.compile(r"[|│║]? ?QUERY PLAN[ |│║,]+[^ |│║]")
_BORDERS: Final = ("|", "│", "║")
_ROW_COUNT: Final = re.compile(r"\(\d+ \w+\)")
_LOGGED: Final = re.compile(r"\bQuery Text: ")
"""What auto_explain writes into the server's log before a plan."""
_NODE_FIGURES: Final = re.compile(r"\((?:cost=|actual |never executed)")
_QUOTED: Final = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*\"""")
_QUOTED_LINE: Final = re.compile(r'"(?:[^"]|"")*"')
_NEWLINE_MARKS: Final = ("+", "↵")
_WRAP_MARKS: Final = (".", "…")
"""psql's marks at the right edge: the cell goes on after a newline, or was cut to fit the
screen (`\\pset format wrapped`). The second of each is of `\\pset linestyle unicode`."""


def plan_blocks(text: str) -> list[list[str]]:
    """The lines of each result that the text holds, with their indentation, without blank lines
    and without what psql puts around and into a result: all before its heading, rules, borders,
    the marks of a broken line, the count of rows and all that follows it.

    A condition that holds a newline in a string takes several lines of text; it becomes one.
    """
    lines = [line.expandtabs().rstrip() for line in text.replace("\r", "").split("\n")]
    return [_undressed(block) for block in _results(lines)]


def _results(lines: Sequence[str]) -> Iterator[Sequence[str]]:
    """What stands under each heading; all lines where there is none."""
    begins = [n + 1 for n, line in enumerate(lines) if line.strip(' |│║"+↵') == "QUERY PLAN"]
    if any(map(_RECORD.match, lines)):
        begins = []  # blank lines of `\\x`, which repeats the heading before each line
    logged = [_first_node(lines, n) for n, line in enumerate(lines) if _LOGGED.search(line)]
    starts = begins or logged or [0]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        body = lines[start:end]
        count = next((n for n, line in enumerate(body) if _ROW_COUNT.fullmatch(line.strip())), None)
        yield body[:count]


def _first_node(lines: Sequence[str], start: int) -> int:
    """The first line from `start` on with a node's figures; `start` if there is none."""
    later = range(start, len(lines))
    return next((n for n in later if _NODE_FIGURES.search(lines[n])), start)


def _undressed(block: Sequence[str]) -> list[str]:
    rows = _expanded(block)
    if rows is None:
        rows = _without_border(_without_rules(_without_quotes(block)))
    rows = _without_newline_marks(_without_quotes(rows))
    lines = _join_strings(_without_margin(_join_wrapped(_without_rules(rows))))
    return [line for line in lines if line.strip()]  # of marks alone nothing is left


def _expanded(block: Sequence[str]) -> list[str] | None:
    """Undo `\\x`, where each line is a record of its own; None where that was not on."""
    bare = [line for line in block if line.strip() and not _RULE.fullmatch(line.strip())]
    rows = _without_border(bare)
    if not all(_EXPANDED.match(row) for row in rows):
        return None
    return [_EXPANDED.sub("", row, count=1) for row in rows]


def _without_rules(lines: Sequence[str]) -> list[str]:
    """Undo rules and blank lines, but for those inside a string."""
    kept: list[str] = []
    position = 0
    while position < len(lines):
        first = lines[position].strip()
        end = _end_of_string(lines, position)
        kept += [lines[position]] if first and not _RULE.fullmatch(first) else []
        kept += lines[position + 1 : end + 1]
        position = end + 1
    return kept


def _without_border(rows: list[str]) -> list[str]:
    """Undo `\\pset border 2`, and the one border at the right of DBeaver's text."""
    if rows and all(row.endswith("|") and not row.startswith("|") for row in rows):
        return [row[:-1].rstrip() for row in rows]
    if all(row.startswith(_BORDERS) for row in rows):
        return [row[1:-1].rstrip() if row.endswith(_BORDERS) else row[1:] for row in rows]
    return rows


def _without_newline_marks(rows: list[str]) -> list[str]:
    """Undo the marks of a cell that goes on in the next row: one that holds the whole plan, so
    that all its lines but the last have one, or a line with a newline in a string.
    """
    if len(rows) > 1 and all(row.endswith(_NEWLINE_MARKS) for row in rows[:-1]):
        return [row[:-1].rstrip() for row in rows[:-1]] + rows[-1:]
    edge = max(map(len, rows), default=0)
    bare: list[str] = []
    cell = ""
    for row in rows:
        cell = cell[:-1] + row[1:] if row.startswith(_WRAP_MARKS) else row
        marked = row.endswith(_NEWLINE_MARKS) and len(row) == edge
        bare.append(row[:-1].rstrip() if marked and _quote_is_open(cell) else row)
    return bare


def _without_margin(rows: list[str]) -> list[str]:
    """Undo the space before each line, which is no part of a string that goes on there."""
    margin = min((len(row) - len(row.lstrip()) for row in rows if row), default=0)
    return [row[margin:] for row in rows]


def _without_quotes(rows: Sequence[str]) -> list[str]:
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

"""Which columns a condition of a plan compares in a way that an index can use.

PostgreSQL prints conditions in one way, with all parentheses: `((a = 1) AND (b > 2))`. Of such
text this reads the comparisons joined by AND at the top; of anything else it says nothing.
"""

import re
from dataclasses import dataclass
from typing import Final

_NAME: Final = r'(?:\w+|"(?:[^"]|"")+")'
_PIECE: Final = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[()]|[ ](?:AND|OR)[ ]|.""", re.DOTALL)
_COMPARISON: Final = re.compile(
    rf"""\(?(?:{_NAME}\.)?(?P<column>{_NAME})\)?(?:::[\w ]+)?
         \ (?P<operator>=|<|<=|>|>=|~~)\ (?P<value>.+)""",
    re.VERBOSE | re.DOTALL,
)
_STARTS_WITH_WILDCARD: Final = re.compile(r"'[%_]")


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Columns compared with `=` (or IN), and with a range (`<`, `>`, LIKE of a prefix), as SQL
    names, each once and in order. A column that is compared both ways counts as equal.
    """

    equal: tuple[str, ...]
    ranged: tuple[str, ...]


def comparisons(condition: str) -> Comparisons:
    """The comparisons that must all hold for `condition` to hold."""
    equal: dict[str, None] = {}
    ranged: dict[str, None] = {}
    for part in _joined_by_and(condition):
        found = _COMPARISON.fullmatch(part)
        if found is None:
            continue
        if found["operator"] == "=":
            equal[found["column"]] = None
        elif found["operator"] != "~~" or not _STARTS_WITH_WILDCARD.match(found["value"]):
            ranged[found["column"]] = None
    return Comparisons(tuple(equal), tuple(column for column in ranged if column not in equal))


def _joined_by_and(condition: str) -> list[str]:
    inner = _without_parentheses(condition)
    parts, depth = [""], 0
    for piece in _PIECE.findall(inner):
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if depth == 0 and piece == " OR ":
            return []
        if depth == 0 and piece == " AND ":
            parts.append("")
        else:
            parts[-1] += piece
    if len(parts) == 1:
        return [inner]
    return [comparison for part in parts for comparison in _joined_by_and(part)]


def _without_parentheses(condition: str) -> str:
    """The condition without the pair of parentheses around all of it, if there is one."""
    depth = 0
    pieces = _PIECE.findall(condition)
    for place, piece in enumerate(pieces):
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if depth == 0:
            return "".join(pieces[1:-1]) if place == len(pieces) - 1 and place else condition
    return condition

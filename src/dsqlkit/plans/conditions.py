"""The conditions of a plan: what they compare, and how to show them.

PostgreSQL prints a condition in one way, with all parentheses and casts:
`((a = 1) AND ((b)::text > 'x'::text))`. This reads the parts that AND joins; of anything else it
claims nothing.
"""

import re
from dataclasses import dataclass
from typing import Final

_NAME: Final = r'(?:\w+|"(?:[^"]|"")+")'
_PIECE: Final = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[()]|[ ](?:AND|OR|[<>]=?|=|~~)[ ]|.""", re.DOTALL
)
_COMPARISON: Final = re.compile(
    rf"""\(?(?:{_NAME}\.)?(?P<column>{_NAME})\)?(?:::(?:text|bpchar|character\ varying))?
         \ (?P<operator>=|<|<=|>|>=|~~)\ (?P<value>.+)""",
    re.VERBOSE | re.DOTALL,
)
_STARTS_WITH_WILDCARD: Final = re.compile(r"'[%_]")
_CAST: Final = re.compile(
    r"""(?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*")
      | ::[a-z]\w*(?:\ [a-z]\w*)*(?:\(\d+(?:,\d+)?\))?(?:\[\])*""",
    re.VERBOSE,
)
_DECORATION: Final = re.compile(
    rf"""(?P<quoted>'(?:[^']|'')*')
       | (?<![\w"])\((?P<name>(?:{_NAME}\.)?{_NAME})\)
       | (?<=\ )(?P<like>!?~~\*?)(?=\ )""",
    re.VERBOSE,
)
_LIKE: Final = {"~~": "LIKE", "!~~": "NOT LIKE", "~~*": "ILIKE", "!~~*": "NOT ILIKE"}


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Columns compared with `=` (or IN), and with a range (`<`, `>`, LIKE of a prefix), as SQL
    names, each once and in order. A column that is compared both ways counts as equal.
    """

    equal: tuple[str, ...]
    ranged: tuple[str, ...]


def comparisons(condition: str) -> Comparisons:
    """The comparisons that must all hold for `condition` to hold, as far as an index can help."""
    equal: dict[str, None] = {}
    ranged: dict[str, None] = {}
    for part in parts_of(condition):
        found = _COMPARISON.fullmatch(part)
        if found is None:
            continue
        if found["operator"] == "=":
            equal[found["column"]] = None
        elif found["operator"] != "~~" or not _STARTS_WITH_WILDCARD.match(found["value"]):
            ranged[found["column"]] = None
    return Comparisons(tuple(equal), tuple(column for column in ranged if column not in equal))


def readable(condition: str, own: str | None = None) -> str:
    """A condition for people: on one line, without casts and most parentheses, LIKE for `~~`.

    `own` is the name (as SQL writes it) of the relation that it stands at: `own.a` is told as `a`.
    """
    bare = " AND ".join(_undecorated(part) for part in parts_of(condition))
    if own is not None:
        prefix = re.compile(rf"(?P<quoted>'(?:[^']|'')*')|(?<![\w.\"]){re.escape(own)}\.(?=[\w\"])")
        bare = prefix.sub(lambda found: found["quoted"] or "", bare)
    return " ".join(bare.split())


def parts_of(condition: str) -> list[str]:
    """The parts of a condition that AND joins, without the parentheses around each; alternatives
    keep theirs.
    """
    inner = _without_parentheses(condition)
    if len(split(inner, " OR ")) > 1:
        return [f"({inner})"]
    parts = split(inner, " AND ")
    if len(parts) == 1:
        return [inner]
    bare = [_without_parentheses(part) for part in parts]
    return [
        part if len(split(inside, " OR ")) > 1 else inside
        for part, inside in zip(parts, bare, strict=True)
    ]


def split(text: str, word: str) -> list[str]:
    """The text cut at `word`, with the blanks around it, where that stands outside parentheses
    and quotes.
    """
    parts: list[list[str]] = [[]]
    depth = 0
    for piece in _PIECE.findall(text):
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if depth == 0 and piece == word:
            parts.append([])
        else:
            parts[-1].append(piece)
    return ["".join(pieces) for pieces in parts]


def _without_parentheses(condition: str) -> str:
    """The condition without the parentheses around all of it, if there are some."""
    depth = 0
    pieces = _PIECE.findall(condition)
    for place, piece in enumerate(pieces):
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if depth == 0:
            whole = 0 < place == len(pieces) - 1 and piece == ")"
            return "".join(pieces[1:-1]) if whole else condition
    return condition


def _undecorated(text: str) -> str:
    bare = _CAST.sub(lambda found: found["quoted"] or "", text)
    return _DECORATION.sub(
        lambda found: found["quoted"] or found["name"] or _LIKE[found["like"]], bare
    )

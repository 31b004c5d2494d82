"""The conditions of a plan: what they compare, and how to show them.

PostgreSQL prints a condition in one way, with all parentheses and casts:
`((a = 1) AND ((b)::text > 'x'::text))`. This reads the parts that AND joins; of anything else it
claims nothing.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

_NAME: Final = r'(?:\w+|"(?:[^"]|"")+")'
_PIECE: Final = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[()]|[ ](?:AND|OR|[<>]=?|=|~~)[ ]|.""", re.DOTALL
)
_COMPARISON: Final = re.compile(
    rf"""\(?(?:{_NAME}\.)?(?P<column>{_NAME})\)?(?:::(?P<cast>text|bpchar|character\ varying))?
         \ (?P<operator>=|<|<=|>|>=|~~)\ (?P<value>.+)""",
    re.VERBOSE | re.DOTALL,
)
_POINT: Final = re.compile(
    rf"\(?(?:NOT )?\(?(?:{_NAME}\.)?(?P<column>{_NAME})\)?(?: IS (?:NULL|TRUE|FALSE))?\)?"
)
_SPAN: Final = re.compile(
    rf"""\(?(?:{_NAME}\.)?(?P<column>{_NAME})\)?(?:::text)?
         (?:\ IS\ NOT\ NULL | \ \^@\ .+ | \ ~\ '\^\w.*)
       | ROW\((?:{_NAME}\.)?(?P<first>{_NAME}),.*\)\ (?:<|<=|>|>=)\ ROW\(.*
       | starts_with\(\(?(?:{_NAME}\.)?(?P<begun>{_NAME})\)?(?:::text)?,\ '.*""",
    re.VERBOSE | re.DOTALL,
)
"""Conditions without `=`, `<` or LIKE that an index serves as one range."""
_WORDS: Final = frozenset({"true", "false", "NULL"})
_STARTS_WITH_WILDCARD: Final = re.compile(r"'[%_]")
_TYPE: Final = r"::[a-z]\w*(?:\ [a-z]\w*)*(?:\(\d+(?:,\d+)?\))?(?:\[\])*"
_LITERAL_CAST: Final = re.compile(
    rf"""(?P<literal>'(?:[^']|'')*')(?:{_TYPE})*
       | \((?P<inner>'(?:[^']|'')*')(?:{_TYPE})*\){_TYPE}
       | (?P<name>"(?:[^"]|"")*")""",
    re.VERBOSE,
)
_TEXT_CAST: Final = re.compile(
    rf"""(?P<quoted>'(?:[^']|'')*')
       | \((?P<name>(?:{_NAME}\.)?(?P<column>{_NAME}))\)::text\b""",
    re.VERBOSE,
)
SAME_BYTES: Final = frozenset(
    {("character varying", "text"), ("text", "character varying"), ("character", "bpchar")}
)
"""Casts that change nothing in an index: PostgreSQL prints them, and looks through them."""
_DECORATION: Final = re.compile(
    rf"""(?P<quoted>'(?:[^']|'')*')
       | (?<![\w"])\((?P<name>(?:{_NAME}\.)?{_NAME})\)
       | (?<=\ )(?P<like>!?~~\*?)(?=\ )""",
    re.VERBOSE,
)
_LIKE: Final = {"~~": "LIKE", "!~~": "NOT LIKE", "~~*": "ILIKE", "!~~*": "NOT ILIKE"}


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Columns compared with `=` (or IN, IS NULL, or as a boolean), and with a range (`<`, `>`, a
    prefix, IS NOT NULL), as SQL names, each once and in order. A column that is compared both ways
    counts as equal.
    """

    equal: tuple[str, ...]
    ranged: tuple[str, ...]


def comparisons(condition: str, types: Mapping[str, str] | None = None) -> Comparisons:
    """The comparisons that must all hold for `condition` to hold, as far as an index can help.

    `types` are those of the table's columns, where they are known: a column that is cast to
    another type is hidden from its index. Of a column that is not known a cast to text is taken
    to be the harmless one of varchar.
    """
    equal: dict[str, None] = {}
    ranged: dict[str, None] = {}
    for part in parts_of(condition):
        point, span = _POINT.fullmatch(part), _SPAN.fullmatch(part)
        balanced = part.count("(") == part.count(")")
        if point is not None and balanced and point["column"] not in _WORDS:
            equal[point["column"]] = None
            continue
        if span is not None:
            ranged[span["column"] or span["first"] or span["begun"]] = None
            continue
        found = _COMPARISON.fullmatch(part)
        if found is None or _hides(found, types or {}):
            continue
        if found["operator"] == "=":
            equal[found["column"]] = None
        elif found["operator"] != "~~" or not _STARTS_WITH_WILDCARD.match(found["value"]):
            ranged[found["column"]] = None
    return Comparisons(tuple(equal), tuple(column for column in ranged if column not in equal))


def _hides(found: re.Match[str], types: Mapping[str, str]) -> bool:
    column_type = types.get(_bare_name(found["column"]))
    if found["cast"] is None or column_type is None:
        return False
    return column_type != found["cast"] and (column_type, found["cast"]) not in SAME_BYTES


def readable(condition: str, own: str | None = None, strings: Collection[str] = ()) -> str:
    """A condition for people: on one line, without most parentheses, LIKE for `~~`.

    Casts of columns and expressions stay, as they decide which index can serve; those of literals
    go, and so does the cast to text of the columns named in `strings`, which are varchar: there it
    changes nothing. `own` is the name (as SQL writes it) of the relation that the condition stands
    at: `own.a` is told as `a`.
    """
    bare = " AND ".join(_undecorated(part, strings) for part in parts_of(condition))
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


def _undecorated(text: str, strings: Collection[str]) -> str:
    bare = _LITERAL_CAST.sub(lambda found: found["literal"] or found["inner"] or found[0], text)
    bare = _TEXT_CAST.sub(
        lambda found: found["name"] if _is_string(found, strings) else found[0], bare
    )
    return _DECORATION.sub(
        lambda found: found["quoted"] or found["name"] or _LIKE[found["like"]], bare
    )


def _is_string(found: re.Match[str], strings: Collection[str]) -> bool:
    return found["name"] is not None and _bare_name(found["column"]) in strings


def _bare_name(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name

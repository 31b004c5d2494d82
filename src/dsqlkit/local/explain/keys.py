"""Which conditions of a scan bound a key, so that storage reads no other rows. Pure.

PostgreSQL reads a small table whole and compares every row, as that is cheapest there. On DSQL the
table is its primary key's B-tree, of which nothing but the rows in bounds need be read.
"""

import re
from collections.abc import Container, Iterable
from typing import Final

from dsqlkit.local.explain.conditions import NAME, names

_COLUMN: Final = rf"(?:(?:{NAME})\.)?(?:{NAME})"
_TYPE: Final = r"[a-z][a-z0-9 ]*"
_CONSTANT: Final = rf"(?:\$\d+|-?\d+(?:\.\d+)?|'(?:[^']|'')*'(?:::{_TYPE}(?:\(\d+(?:,\d+)?\))?)?)"
_BOUND: Final = re.compile(
    rf"""\((?:(?P<plain>{_COLUMN})|\((?P<cast>{_COLUMN})\)::(?:text|bpchar))\ (?:
            (?P<comparison>=|<=?|>=?)\ {_CONSTANT}
          | =\ ANY\ \('(?:[^']|'')*'::{_TYPE}\[\]\))\)""",
    re.VERBOSE,
)
_TURNED: Final = re.compile(
    rf"\(({_CONSTANT}) (=|<=?|>=?) ({_COLUMN}|\({_COLUMN}\)::(?:text|bpchar))\)"
)
_OTHER_WAY: Final = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def bounds(
    parts: Iterable[str], key: Iterable[str | None], alias: str, texts: Container[str]
) -> dict[str, str]:
    """Those of a filter's parts that bound a key: constants that its first columns equal, and the
    range of the next one, in the key's order; each with what it reads as a condition of the key.
    `texts` are the columns whose values are text, whatever their type."""
    told = {part: _column_first(part) for part in parts}
    compared = {part: _compared(each, alias, texts) for part, each in told.items()}
    found: list[str] = []
    for column in key:
        own = [part for part, (of, _) in compared.items() if of == column and of is not None]
        equal = [part for part in own if compared[part][1]]
        found += equal or own
        if not equal:
            break
    return {part: told[part] for part in found}


def _column_first(part: str) -> str:
    match = _TURNED.fullmatch(part)
    return part if match is None else f"({match[3]} {_OTHER_WAY[match[2]]} {match[1]})"


def _compared(part: str, alias: str, texts: Container[str]) -> tuple[str | None, bool]:
    """The column that a part compares with constants, if it does, and whether it equals one."""
    match = _BOUND.fullmatch(part)
    if match is None:
        return None, False
    (column,) = names([match["plain"] or match["cast"]], alias)
    if match["cast"] is not None and column not in texts:
        return None, False
    return column, match["comparison"] in ("=", None)

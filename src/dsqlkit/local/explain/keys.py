"""Which conditions of a scan bound a key, so that storage reads no other rows. Pure.

PostgreSQL reads a small table whole and compares every row, as that is cheapest there. On DSQL the
table is its primary key's B-tree, of which nothing but the rows in bounds need be read.
"""

import re
from collections.abc import Container, Iterable, Sequence
from typing import Final

from dsqlkit.local.explain.conditions import NAME, aliases, names

_COLUMN: Final = rf"(?:(?:{NAME})\.)?(?:{NAME})"
_TYPE: Final = r"[a-z][a-z0-9 ]*"
_LITERAL: Final = rf"'[^']*(?:''[^']*)*'(?:::{_TYPE}(?:\(\d+(?:,\d+)?\))?)?"
_CONSTANT: Final = rf"(?:\$\d+|(?:{NAME})\.(?:{NAME})|-?\d+(?:\.\d+)?|{_LITERAL})"
"""What is the same for a whole scan: a column of another one too."""
_BOUND: Final = rf"""(?x)\((?:(?P<plain>{_COLUMN})|\((?P<cast>{_COLUMN})\)::(?:text|bpchar))\ (?:
            (?P<comparison>=|<=?|>=?)\ {_CONSTANT}
          | =\ ANY\ \('[^']*(?:''[^']*)*'::{_TYPE}\[\]\))\)"""
"""Compiled when it is needed first: that takes some 30 ms, which no start is to wait for."""
_TURNED: Final = rf"\(({_CONSTANT}) (=|<=?|>=?) ({_COLUMN}|\({_COLUMN}\)::(?:text|bpchar))\)"
_OTHER_WAY: Final = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def bounds(
    parts: Iterable[str], key: Sequence[str | None], alias: str, texts: Container[str]
) -> dict[str, str]:
    """Those of a filter's parts that bound a key: constants, or columns of other scans, that its
    first columns equal, and the range of the next one, in the key's order; each with what it reads
    as a condition of the key.
    `texts` are the columns whose values are text, whatever their type."""
    told: dict[str, str] = {}
    compared: dict[str, tuple[str | None, bool]] = {}
    for part in parts:
        for each in (part, _turned(part)):
            found = _compared(each, alias, texts)
            if found[0] in key and found[0] is not None:
                told[part], compared[part] = each, found
                break
    bound: list[str] = []
    for column in key:
        own = [part for part, (of, _) in compared.items() if of == column]
        equal = [part for part in own if compared[part][1]]
        bound += equal or own
        if not equal:
            break
    return {part: told[part] for part in bound}


def _turned(part: str) -> str:
    """A comparison told from its other side."""
    match = re.fullmatch(_TURNED, part)
    return part if match is None else f"({match[3]} {_OTHER_WAY[match[2]]} {match[1]})"


def _compared(part: str, alias: str, texts: Container[str]) -> tuple[str | None, bool]:
    """The column that a part compares with constants, if it does, and whether it equals one."""
    match = re.fullmatch(_BOUND, part)
    if match is None or alias in aliases(part.replace(match["plain"] or match["cast"], "", 1)):
        return None, False
    (column,) = names([match["plain"] or match["cast"]], alias)
    if match["cast"] is not None and column not in texts:
        return None, False
    return column, match["comparison"] in ("=", None)

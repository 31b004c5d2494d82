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


def bounds(
    parts: Iterable[str], key: Iterable[str | None], alias: str, texts: Container[str]
) -> tuple[str, ...]:
    """Those of a filter's parts that bound a key: constants that its first columns equal, and the
    range of the next one, in the key's order. `texts` are the columns whose values are text,
    whatever their type."""
    compared = {part: _compared(part, alias, texts) for part in parts}
    found: list[str] = []
    for column in key:
        own = [part for part, (of, _) in compared.items() if of == column and of is not None]
        equal = [part for part in own if compared[part][1]]
        found += equal or own
        if not equal:
            break
    return tuple(found)


def _compared(part: str, alias: str, texts: Container[str]) -> tuple[str | None, bool]:
    """The column that a part compares with constants, if it does, and whether it equals one."""
    match = _BOUND.fullmatch(part)
    if match is None:
        return None, False
    (column,) = names([match["plain"] or match["cast"]], alias)
    if match["cast"] is not None and column not in texts:
        return None, False
    return column, match["comparison"] in ("=", None)

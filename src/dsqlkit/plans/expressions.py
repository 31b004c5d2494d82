"""Comparisons that no index on a column can serve, as the column stands inside an expression.

`lower(name) = 'x'` compares the function's value, and `(id)::text = '7'` the text of a number: the
index holds neither.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from dsqlkit.plans.conditions import SAME_BYTES, parts_of, split

_COMPARED: Final = (" = ", " < ", " <= ", " > ", " >= ", " ~~ ")
_NAME: Final = r'(?:[a-z_]\w*|"(?:[^"]|"")+")'
_BARE: Final = re.compile(rf"\(?(?:{_NAME}\.)?{_NAME}\)?")
_CAST: Final = re.compile(
    rf"\((?:{_NAME}\.)?(?P<column>{_NAME})\)::(?P<type>[a-z][\w ]*)(?:\([\d,]+\))?"
)
_NOISE: Final = re.compile(
    r"'(?:[^']|'')*'"  # a literal
    r"|::[a-z]\w*(?: (?:varying|precision|without time zone|with time zone))?(?:\([\d,]+\))?"
    r"|\b\w+ FROM\b"  # as in EXTRACT(year FROM created_at)
    r"|[a-z_]\w*(?=\()"  # a function's name
)
_COLUMN: Final = re.compile(rf"(?:{_NAME}\.)?(?P<column>{_NAME})")
_TEXTS: Final = frozenset({"text", "bpchar", "character varying"})


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A column inside an expression that is compared; `cast_to` if the expression is a cast."""

    column: str
    expression: str
    cast_to: str | None = None

    def hides(self, column_type: str | None) -> bool:
        """Whether an index on the column, of that type, is useless here. Of a type that is not
        known (None) a cast to text is taken to be the harmless one of varchar.
        """
        if self.cast_to is None:
            return True
        if column_type is None:
            return self.cast_to not in _TEXTS
        return self.cast_to != column_type and (column_type, self.cast_to) not in SAME_BYTES


def wrapped_columns(condition: str, columns: Collection[str] = ()) -> tuple[Wrapped, ...]:
    """The columns that are compared inside an expression, in the parts that AND joins.

    `columns` are those of the table, where they are known; a name that is none of them is no
    column then.
    """
    found = (_wrapped(part, columns) for part in parts_of(condition))
    return tuple(each for each in found if each is not None)


def _wrapped(part: str, columns: Collection[str]) -> Wrapped | None:
    left = next((sides[0] for sides in (split(part, word) for word in _COMPARED) if sides[1:]), "")
    if not left or _BARE.fullmatch(left):
        return None
    cast = _CAST.fullmatch(left)
    if cast:
        name, cast_to = cast["column"], cast["type"]
    else:
        inside = _COLUMN.search(_NOISE.sub("", left))
        if inside is None:
            return None
        name, cast_to = inside["column"], None
    bare = name[1:-1].replace('""', '"') if name.startswith('"') else name
    return None if columns and bare not in columns else Wrapped(bare, left, cast_to)

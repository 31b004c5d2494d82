"""Names in SQL: how they are written, and which of them an expression has."""

import re
from typing import Final

_PLAIN_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")
_LITERAL: Final = re.compile(r"'(?:[^']|'')*'")
_COLUMN: Final = re.compile(r'(?P<name>[a-z_]\w*|"(?:[^"]|"")+")(?!\w|\.)')


def sql_name(name: str) -> str:
    """A name as SQL wants it: in quotes, unless it is made of a-z, 0-9 and _ alone."""
    return name if _PLAIN_NAME.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def column_names(text: str) -> frozenset[str]:
    """The names in a list of columns or an expression: all words that may be a column's, without
    the table before the dot, and without SQL's quotes.
    """
    names = (found["name"] for found in _COLUMN.finditer(_LITERAL.sub("", text)))
    return frozenset(n[1:-1].replace('""', '"') if n.startswith('"') else n for n in names)

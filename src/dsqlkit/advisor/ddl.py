"""CREATE INDEX ASYNC as DSQL takes it: no method, no direction, no operator class."""

import re
from collections.abc import Collection
from itertools import count
from typing import Final

import postgast
from postgast import pg_query_pb2 as tree

from dsqlkit.plans.catalog import Table

_PLAIN: Final = re.compile(r"[a-z_][a-z0-9_]*")
_FREE: Final = frozenset({tree.NO_KEYWORD, tree.UNRESERVED_KEYWORD})
_MAX_NAME: Final = 63
"""PostgreSQL cuts longer names."""
_NAMED_COLUMNS: Final = 2
"""The key's first columns are enough to tell an index by."""


def create_index(table: Table, name: str, key: tuple[str, ...], included: tuple[str, ...]) -> str:
    """The statement that builds an index; it answers at once with a job's id."""
    on = identifier(table.name)
    if table.schema != "public":
        on = f"{identifier(table.schema)}.{on}"
    ddl = f"CREATE INDEX ASYNC {identifier(name)} ON {on} ({_list(key)})"
    return f"{ddl} INCLUDE ({_list(included)})" if included else ddl


def index_name(
    table: Table, key: tuple[str, ...], included: tuple[str, ...], taken: Collection[str] = ()
) -> str:
    """A name that says what the index is for, and that is not taken nor one of the table's."""
    ending = "_covering" if included else ""
    words = "_".join(("idx", table.name, *key[:_NAMED_COLUMNS]))
    used = {*taken, *(index.name for index in table.indexes)}
    for number in count(1):
        end = ending if number == 1 else f"{ending}_{number}"
        cut = words.encode()[: _MAX_NAME - len(end)].decode(errors="ignore")
        if cut + end not in used:
            return cut + end
    raise AssertionError("numbers do not end")


def identifier(name: str) -> str:
    """A name as SQL wants it: in quotes where it is a word of SQL, or not plain."""
    if _PLAIN.fullmatch(name) and postgast.scan(name).tokens[0].keyword_kind in _FREE:
        return name
    return '"' + name.replace('"', '""') + '"'


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(map(identifier, names))

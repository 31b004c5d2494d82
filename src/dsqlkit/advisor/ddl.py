"""CREATE INDEX ASYNC as DSQL takes it: no method, no direction, no operator class."""

import hashlib
import re
from typing import Final

import postgast
from postgast import pg_query_pb2 as tree

from dsqlkit.plans.catalog import Table

_PLAIN: Final = re.compile(r"[a-z_][a-z0-9_]*")
_FREE: Final = frozenset({tree.NO_KEYWORD, tree.UNRESERVED_KEYWORD})
_MAX_NAME: Final = 63
"""PostgreSQL cuts longer names."""


def create_index(table: Table, name: str, key: tuple[str, ...], included: tuple[str, ...]) -> str:
    """The statement that builds an index; it answers at once with a job's id."""
    on = identifier(table.name)
    if table.schema != "public":
        on = f"{identifier(table.schema)}.{on}"
    ddl = f"CREATE INDEX ASYNC {identifier(name)} ON {on} ({_list(key)})"
    return f"{ddl} INCLUDE ({_list(included)})" if included else ddl


def index_name(table: Table, key: tuple[str, ...], included: tuple[str, ...]) -> str:
    """A name that says what the index is, and that none of the table's indexes has."""
    name = "_".join(("idx", table.name, *key, *(("covering",) if included else ())))
    taken = {index.name for index in table.indexes}
    if len(name.encode()) > _MAX_NAME:
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        short = name.encode()[: _MAX_NAME - 12].decode(errors="ignore").rstrip("_")
        name = f"{short}_{digest}"
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}_{number}", number + 1
    return candidate


def identifier(name: str) -> str:
    """A name as SQL wants it: in quotes where it is a word of SQL, or not plain."""
    if _PLAIN.fullmatch(name) and postgast.scan(name).tokens[0].keyword_kind in _FREE:
        return name
    return '"' + name.replace('"', '""') + '"'


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(map(identifier, names))

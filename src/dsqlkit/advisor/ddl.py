"""CREATE INDEX ASYNC as DSQL takes it: no method, no direction, no operator class."""

import re
from collections.abc import Collection
from itertools import count
from typing import Final

import postgast
from postgast import pg_query_pb2 as tree

from dsqlkit.advisor.statistics import NULLS_FIRST
from dsqlkit.plans.catalog import Table

_PLAIN: Final = re.compile(r"[a-z_][a-z0-9_]*")
_WORDS: Final = re.compile(r"[^\w]+")
_CALL: Final = re.compile(r"[a-z_]\w*\([^()]*\)")
_FREE: Final = frozenset({tree.NO_KEYWORD, tree.UNRESERVED_KEYWORD})
_MAX_NAME: Final = 63
"""PostgreSQL cuts longer names."""
_NAMED_COLUMNS: Final = 2
"""The key's first columns are enough to tell an index by."""


def create_index(
    table: Table,
    name: str,
    key: tuple[str, ...],
    included: tuple[str, ...] = (),
    condition: str = "",
) -> str:
    """The statement that builds an index; it answers at once with a job's id."""
    on = identifier(table.name)
    if table.schema != "public":
        on = f"{identifier(table.schema)}.{on}"
    parts = ", ".join(_part(each, table) for each in key)
    ddl = f"CREATE INDEX ASYNC {identifier(name)} ON {on} ({parts})"
    ddl += f" INCLUDE ({', '.join(map(identifier, included))})" if included else ""
    return f"{ddl} WHERE {condition}" if condition else ddl


def index_name(
    table: Table,
    key: tuple[str, ...],
    included: tuple[str, ...] = (),
    taken: Collection[str] = (),
    condition: str = "",
) -> str:
    """A name that says what the index is for, and that is not taken nor one of the table's."""
    ending = ("_partial" if condition else "") + ("_covering" if included else "")
    parts = [_word(each.removesuffix(NULLS_FIRST), table) for each in key]
    words = "_".join(("idx", table.name, *parts[:_NAMED_COLUMNS]))
    used = {*taken, *(index.name for index in table.indexes)}
    for number in count(1):
        end = ending if number == 1 else f"{ending}_{number}"
        cut = words.encode()[: _MAX_NAME - len(end)].decode(errors="ignore")
        if cut + end not in used:
            return cut + end
    raise AssertionError("numbers do not end")


def _word(text: str, table: Table) -> str:
    """A column's name, or what of an expression may stand in a name."""
    return text if table.column(text) else _WORDS.sub("_", text).strip("_").lower()


def _part(text: str, table: Table) -> str:
    """A column, or an expression in the parentheses that it needs unless it is a call."""
    bare = text.removesuffix(NULLS_FIRST)
    ending = text[len(bare) :]
    if table.column(bare) is not None:
        return identifier(bare) + ending
    return (bare if _CALL.fullmatch(bare) else f"({bare})") + ending


def identifier(name: str) -> str:
    """A name as SQL wants it: in quotes where it is a word of SQL, or not plain."""
    if _PLAIN.fullmatch(name) and postgast.scan(name).tokens[0].keyword_kind in _FREE:
        return name
    return '"' + name.replace('"', '""') + '"'

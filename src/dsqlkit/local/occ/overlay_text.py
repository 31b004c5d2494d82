"""What a statement's text has to be at overlays, where its tables are views. Pure.

What is left out becomes blanks, so that an error's position stays right.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import postgast
from postgast import pg_query_pb2 as tree

from dsqlkit.local.occ.overlay_shape import VIEW_SCHEMA
from dsqlkit.local.statements.quoting import qualified, quoted
from dsqlkit.local.statements.tree import Node, parse

_STRENGTHS: Final = (
    (tree.UPDATE,),
    (tree.NO, tree.KEY, tree.UPDATE),
    (tree.SHARE,),
    (tree.KEY, tree.SHARE),
)
_WAITS: Final = ((tree.NOWAIT,), (tree.SKIP, tree.LOCKED))
_IDENTIFIER: Final = re.compile(r'"(?P<quoted>([^"]|"")*)"|(?P<plain>[^\s."();,]+)')
_OPENING: Final = (tree.ASCII_40, tree.ASCII_91)
_CLOSING: Final = (tree.ASCII_41, tree.ASCII_93)


class Token(NamedTuple):
    """A token of a text: its kind, where it is (in bytes), and in how many brackets."""

    kind: int
    start: int
    end: int
    depth: int


def tokens_of(text: bytes) -> list[Token]:
    """The tokens of a text, comments left out."""
    found = []
    depth = 0
    for each in postgast.scan(text.decode()).tokens:
        if each.token in (tree.SQL_COMMENT, tree.C_COMMENT):
            continue
        if each.token in _CLOSING:
            depth -= 1
        found.append(Token(each.token, each.start, each.end, depth))
        if each.token in _OPENING:
            depth += 1
    return found


def at_overlays(
    text: bytes, schemas: Sequence[tuple[int, int]], overlaid: Collection[tuple[str, str]]
) -> bytes:
    """The text with each schema at these places (from, to, the point included) led to overlays, of
    tables that are `overlaid` (schema, name)."""
    for start, end in sorted(schemas, reverse=True):
        schema = _identifier(text[start:end])
        if (schema, _identifier(text[end:])) in overlaid:
            text = text[:start] + _prefixed(text[start:end], VIEW_SCHEMA) + text[end:]
    return text


def _identifier(text: bytes) -> str:
    """The name that a text begins with."""
    found = _IDENTIFIER.match(text.decode())
    assert found is not None
    if found["quoted"] is not None:
        return found["quoted"].replace('""', '"')
    return str(found["plain"]).lower()


def copied_table(text: bytes) -> tuple[str, tuple[str, ...]] | None:
    """The table of a COPY ... TO, as SQL writes its name, and the columns that it lists; None for
    any other text."""
    if b"copy" not in text.lower():
        return None
    parsed = parse(text)
    if len(parsed) != 1 or parsed[0].name != "copy_stmt":
        return None
    copy = parsed[0].node
    if copy.is_from or copy.HasField("query"):
        return None
    copy.relation.schemaname = copy.relation.schemaname.removeprefix(VIEW_SCHEMA)
    return qualified(copy.relation), tuple(each.string.sval for each in copy.attlist)


def copied_from_query(text: bytes, columns: Sequence[str]) -> bytes:
    """A COPY ... TO of a table as one of a query for these columns, as SQL writes their names: no
    view can be copied itself."""
    tokens = tokens_of(text)
    end = next(
        index for index, each in enumerate(tokens) if each.kind == tree.TO and not each.depth
    )
    opening = next((each for each in tokens[:end] if each.kind == tree.ASCII_40), None)
    table_end = tokens[end - 1].end if opening is None else opening.start
    table = text[tokens[1].start : table_end]
    query = b"(SELECT " + ", ".join(columns).encode() + b" FROM " + table + b") "
    return text[: tokens[1].start] + query + text[tokens[end].start :]


def _prefixed(schema: bytes, prefix: str) -> bytes:
    """A schema as SQL writes it, up to its point, with a prefix before its name."""
    if schema.startswith(b'"'):
        return b'"' + prefix.encode() + schema[1:]
    return prefix.encode() + schema


def _without_locks(text: bytes) -> bytes:
    """The text without its FOR UPDATE and FOR KEY SHARE; nothing else moves."""
    for start, end in _locking_clauses(tokens_of(text)):
        text = text[:start] + b" " * (end - start) + text[end:]
    return text


def _locking_clauses(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    kinds = [token.kind for token in tokens]
    position = 0
    while position < len(tokens):
        start, position = position, position + 1
        if kinds[start] != tree.FOR:
            continue
        for strength in _STRENGTHS:
            if tuple(kinds[position : position + len(strength)]) == strength:
                end = position + len(strength)
                if kinds[end : end + 1] == [tree.OF]:
                    end += 2
                    while kinds[end : end + 1] in ([tree.ASCII_44], [tree.ASCII_46]):
                        end += 2
                for wait in _WAITS:
                    if tuple(kinds[end : end + len(wait)]) == wait:
                        end += len(wait)
                yield tokens[start].start, tokens[end - 1].end
                position = end
                break


class WithPlaces(NamedTuple):
    """A SELECT that locks nothing, and tells of `tables` tables where its rows are: table and
    place, after its own columns. `limited`: it has a LIMIT or an OFFSET."""

    sql: bytes
    tables: int
    limited: bool


def with_places(text: bytes) -> WithPlaces | None:
    """What tells where the rows are that a SELECT locks; None where its text alone does not say."""
    parsed = parse(text)
    if len(parsed) != 1 or parsed[0].name != "select_stmt":
        return None
    select = parsed[0].node
    locks = sum(each.DESCRIPTOR.name == "LockingClause" for each in parsed[0].nodes)
    tables = list(_ranges(select.from_clause))
    if locks != len(select.locking_clause) or not tables or select.HasField("with_clause"):
        return None
    text = _without_locks(text)
    for previous, token in pairwise(tokens_of(text)):
        if token.kind == tree.FROM and token.depth == 0 and previous.kind != tree.DISTINCT:
            added = ", ".join(f"{each}.tableoid, {each}.ctid" for each in tables)
            comma = ", " if select.target_list else ""
            sql = text[: token.start] + f"{comma}{added} ".encode() + text[token.start :]
            limited = select.HasField("limit_count") or select.HasField("limit_offset")
            return WithPlaces(sql, len(tables), limited)
    return None


def _ranges(items: Sequence[Node]) -> Iterator[str]:
    for item in items:
        kind = item.WhichOneof("node")
        if kind == "range_var":
            name = item.range_var.alias.aliasname or item.range_var.relname
            yield quoted(name)
        elif kind == "join_expr":
            yield from _ranges([item.join_expr.larg, item.join_expr.rarg])

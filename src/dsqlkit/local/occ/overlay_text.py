"""What a statement's text has to be at overlays, where its tables are views. Pure.

What is left out becomes blanks, so that an error's position stays right.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import postgast
from postgast import pg_query_pb2 as tree

from dsqlkit.local.occ.overlay_ddl import ROWS_SCHEMA, VIEW_SCHEMA
from dsqlkit.local.statements.tree import Node

_STRENGTHS: Final = (
    (tree.UPDATE,),
    (tree.NO, tree.KEY, tree.UPDATE),
    (tree.SHARE,),
    (tree.KEY, tree.SHARE),
)
_WAITS: Final = ((tree.NOWAIT,), (tree.SKIP, tree.LOCKED))
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


def without_locks(text: bytes) -> bytes:
    """The text without its FOR UPDATE and FOR KEY SHARE: at an overlay there is nothing to lock."""
    if b"for" not in text.lower():
        return text
    tokens = tokens_of(text)
    for start, end in _locking_clauses(tokens):
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


def at_overlays(text: bytes, schemas: Sequence[tuple[int, int]]) -> bytes:
    """The text with each schema at these places (from, to, the point included) led to overlays."""
    for start, end in sorted(schemas, reverse=True):
        text = text[:start] + _prefixed(text[start:end], VIEW_SCHEMA) + text[end:]
    return text


def _prefixed(schema: bytes, prefix: str) -> bytes:
    """A schema as SQL writes it, up to its point, with a prefix before its name."""
    if schema.startswith(b'"'):
        return b'"' + prefix.encode() + schema[1:]
    return prefix.encode() + schema


def with_places(text: bytes, select: Node) -> tuple[bytes, list[str]] | None:
    """A SELECT that locks rows with each row's table and place after its columns, and the names of
    the tables as SQL writes them; None where that cannot be told from its text."""
    tables = list(_ranges(select.from_clause))
    if not select.locking_clause or not tables or select.with_clause.ctes:
        return None
    tokens = tokens_of(text)
    for previous, token in pairwise(tokens):
        if token.kind == tree.FROM and token.depth == 0 and previous.kind != tree.DISTINCT:
            added = "".join(f", {each}.tableoid, {each}.ctid" for each in tables)
            return text[: token.start] + added.encode() + b" " + text[token.start :], tables
    return None


def _ranges(items: Sequence[Node]) -> Iterator[str]:
    for item in items:
        kind = item.WhichOneof("node")
        if kind == "range_var":
            name = item.range_var.alias.aliasname or item.range_var.relname
            yield '"' + name.replace('"', '""') + '"'
        elif kind == "join_expr":
            yield from _ranges([item.join_expr.larg, item.join_expr.rarg])


class Upsert(NamedTuple):
    """An INSERT ... ON CONFLICT in two texts: the first brings the rows that it meets to the
    overlay, as it inserts at the view without the clause; the second is run at the overlay's rows.
    """

    first: bytes
    second: bytes


def upsert(text: bytes, insert: Node, schema: str) -> Upsert | None:
    """An INSERT into a table of this schema in two texts; None if it has no ON CONFLICT."""
    if not insert.HasField("on_conflict_clause"):
        return None
    tokens = tokens_of(text)
    start = end = None
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.depth:
            continue
        if token.kind == tree.ON and following is not None and following.kind == tree.CONFLICT:
            start = token.start
        elif token.kind == tree.RETURNING and start is not None:
            end = token.start
    if start is None:
        return None
    first = text[:start] + (b" " * (end - start) + text[end:] if end is not None else b"")
    at = insert.relation.location
    spot = next(index for index, token in enumerate(tokens) if token.start == at)
    if insert.relation.schemaname:
        return Upsert(first, text[:at] + _prefixed(text[at:], ROWS_SCHEMA))
    name = '"' + (ROWS_SCHEMA + schema).replace('"', '""') + '".'
    assert tokens[spot].start == at
    return Upsert(first, text[:at] + name.encode() + text[at:])

"""What a statement's text has to be at overlays, where its tables are views. Pure.

What is left out becomes blanks, so that an error's position stays right.
"""

import re
from collections.abc import Collection, Sequence
from typing import Final

from postgast import pg_query_pb2 as tree

from dsqlkit.local.occ.overlay_shape import VIEW_SCHEMA
from dsqlkit.local.statements.quoting import qualified
from dsqlkit.local.statements.tokens import tokens_of
from dsqlkit.local.statements.tree import parse

_IDENTIFIER: Final = re.compile(r'"(?P<quoted>([^"]|"")*)"|(?P<plain>[^\s."();,]+)')


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

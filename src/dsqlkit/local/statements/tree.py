"""Walking PostgreSQL's parse tree."""

from collections.abc import Iterator
from typing import Any, TypeAlias

Node: TypeAlias = Any
"""A node of the parse tree; the parser's classes are made at run time and carry no types."""


def nodes(node: Node) -> Iterator[Node]:
    """The node and every one below it, parents before children."""
    yield node
    for field, value in node.ListFields():
        if field.message_type is not None:
            for child in value if field.is_repeated else (value,):
                yield from nodes(child)

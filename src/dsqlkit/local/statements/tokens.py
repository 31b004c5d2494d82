"""The tokens of a statement's text, comments left out. Pure."""

from typing import Final, NamedTuple

import postgast
from postgast import pg_query_pb2 as tree

COMMENTS: Final = (tree.SQL_COMMENT, tree.C_COMMENT)
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
        if each.token in COMMENTS:
            continue
        if each.token in _CLOSING:
            depth -= 1
        found.append(Token(each.token, each.start, each.end, depth))
        if each.token in _OPENING:
            depth += 1
    return found

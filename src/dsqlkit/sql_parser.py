"""PostgreSQL's parser (libpg_query), for statements of any length and depth.

It calls itself for each level of a statement's tree: a sum of 50,000 terms, which is as deep as it
is long, takes up the stack, and the process dies; one of 300,000 takes minutes. PostgreSQL parses
those and then refuses them, 54001 `stack depth limit exceeded`: of sums from some 8,000 terms on,
of casts from 20,000 on.
"""

from importlib import import_module
from typing import Final

import postgast
from postgast import FingerprintResult, ParseResult
from postgast import pg_query_pb2 as tree

_MAX_TOKENS: Final = 40_000
"""Of one expression. A level takes two at least, and 20,000 were parsed on 8 MB of stack."""
_OPERATORS: Final = b"+-*/<>=~!@#%^&|?:"
_WORDS: Final = (b"is", b"notnull", b"collate", b"at", b"union", b"intersect", b"except", b"join")
_OPENING: Final = frozenset({tree.ASCII_40, tree.ASCII_91, tree.CASE})
_CLOSING: Final = frozenset({tree.ASCII_41, tree.ASCII_93, tree.END_P})
_BESIDE: Final = frozenset({tree.ASCII_44, tree.ASCII_59, tree.AND, tree.OR})
_JOINING: Final = frozenset({tree.UNION, tree.INTERSECT, tree.EXCEPT, tree.JOIN})

# Its decoder takes 100 levels otherwise, which are 48 terms of a sum; so, it takes 65,535.
import_module("google._upb._message").SetAllowOversizeProtos(True)


def parse(sql: str) -> ParseResult:
    """The tree of a text. Raises postgast.PgQueryError, for one that is too deep too."""
    _check_depth(sql)
    return postgast.parse(sql)


def fingerprint(sql: str) -> FingerprintResult:
    """What statements have in common that differ in literals. Raises postgast.PgQueryError."""
    _check_depth(sql)
    return postgast.fingerprint(sql)


def longest_expression(sql: str) -> int:
    """No fewer tokens than the longest expression of a text has, with those that it is part of.

    What is beside one another is not deep: what commas, AND and OR part. A query's unions and joins
    are, whatever is between them. Raises postgast.PgQueryError.
    """
    longest = tokens = 0
    own, joined = [0], [0]
    for each in postgast.scan(sql).tokens:
        if each.token in _BESIDE:
            tokens += joined[-1] - own[-1]
            own[-1] = joined[-1]
            continue
        if each.token in _CLOSING:
            if len(own) > 1:
                tokens -= own.pop()
                joined.pop()
            continue
        own[-1] += 1
        tokens += 1
        longest = max(longest, tokens)
        if each.token in _JOINING:
            joined[-1] += 2
        elif each.token in _OPENING:
            own.append(0)
            joined.append(0)
    return longest


def _check_depth(sql: str) -> None:
    if len(sql) > _MAX_TOKENS and _may_be_deep(sql) and longest_expression(sql) > _MAX_TOKENS:
        raise postgast.PgQueryError("stack depth limit exceeded")


def _may_be_deep(sql: str) -> bool:
    """Whether there is enough in a text that one can be at the left of another of, without end."""
    text = sql.encode()
    found = len(text) - len(text.translate(None, _OPERATORS))
    lower = text.lower()
    return 2 * (found + sum(lower.count(word) for word in _WORDS)) > _MAX_TOKENS

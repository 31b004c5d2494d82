"""What DSQL's grammar has beyond PostgreSQL's, found among the tokens and made parsable.

CREATE INDEX ASYNC and ALTER TABLE ASYNC (user guide, "Asynchronous indexes"), and AWS IAM GRANT and
REVOKE ("Database roles and IAM authentication"). PostgreSQL's grammar takes ASYNC for a name, or
for a syntax error, and AWS for the latter. So a word that it does not know is made spaces, and a
statement that it does not know another of the same length. A quoted "async" is a name.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

import postgast
from postgast import pg_query_pb2 as tree

from dsqlkit.local.statements.tokens import COMMENTS
from dsqlkit.local.statements.tree import Node

_OWN: Final = re.compile(rb"\b(async|aws)\b", re.IGNORECASE)
_SEMICOLON: Final = tree.ASCII_59
_IAM_TOKENS: Final = 6
_INSTEAD_OF_IAM: Final = b"GRANT a TO b"
_OFFSET: Final = itemgetter(0)
_FORMS_OF_ALTER: Final = frozenset(
    (
        b"add alter attach cluster detach disable drop enable force inherit no not of owner"
        b" rename replica reset set validate"
    ).split()
)
"""What follows the name in ALTER TABLE. After ASYNC they make it the table's name."""


@dataclass(frozen=True, slots=True)
class IamTrust:
    """An AWS IAM GRANT, or REVOKE unless `grants`. `arn` is the literal as it was written."""

    grants: bool
    role: str
    arn: str


@dataclass(frozen=True, slots=True)
class WrongToken:
    """The token of a text that a statement cannot go on with: where the statement begins, where the
    token is, both in bytes, and how it is written: not at all at the text's end."""

    statement: int
    start: int
    written: str


@dataclass(frozen=True, slots=True)
class Parsable:
    """A client's text as PostgreSQL's parser takes it, position for position.

    `asyncs` are the offsets in bytes of words ASYNC, `trusts` those of AWS IAM statements.
    """

    text: bytes
    asyncs: tuple[int, ...] = ()
    trusts: tuple[tuple[int, IamTrust], ...] = ()

    def is_async(self, start: int, end: int) -> bool:
        """Whether the statement in this range has the word ASYNC."""
        return bisect_left(self.asyncs, start) < bisect_left(self.asyncs, end)

    def trust(self, start: int, end: int) -> IamTrust | None:
        """The AWS IAM statement in this range, if it is one."""
        at = bisect_left(self.trusts, start, key=_OFFSET)
        found = self.trusts[at : at + 1]
        return found[0][1] if found and found[0][0] < end else None


def parsable(sql: bytes) -> Parsable:
    """The text without what is DSQL's own.

    Raises postgast.PgQueryError when the text cannot be scanned, and UnicodeDecodeError.
    """
    if not _OWN.search(sql):
        return Parsable(sql)
    tokens = [t for t in postgast.scan(sql.decode()).tokens if t.token not in COMMENTS]
    text = bytearray(sql)
    asyncs = []
    trusts = []
    for position, token in enumerate(tokens):
        words = [sql[each.start : each.end] for each in tokens[position : position + 3]]
        if words[0].lower() == b"async" and _has_async(sql, tokens, position):
            text[token.start : token.end] = b" " * (token.end - token.start)
            asyncs.append(token.start)
        elif words[0].lower() == b"aws" and _starts_statement(tokens, position):
            found = _iam_trust(sql, tokens[position : position + _IAM_TOKENS + 1])
            if found is not None:
                trust, end = found
                text[token.start : end] = _INSTEAD_OF_IAM.ljust(end - token.start)
                trusts.append((token.start, trust))
    return Parsable(bytes(text), tuple(asyncs), tuple(trusts))


def _starts_statement(tokens: Sequence[Node], position: int) -> bool:
    return position == 0 or tokens[position - 1].token == _SEMICOLON


def _has_async(sql: bytes, tokens: Sequence[Node], position: int) -> bool:
    """Whether the ASYNC at this position is no name."""
    before = [token.token for token in tokens[max(position - 4, 0) : position]]
    if before[-2:] == [tree.ALTER, tree.TABLE] and _starts_statement(tokens, position - 2):
        after = tokens[position + 1 : position + 2]
        return bool(after) and sql[after[0].start : after[0].end].lower() not in _FORMS_OF_ALTER
    if before[-1:] != [tree.INDEX]:
        return False
    before.pop()
    if before[-1:] == [tree.UNIQUE]:
        before.pop()
    return before[-1:] == [tree.CREATE] and before[-2:-1] in ([], [_SEMICOLON])


def wrong_token(sql: bytes) -> WrongToken | None:
    """Where the first AWS IAM statement of a text that is none after all stops being one.

    It is wrong there only if what precedes that statement parses. None if there is no such one.
    Raises as `parsable` does.
    """
    tokens = [t for t in postgast.scan(sql.decode()).tokens if t.token not in COMMENTS]
    for position, token in enumerate(tokens):
        if _word(sql, token) != "aws" or not _starts_statement(tokens, position):
            continue
        right = _right(sql, tokens[position : position + _IAM_TOKENS + 1])
        rest = tokens[position + right :]
        if right == _IAM_TOKENS and (not rest or rest[0].token == _SEMICOLON):
            continue
        if not rest:
            return WrongToken(token.start, len(sql), "")
        wrong = rest[0]
        return WrongToken(token.start, wrong.start, sql[wrong.start : wrong.end].decode())
    return None


def _iam_trust(sql: bytes, tokens: Sequence[Node]) -> tuple[IamTrust, int] | None:
    """What AWS IAM GRANT role TO 'arn' says, and where it ends."""
    whole = _right(sql, tokens) == _IAM_TOKENS
    if not whole or any(token.token != _SEMICOLON for token in tokens[_IAM_TOKENS:]):
        return None
    role = sql[tokens[3].start : tokens[3].end].decode()
    name = role[1:-1].replace('""', '"') if role.startswith('"') else role.lower()
    arn = sql[tokens[5].start : tokens[5].end].decode()
    return IamTrust(_word(sql, tokens[2]) == "grant", name, arn), tokens[5].end


def _right(sql: bytes, tokens: Sequence[Node]) -> int:
    """How many of these tokens follow one another as in AWS IAM GRANT role TO 'arn'."""
    words = [_word(sql, token) for token in tokens]
    before_arn = "to" if words[2:3] == ["grant"] else "from"
    fits: tuple[Callable[[int], bool], ...] = (
        lambda at: words[at] == "aws",
        lambda at: words[at] == "iam",
        lambda at: words[at] in ("grant", "revoke"),
        lambda at: _is_name(tokens[at]),
        lambda at: words[at] == before_arn,
        lambda at: tokens[at].token == tree.SCONST,
    )
    for at, fit in enumerate(fits):
        if at >= len(tokens) or not fit(at):
            return at
    return _IAM_TOKENS


def _word(sql: bytes, token: Node) -> str:
    return sql[token.start : token.end].decode().lower()


def _is_name(token: Node) -> bool:
    is_word = token.keyword_kind not in (tree.NO_KEYWORD, tree.RESERVED_KEYWORD)
    return is_word or token.token == tree.IDENT

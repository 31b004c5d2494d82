"""Where the rows are that a statement locks, as questions that lock nothing. Pure.

Each SELECT of a text that locks rows becomes a question of its own, which tells the places of its
rows after its columns. What is left out becomes blanks.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import postgast
from postgast import pg_query_pb2 as tree

from dsqlkit.local.statements.quoting import quoted
from dsqlkit.local.statements.tokens import Token, tokens_of
from dsqlkit.local.statements.tree import WRITES, Node, ParsedStatement, parse

_STRENGTHS: Final = (
    (tree.UPDATE,),
    (tree.NO, tree.KEY, tree.UPDATE),
    (tree.SHARE,),
    (tree.KEY, tree.SHARE),
)
_WAITS: Final = ((tree.NOWAIT,), (tree.SKIP, tree.LOCKED))
_LIMITS: Final = (tree.LIMIT, tree.OFFSET, tree.FETCH)
_ROWS: Final = (tree.ROW, tree.ROWS)
_NO_LIMIT: Final = 2**63 - 1


class Places(NamedTuple):
    """A SELECT that locks nothing, and tells of `tables` tables where its rows are: table and
    place, after its own columns.

    `is_part`: it was taken out of a statement, and may need what that has around it. `calls` are
    the functions that it calls.
    """

    sql: bytes
    tables: int
    is_part: bool
    calls: frozenset[str]


class _Unsaid(Exception):
    """A text does not say by itself which rows are locked."""


class _Clause(NamedTuple):
    """A FOR UPDATE or FOR KEY SHARE: where it is, and the number of its first token."""

    start: int
    end: int
    at: int


def places_of(text: bytes, written: int) -> list[Places] | None:
    """What tells where all rows are that a statement has locked, and perhaps others; None where its
    text does not say. At most so many rows were written since it began: they may be in front of
    those by now."""
    parsed = parse(text)
    if len(parsed) != 1:
        return None
    tokens = tokens_of(text)
    clauses = list(_locking_clauses(tokens))
    bare = bytearray(text)
    for each in clauses:
        bare[each.start : each.end] = b" " * (each.end - each.start)
    try:
        parts = sorted({_select_around(parsed[0].name, tokens, each.at) for each in clauses})
        found = [_of_part(text, bytes(bare), part, parsed[0].nodes, written) for part in parts]
    except _Unsaid:
        return None
    return [each for each in found if each.tables]


def _locking_clauses(tokens: Sequence[Token]) -> Iterator[_Clause]:
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
                yield _Clause(tokens[start].start, tokens[end - 1].end, start)
                position = end
                break


def _select_around(name: str, tokens: Sequence[Token], at: int) -> tuple[int, int]:
    """From where to where the SELECT is, in a statement of this kind, that has a token as its
    own."""
    depth = tokens[at].depth
    if depth:
        before = next(each for each in reversed(tokens[:at]) if each.depth < depth)
        return before.end, next(each.start for each in tokens[at:] if each.depth < depth)
    end = tokens[-1].end
    if name == "select_stmt":
        return 0, end
    outer = [(one, two) for one, two in pairwise(tokens) if not one.depth]
    if name == "declare_cursor_stmt":
        return next(one.end for one, _ in outer if one.kind == tree.FOR), end
    if name != "insert_stmt":
        raise _Unsaid
    into = next(two.end for one, two in outer if one.kind == tree.INSERT)
    for one, two in outer:
        is_conflict = (one.kind, two.kind) == (tree.ON, tree.CONFLICT)
        if one.start > into and (is_conflict or one.kind == tree.RETURNING):
            end = min(end, one.start)
    starts = (tree.SELECT, tree.WITH)
    return next(one.start for one, _ in outer if one.start > into and one.kind in starts), end


def _of_part(
    text: bytes, bare: bytes, part: tuple[int, int], nodes: Sequence[Node], written: int
) -> Places:
    start, end = part
    select = _read(text[start:end])
    if select.name != "select_stmt" or select.node.op != tree.SETOP_NONE:
        raise _Unsaid
    common = _common_tables(select.nodes)
    named = {each.relname for each in select.nodes if each.DESCRIPTOR.name == "RangeVar"}
    if any(each.DESCRIPTOR.name in WRITES for each in select.nodes) or named.intersection(
        _common_tables(nodes) - common
    ):
        raise _Unsaid
    tables = list(_ranges(select.node.from_clause, _locked(select.node.locking_clause), common))
    calls = (each for each in select.nodes if each.DESCRIPTOR.name == "FuncCall")
    is_part = text[:start].strip() != b""
    sql = _telling(bare[start:end], bool(select.node.target_list), tables, written)
    return Places(sql, len(tables), is_part, frozenset(c.funcname[-1].string.sval for c in calls))


def _read(text: bytes) -> ParsedStatement:
    try:
        return parse(text)[0]
    except (postgast.PgQueryError, IndexError) as why:
        raise _Unsaid from why


def _common_tables(nodes: Sequence[Node]) -> set[str]:
    """What is named by a WITH."""
    return {each.ctename for each in nodes if each.DESCRIPTOR.name == "CommonTableExpr"}


def _locked(clauses: Sequence[Node]) -> set[str] | None:
    """The names of what is locked in a FROM; None for all of it."""
    named = [each.locking_clause.locked_rels for each in clauses]
    return {each.range_var.relname for some in named for each in some} if all(named) else None


def _ranges(
    items: Sequence[Node], locked: set[str] | None, common: Collection[str]
) -> Iterator[str]:
    """The names in a FROM by which the tables go whose rows are locked."""
    for item in items:
        kind = item.WhichOneof("node")
        each = getattr(item, kind)
        name = each.alias.aliasname if each.HasField("alias") else ""
        if kind == "range_var":
            name = name or each.relname
            is_common = not each.schemaname and each.relname in common
            if not is_common and (locked is None or name in locked):
                yield quoted(name)
        elif kind == "join_expr":
            if name:
                raise _Unsaid  # nothing in it has a name outside
            yield from _ranges([each.larg, each.rarg], locked, common)
        elif kind != "range_function" and (locked is None or name in locked):
            raise _Unsaid  # it is passed on to what is in there


def _telling(sql: bytes, has_columns: bool, tables: Sequence[str], written: int) -> bytes:
    tokens = tokens_of(sql)
    for number, (previous, token) in enumerate(pairwise(tokens), 1):
        if token.kind == tree.FROM and token.depth == 0 and previous.kind != tree.DISTINCT:
            added = ", ".join(f"{each}.tableoid, {each}.ctid" for each in tables)
            comma = ", " if has_columns else ""
            end, limit = _limit(sql, tokens[number:], written)
            start = token.start
            return sql[:start] + f"{comma}{added} ".encode() + sql[start:end] + limit
    if tables:
        raise _Unsaid
    return sql


def _limit(sql: bytes, tokens: Sequence[Token], written: int) -> tuple[int, bytes]:
    """Where the LIMIT of a SELECT begins, and what it is to be: rows that it has passed over are
    locked, too."""
    starts = [
        at
        for at, (previous, token) in enumerate(pairwise(tokens), 1)
        if token.kind in _LIMITS and token.depth == 0 and previous.kind != tree.ASCII_46
    ]
    clauses = [tokens[one:two] for one, two in pairwise([*starts, len(tokens)])]
    if not clauses or not (written or any(each[0].kind == tree.OFFSET for each in clauses)):
        return len(sql), b""
    parts = [str(written).encode()]
    is_limited = False
    for clause in clauses:
        words = [each for each in clause[1:] if each.kind != tree.ASCII_59]
        if clause[0].kind == tree.FETCH:
            if words[-1].kind != tree.ONLY:
                raise _Unsaid
            words = words[1:-1]
        if words and words[-1].kind in _ROWS:
            words.pop()
        is_all = [each.kind for each in words] == [tree.ALL]
        is_limited = is_limited or not (is_all or clause[0].kind == tree.OFFSET)
        if not is_all:
            value = sql[words[0].start : words[-1].end] if words else b"1"
            parts.append(b"(" + value + b")::pg_catalog.int8::pg_catalog.numeric")
    end = tokens[starts[0]].start
    if not is_limited:
        return end, b""
    # Without a limit it is null, which `least` leaves out.
    total = b" + ".join(parts)
    return end, b"LIMIT least(%d, %b)::pg_catalog.int8" % (_NO_LIMIT, total)

"""Rewriting SQL on its way to PostgreSQL, so that PostgreSQL itself answers as DSQL would.

A statement that DSQL refuses becomes one that fails while it is analysed, with an error that
carries DSQL's answer and that `refusal_in` reads back. So a refusal comes in its turn in a
pipeline, aborts a transaction, and gives way to 25P02 in an aborted one, all by PostgreSQL's own
rules.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import postgast
from postgast import pg_query_pb2 as tree

from dsqlkit.local.dialect import catalog
from dsqlkit.local.dialect import own_statements as own
from dsqlkit.local.dialect.refusal import Refusal, decide
from dsqlkit.local.dialect.rules import ANSWERS, CLAUSES, STATEMENTS
from dsqlkit.local.statements.own_syntax import parsable
from dsqlkit.local.statements.steps import End, Step
from dsqlkit.local.statements.tree import Node, nodes
from dsqlkit.local.wire import messages
from dsqlkit.local.wire.messages import SYNC

_CACHED_BYTES: Final = 8192
# A single statement of these is only refused for a few words. Not parsing them saves 30 us
# for each new one, and 6 ms for each 24 kB of literals, in which no other client is served.
_PLAIN: Final = re.compile(rb"\s*(insert|update|delete|with|select|values)\b", re.IGNORECASE)
_NEEDS_PARSING: Final = re.compile(
    rb";\s*\S|\b(for|merge|tablesample|dsqlkit)\b|\bpg_|^\s*(select|with)\b.*\binto\b",
    re.IGNORECASE | re.DOTALL,
)
_MARK: Final = "dsqlkit refuses"
_CARRIER: Final = re.compile(
    rf'invalid input syntax for type oid: "{_MARK} (?P<sqlstate>.{{5}}) (?P<message>.*)"', re.DOTALL
)
_NUMERIC: Final = re.compile(rb"(pg_catalog\s*\.\s*)?\"?(numeric|decimal|dec)\b\"?", re.IGNORECASE)
_LOCK_WAIT: Final = re.compile(rb"\b(nowait|locked)\b", re.IGNORECASE)


def rewrite(sql: bytes) -> bytes:
    """The text to run for a client's text: the same object when nothing is to be changed."""
    return _rewrite_cached(sql) if len(sql) <= _CACHED_BYTES else _rewrite(sql)


def refusal_in(message: str) -> Refusal | None:
    """The refusal that an error of PostgreSQL's carries, if it does."""
    found = _CARRIER.fullmatch(message)
    return Refusal(found["sqlstate"], found["message"]) if found else None


def _rewrite(sql: bytes) -> bytes:
    if _PLAIN.match(sql) and not _NEEDS_PARSING.search(sql):
        return sql
    text = sql
    try:
        source = parsable(sql)
        text = source.text
        parsed = postgast.parse(text.decode())
    except (postgast.PgQueryError, UnicodeDecodeError):
        return text  # PostgreSQL says what is wrong with it
    pieces = []
    done = 0
    for raw in parsed.stmts:
        start = raw.stmt_location
        end = start + raw.stmt_len if raw.stmt_len else len(text)
        trust = source.trust(start, end)
        if trust is not None:
            edits = [(start, end, own.trust(trust).encode())]
        else:
            edits = _edits(raw.stmt, text, start, end, source.is_async(start, end))
        for at, until, replacement in edits:
            pieces += [text[done:at], replacement]
            done = until
    return b"".join([*pieces, text[done:]]) if pieces else sql


_rewrite_cached = lru_cache(maxsize=2048)(_rewrite)


def _edits(
    statement: Node, text: bytes, start: int, end: int, is_async: bool
) -> list[tuple[int, int, bytes]]:
    """What to replace in the statement that is text[start:end]: from, to, by what."""
    kind = statement.WhichOneof("node")
    if kind is None:
        return []
    node = getattr(statement, kind)
    refusal = None
    if is_async and not getattr(node, "concurrent", False):
        answer = own.asynchronous(node, text[start:end])
        if isinstance(answer, str):
            return [(start, end, answer.encode())]
        refusal = answer
    refusal = refusal or _refusal(kind, node, text[start:end])
    if refusal is not None:
        return [(start, end, failing(refusal).encode())]
    if kind == "variable_show_stmt" and node.name.lower() in ANSWERS:
        name = node.name.lower()
        return [(start, end, f"SELECT dsqlkit.show('{name}') AS {name}".encode())]
    if kind == "drop_stmt" and node.remove_type == tree.OBJECT_INDEX:
        call = own.drop_index(node)
        return [] if call is None else [(start, end, call.encode())]
    edits = [
        *((at, at, b"(18,6)") for at in _bare_numerics(kind, node, text)),
        *((at, until, b" " * (until - at)) for at, until in _lock_waits(node, text, start, end)),
        *((at, until, b"USER") for at, until in _all_triggers(kind, node, text, start, end)),
    ]
    # A view keeps what it names, and would show it to whoever looks at its definition.
    if kind != "view_stmt" and b"pg_" in text[start:end].lower():
        edits += catalog.filtered(nodes(node), text)
    return sorted(edits)


def _refusal(kind: str, node: Node, text: bytes) -> Refusal | None:
    refusal = decide(STATEMENTS.get(kind), node)
    if refusal is not None:
        return refusal
    lower = text.lower()
    wanted = {
        name: rule
        for name, (words, rule) in CLAUSES.items()
        if any(word in lower for word in words)
    }
    if wanted:
        for found in nodes(node):
            refusal = decide(wanted.get(found.DESCRIPTOR.name), found)
            if refusal is not None and not catalog.describes(found, lower):
                return refusal
    return None


def failing(refusal: Refusal) -> str:
    """A statement that fails while it is analysed, with an error that carries the answer."""
    carried = f"{_MARK} {refusal.sqlstate} {refusal.message}".replace("'", "''").replace(
        "\\", "\\\\"
    )
    return f"SELECT pg_catalog.oid E'{carried}'"


def _bare_numerics(kind: str, node: Node, text: bytes) -> Iterator[int]:
    """Where a column's type is numeric without a precision, which DSQL takes as numeric(18,6)."""
    if kind == "create_stmt":
        columns = [element.column_def for element in node.table_elts]
    elif kind == "create_schema_stmt":
        made = [element.create_stmt for element in node.schema_elts]
        columns = [element.column_def for table in made for element in table.table_elts]
    elif kind == "alter_table_stmt":
        columns = [getattr(command.alter_table_cmd, "def").column_def for command in node.cmds]
    else:
        return
    for column in columns:
        declared = column.type_name
        if [name.string.sval for name in declared.names] != ["pg_catalog", "numeric"]:
            continue
        if not declared.typmods and not declared.array_bounds:
            found = _NUMERIC.match(text, declared.location)
            if found:
                yield found.end()


def _all_triggers(
    kind: str, node: Node, text: bytes, start: int, end: int
) -> Iterator[tuple[int, int]]:
    """Where ENABLE or DISABLE TRIGGER says ALL: there are none but those of the endpoint."""
    if kind != "alter_table_stmt" or not any(
        command.alter_table_cmd.subtype in (tree.AT_EnableTrigAll, tree.AT_DisableTrigAll)
        for command in node.cmds
    ):
        return
    before = None
    for token in postgast.scan(text[start:end].decode()).tokens:
        if token.token == tree.ALL and before == tree.TRIGGER:
            yield start + token.start, start + token.end
        before = token.token


def _lock_waits(node: Node, text: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where a locking clause says NOWAIT or SKIP LOCKED, of which nothing comes where nobody locks.

    DSQL's grammar takes both. What they do there was not recorded.
    """
    if not _LOCK_WAIT.search(text, start, end) or all(
        found.DESCRIPTOR.name != "LockingClause" or found.wait_policy == tree.LockWaitBlock
        for found in nodes(node)
    ):
        return
    previous = None
    for token in postgast.scan(text[start:end].decode()).tokens:
        if token.token == tree.NOWAIT:
            yield start + token.start, start + token.end
        elif token.token == tree.LOCKED and previous is not None and previous.token == tree.SKIP:
            yield start + previous.start, start + token.end
        previous = token


def refused(step: Step, refusal: Refusal) -> bytes:
    """Frames to send in place of a step, that fail with this answer."""
    sql = failing(refusal).encode()
    if step.is_query:
        return messages.message(b"Q", sql + b"\0")
    return messages.message(b"P", b"\0" + sql + b"\0\0\0") + (SYNC if step.end is End.SYNC else b"")

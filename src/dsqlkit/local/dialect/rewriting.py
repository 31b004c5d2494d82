"""Rewriting SQL on its way to PostgreSQL, so that PostgreSQL itself answers as DSQL would.

A statement that DSQL refuses becomes one that fails with DSQL's answer (carried.py).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

import postgast
from postgast import pg_query_pb2 as tree

from dsqlkit.local.dialect import catalog, names_in_text, parameters
from dsqlkit.local.dialect import own_statements as own
from dsqlkit.local.dialect.carried import failing
from dsqlkit.local.dialect.create_table import USING
from dsqlkit.local.dialect.index_async import names_method
from dsqlkit.local.dialect.refusal import Refusal, Rule, decide
from dsqlkit.local.dialect.rules import CLAUSES, STATEMENTS, WITHOUT_ASYNC
from dsqlkit.local.statements.making import body_of
from dsqlkit.local.statements.own_syntax import Parsable
from dsqlkit.local.statements.quoting import literal
from dsqlkit.local.statements.tree import Node, ParsedStatement, nodes, parse

_NUMERIC: Final = re.compile(rb"(pg_catalog\s*\.\s*)?\"?(numeric|decimal|dec)\b\"?", re.IGNORECASE)
_LOCK_WAIT: Final = re.compile(rb"\b(nowait|locked)\b", re.IGNORECASE)


def _one_of(words: Iterable[bytes]) -> re.Pattern[bytes]:
    ends = (re.escape(word) + (b"" if word.endswith(b"_") else rb"\b") for word in words)
    return re.compile(rb"\b(?:" + b"|".join(ends) + b")")


_WORDS: Final = {name: _one_of(words) for name, (words, _) in CLAUSES.items()}
_ANY_WORD: Final = _one_of(word for words, _ in CLAUSES.values() for word in words)
"""Most statements have none of them, and none of their clauses is looked at."""
_EVERY_RULE: Final = {name: rule for name, (_, rule) in CLAUSES.items()}
_LITERALS: Final = (tree.SCONST, tree.USCONST)
_ESCAPED_NAME: Final = b'u&"'
"""Begins a name that may be any, however it is written."""


class Edit(NamedTuple):
    """What to put in place of a part of a text, from one byte to another."""

    start: int
    end: int
    replacement: bytes


def edits(parsed: ParsedStatement, source: Parsable) -> list[Edit]:  # noqa: PLR0911 - a table
    """What to replace in a statement of a text, in order."""
    start, end, text, node = parsed.start, parsed.end, source.text, parsed.node
    trust = source.trust(start, end)
    if trust is not None:
        return [Edit(start, end, own.trust(trust).encode())]
    refusal = None
    if source.is_async(start, end) and not getattr(node, "concurrent", False):
        answer = own.asynchronous(node, text[start:end])
        if isinstance(answer, str):
            return [Edit(start, end, answer.encode())]
        refusal = answer
    elif parsed.name == "index_stmt" and not node.concurrent and names_method(text[start:end]):
        refusal = USING
    lower = text[start:end].lower()
    refusal = refusal or _refusal(parsed, lower)
    if refusal is not None:
        return [Edit(start, end, failing(refusal).encode())]
    if parsed.name == "index_stmt":
        return [Edit(start, end, own.index_at_once(node, text[start:end]).encode())]
    shown = node.name.lower() if parsed.name == "variable_show_stmt" else ""
    if shown in parameters.SHOWN or shown in parameters.KEPT_AS:
        name = shown
        return [Edit(start, end, f"SELECT dsqlkit.show('{name}') AS {name}".encode())]
    if parsed.name == "drop_stmt" and node.remove_type == tree.OBJECT_INDEX:
        call = own.drop_index(node)
        return [] if call is None else [Edit(start, end, call.encode())]
    found = [
        *(Edit(at, at, b"(18,6)") for at in _bare_numerics(parsed.name, node, text)),
        *(Edit(at, until, b" " * (until - at)) for at, until in _lock_waits(parsed, text)),
        *(Edit(at, until, b"USER") for at, until in _all_triggers(parsed, text)),
        *(Edit(*each) for each in parameters.kept_names(parsed.nodes, text, start, end)),
    ]
    if b"pg_" in lower or _ESCAPED_NAME in lower:
        found += (Edit(*each) for each in catalog.seen(parsed, text))
        found += _body_as_seen(parsed, text)
    if b"to_reg" in lower and catalog.OWN_SCHEMA.encode() in lower:
        found += (Edit(*each) for each in names_in_text.looked_up(parsed, text))
    return sorted(found)


def edited(text: bytes, changes: Iterable[Edit], start: int, end: int) -> bytes:
    """The part of a text from `start` to `end` with these changes, which are in order."""
    pieces = []
    for change in changes:
        pieces += [text[start : change.start], change.replacement]
        start = change.end
    return b"".join([*pieces, text[start:end]])


def _refusal(parsed: ParsedStatement, lower: bytes) -> Refusal | None:
    refusal = decide(STATEMENTS.get(parsed.name), parsed.node)
    depends = parsed.name == "index_stmt" and refusal == WITHOUT_ASYNC
    if refusal is not None and not depends:
        return refusal
    wanted = _clause_rules(lower)
    if not wanted:
        return None
    for found in (*parsed.nodes, *_in_body(parsed)):
        refusal = decide(wanted.get(found.DESCRIPTOR.name), found)
        if refusal is not None:
            return refusal
    return None


def _in_body(parsed: ParsedStatement) -> Iterator[Node]:
    """The nodes of a function's body, where that is a text. That it is looked at when the function
    is made was not recorded; PostgreSQL does."""
    if parsed.name == "create_function_stmt":
        for statement in body_of(parsed.node):
            yield from nodes(statement)


def _clause_rules(lower: bytes) -> Mapping[str, Rule]:
    """The rules about clauses that may apply to a text, in lower case."""
    if _ESCAPED_NAME in lower:
        return _EVERY_RULE
    if not _ANY_WORD.search(lower):
        return {}
    return {name: rule for name, rule in _EVERY_RULE.items() if _WORDS[name].search(lower)}


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


def _all_triggers(parsed: ParsedStatement, text: bytes) -> Iterator[tuple[int, int]]:
    """Where ENABLE or DISABLE TRIGGER says ALL: there are none but those of the endpoint."""
    if parsed.name != "alter_table_stmt" or not any(
        command.alter_table_cmd.subtype in (tree.AT_EnableTrigAll, tree.AT_DisableTrigAll)
        for command in parsed.node.cmds
    ):
        return
    start = parsed.start
    before = None
    for token in postgast.scan(text[start : parsed.end].decode()).tokens:
        if token.token == tree.ALL and before == tree.TRIGGER:
            yield start + token.start, start + token.end
        before = token.token


def _body_as_seen(parsed: ParsedStatement, text: bytes) -> Iterator[Edit]:
    """The body of a function, where that is a text that reads the catalog, as it is to be run."""
    if parsed.name != "create_function_stmt":
        return
    for option in (each.def_elem for each in parsed.node.options):
        if option.defname != "as":
            continue
        body = option.arg.list.items[0].string.sval.encode()
        try:
            places = [Edit(*place) for each in parse(body) for place in catalog.seen(each, body)]
        except postgast.PgQueryError:
            return  # PostgreSQL says what is wrong with it
        tokens = postgast.scan(text[parsed.start : parsed.end].decode()).tokens
        literals = [
            token
            for token in tokens
            if token.token in _LITERALS and parsed.start + token.start > option.location
        ]
        if places and literals:
            seen = edited(body, sorted(places), 0, len(body)).decode()
            first = literals[0]
            yield Edit(parsed.start + first.start, parsed.start + first.end, literal(seen).encode())


def _lock_waits(parsed: ParsedStatement, text: bytes) -> Iterator[tuple[int, int]]:
    """Where a locking clause says NOWAIT or SKIP LOCKED, of which nothing comes where nobody locks.

    DSQL's grammar takes both. What they do there was not recorded.
    """
    start, end = parsed.start, parsed.end
    if not _LOCK_WAIT.search(text, start, end) or all(
        found.DESCRIPTOR.name != "LockingClause" or found.wait_policy == tree.LockWaitBlock
        for found in parsed.nodes
    ):
        return
    previous = None
    for token in postgast.scan(text[start:end].decode()).tokens:
        if token.token == tree.NOWAIT:
            yield start + token.start, start + token.end
        elif token.token == tree.LOCKED and previous is not None and previous.token == tree.SKIP:
            yield start + previous.start, start + token.end
        previous = token

"""PostgreSQL's parse tree: the statements of a text, and the nodes of a statement."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from postgast import pg_query_pb2 as tree

from dsqlkit import sql_parser

Node: TypeAlias = Any
"""A node of the parse tree; the parser's classes are made at run time and carry no types."""


_LEAVES: Final = frozenset({"a_const", "string", "integer", "float", "boolean", "bit_string"})
WRITES: Final = frozenset({"InsertStmt", "UpdateStmt", "DeleteStmt"})
"""The nodes that write rows, wherever they are in a statement."""


@dataclass(frozen=True, slots=True)
class ParsedStatement:
    """One statement of a text: the name of its kind, its root, all its nodes with the root first,
    and from where to where it is in the text, in bytes."""

    name: str
    node: Node
    nodes: tuple[Node, ...]
    start: int
    end: int


def parse(text: bytes) -> list[ParsedStatement]:
    """The statements of a text. Raises postgast.PgQueryError and UnicodeDecodeError."""
    found = []
    for raw in sql_parser.parse(text.decode()).stmts:
        name = raw.stmt.WhichOneof("node")
        node = getattr(raw.stmt, name)
        start = raw.stmt_location
        end = start + raw.stmt_len if raw.stmt_len else len(text)
        found.append(ParsedStatement(name, node, tuple(nodes(node)), start, end))
    return found


def leaves_alone(insert: Node) -> bool:
    """Whether an INSERT leaves the rows alone whose key is there: ON CONFLICT DO NOTHING."""
    clause = insert.on_conflict_clause
    return bool(clause.action == tree.ONCONFLICT_NOTHING)


def mixes_upsert(statements: Sequence[ParsedStatement]) -> bool:
    """Whether an INSERT ... ON CONFLICT is part of a text that does more."""
    written = (each for statement in statements for each in statement.nodes)
    writes = [each for each in written if each.DESCRIPTOR.name in WRITES]
    upserts = [
        each
        for each in writes
        if each.DESCRIPTOR.name == "InsertStmt" and each.HasField("on_conflict_clause")
    ]
    is_all = len(statements) == len(writes) == 1 and statements[0].name == "insert_stmt"
    return bool(upserts) and not is_all


def nodes(node: Node) -> Iterator[Node]:
    """The node and every one below it, parents before children, without constants and single names:
    a list may have a million of them."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if type(each) is tree.Node:  # around one of any kind, in a list or as an operand
            name = each.WhichOneof("node")
            if name is not None and name not in _LEAVES:
                waiting.append(getattr(each, name))
            continue
        yield each
        for field, value in reversed(each.ListFields()):
            if field.message_type is not None:
                waiting.extend(reversed(value) if field.is_repeated else (value,))

"""What a statement makes that others may use, as far as its use may write rows. Pure."""

from collections.abc import Iterator

import postgast

from dsqlkit import sql_parser
from dsqlkit.local.statements.statement import Made
from dsqlkit.local.statements.tree import WRITES, Node, ParsedStatement, nodes


def made_by(parsed: ParsedStatement) -> Made | None:
    """The function, view or table that a statement makes or changes; None where it uses nothing."""
    name = _name(parsed)
    if not name:
        return None
    uses: set[str] = set()
    writes = False
    for found in _with_body(parsed):
        kind = found.DESCRIPTOR.name
        writes = writes or kind in WRITES
        if kind == "FuncCall":
            uses.add(found.funcname[-1].string.sval)
        elif kind == "RangeVar":
            uses.add(found.relname)
    uses.discard(name)
    return Made(name, frozenset(uses), writes) if uses or writes else None


def body_of(node: Node) -> list[Node]:
    """The statements that a function in SQL has for its body; none where PostgreSQL is to say what
    is wrong with it."""
    if node.HasField("sql_body"):
        atomic = node.sql_body.list.items
        return list(atomic[0].list.items) if atomic else []
    for option in (each.def_elem for each in node.options):
        if option.defname == "as":
            try:
                body = sql_parser.parse(option.arg.list.items[0].string.sval)
            except postgast.PgQueryError:
                return []
            return [raw.stmt for raw in body.stmts]
    return []


def _name(parsed: ParsedStatement) -> str:
    node = parsed.node
    if parsed.name == "create_function_stmt":
        return str(node.funcname[-1].string.sval)
    if parsed.name == "view_stmt":
        return str(node.view.relname)
    if parsed.name in ("create_stmt", "alter_table_stmt"):
        return str(node.relation.relname)
    return ""


def _with_body(parsed: ParsedStatement) -> Iterator[Node]:
    yield from parsed.nodes
    if parsed.name == "create_function_stmt":
        for statement in body_of(parsed.node):
            yield from nodes(statement)

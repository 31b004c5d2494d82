"""Telling from its text whether a statement begins or ends a transaction, writes, locks or changes
the schema, and which tables it names. Pure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import postgast
from postgast import pg_query_pb2 as tree

from dsqlkit.local.statements.explained import explained
from dsqlkit.local.statements.making import made_by
from dsqlkit.local.statements.own_syntax import Parsable
from dsqlkit.local.statements.quoting import qualified
from dsqlkit.local.statements.statement import EVERY_TABLE, UNBOUNDED, Kind, Statement
from dsqlkit.local.statements.tokens import COMMENTS
from dsqlkit.local.statements.tree import WRITES, Node, ParsedStatement, leaves_alone

_FEW: Final = 1000
"""Rows of a VALUES list from which on it is counted what was changed."""

_TRANSACTION: Final = {
    tree.TRANS_STMT_BEGIN: Kind.BEGIN,
    tree.TRANS_STMT_START: Kind.BEGIN,
    tree.TRANS_STMT_COMMIT: Kind.COMMIT,
    tree.TRANS_STMT_ROLLBACK: Kind.ROLLBACK,
}
_WRITING: Final = (Kind.WRITE, Kind.COPY_IN)
_APART: Final = (Kind.BEGIN, Kind.COMMIT, Kind.ROLLBACK, Kind.COPY_IN)
_SCROLL: Final = 0x0002  # CURSOR_OPT_SCROLL of PostgreSQL's parsenodes.h
_BY_NODE: Final = {
    "insert_stmt": Kind.WRITE,
    "update_stmt": Kind.WRITE,
    "delete_stmt": Kind.WRITE,
    "select_stmt": Kind.READ,
    "explain_stmt": Kind.READ,
    "variable_set_stmt": Kind.SETTING,
    "declare_cursor_stmt": Kind.CURSOR,
    "fetch_stmt": Kind.READ,
    "close_portal_stmt": Kind.READ,
    # Of a name too. That was not recorded: AWS's grammar for its linter has none there, but it was
    # made of statements that succeeded, and without PREPARE a text alone cannot. PHP's PDO (up to
    # 8.3) sends it inside transactions, in AWS's example too, which then reads what it wrote.
    "deallocate_stmt": Kind.READ,
}
_WAITS: Final = (("sys", "wait_for_job"), ("wait_for_job",))
_SCHEMA_STARTS: Final = (
    *("create", "alter", "drop", "index", "view", "rename", "grant", "comment", "define"),
)
_TRUSTS: Final = frozenset({"iam_pg_role_mappings"})
"""What AWS IAM GRANT and REVOKE change."""


def analyse(parsed: Sequence[ParsedStatement], source: Parsable) -> list[Statement]:
    """What each statement of a text is."""
    return [_statement(each, source) for each in parsed]


def together(statements: Sequence[Statement]) -> Statement:
    """What a text of these statements is."""
    if len(statements) == 1:
        return statements[0]
    kind = max((each.kind for each in statements), key=lambda each: each.value, default=Kind.OTHER)
    if any(each.kind in _APART or each.explained is not None for each in statements):
        kind = Kind.MIXED
    return Statement(
        kind,
        tuple(each.kind for each in statements),
        tables=frozenset().union(*(each.tables for each in statements)),
        claimed=frozenset().union(*(each.claimed for each in statements)),
        locked=frozenset().union(*(each.locked for each in statements)),
        shared=frozenset().union(*(each.shared for each in statements)),
        qualified=tuple(span for each in statements for span in each.qualified),
        many=len(statements) > 1,
        inserts=any(each.inserts for each in statements),
        deletes=any(each.deletes for each in statements),
        scrolls=any(each.scrolls for each in statements),
        calls=frozenset().union(*(each.calls for each in statements)),
        most=sum(each.most for each in statements),
        nested=any(each.nested for each in statements),
        changes=frozenset().union(*(each.changes for each in statements)),
        made=next((each.made for each in statements if each.made is not None), None),
        optional=sum(each.optional for each in statements),
    )


def _verb(name: str, kind: Kind) -> str:
    if name == "transaction_stmt":
        return kind.name
    return name.removesuffix("_stmt").removeprefix("variable_").replace("_", " ").upper()


def _kind(name: str, node: Node) -> Kind:
    if name == "transaction_stmt":
        return _TRANSACTION.get(node.kind, Kind.OTHER)
    if name == "copy_stmt":
        return Kind.COPY_IN if node.is_from else Kind.READ
    if name.startswith(_SCHEMA_STARTS) and not name.startswith("create_table_as"):
        return Kind.SCHEMA
    if name == "call_stmt":
        return Kind.WAIT if _called(node) in _WAITS else Kind.OTHER
    if name == "vacuum_stmt":
        return Kind.OTHER if node.is_vacuumcmd else Kind.ANALYZE
    return _BY_NODE.get(name, Kind.OTHER)


def _called(call: Node) -> tuple[str, ...]:
    return tuple(part.string.sval for part in call.funccall.funcname)


def _statement(parsed: ParsedStatement, source: Parsable) -> Statement:
    node = parsed.node
    kind = _kind(parsed.name, node)
    verb = _verb(parsed.name, kind)
    if source.trust(parsed.start, parsed.end) is not None:
        return Statement(kind, (kind,), _TRUSTS, verb=verb)
    if kind is Kind.BEGIN:
        plain = node.kind == tree.TRANS_STMT_BEGIN and not node.options
        return Statement(kind, (kind,), plain=plain, verb=verb)
    if kind in (Kind.COMMIT, Kind.ROLLBACK, Kind.SETTING, Kind.OTHER, Kind.ANALYZE, Kind.WAIT):
        return Statement(kind, (kind,), verb=verb, made=made_by(parsed))
    statement = _with_tables(kind, verb, parsed, source.text)
    if parsed.name != "explain_stmt":
        # What a view will read, its statement does not change.
        is_view = parsed.name == "view_stmt"
        return replace(statement, tables=frozenset((node.view.relname,))) if is_view else statement
    asked = explained(node, parsed.nodes, source.text[: parsed.end], _begin(parsed, source.text))
    if asked is None:
        return statement
    return replace(statement.moved(asked.longer), explained=asked)


def _begin(parsed: ParsedStatement, text: bytes) -> int:
    """Where a statement's first word is: what is before it may be a comment."""
    tokens = postgast.scan(text[parsed.start : parsed.end].decode()).tokens
    first = next(token for token in tokens if token.token not in COMMENTS)
    return parsed.start + int(first.start)


def _with_tables(kind: Kind, verb: str, parsed: ParsedStatement, text: bytes) -> Statement:
    tables: dict[str, str] = {}
    written: set[str] = set()
    schemas: list[tuple[int, int]] = []
    calls: set[str] = set()
    told: set[int] = set()
    changes: set[tuple[str, str]] = set()
    locks = for_update = inserts = deletes = False
    writers = most = 0
    for found in parsed.nodes:
        name = found.DESCRIPTOR.name
        if name == "RangeVar" and found.location not in told:
            tables[found.relname] = qualified(found)
            if found.schemaname:
                schemas.append(_schema_span(found.location, text))
        elif name in WRITES:
            writers += 1
            written.add(qualified(found.relation))
            inserts = inserts or name == "InsertStmt"
            deletes = deletes or name == "DeleteStmt"
            changes.update((found.relation.relname, column) for column in _changed(found))
            most += (name == "InsertStmt" and _listed(found)) or UNBOUNDED
        elif name == "CopyStmt" and found.is_from:
            written.add(qualified(found.relation))
            inserts = True
            most = UNBOUNDED
        elif name == "FuncCall":
            calls.add(found.funcname[-1].string.sval)
        elif name == "LockingClause":
            locks = True
            # After OF, what is in FROM is named again, perhaps by its alias.
            told.update(each.range_var.location for each in found.locked_rels)
            for_update = for_update or found.strength == tree.LCS_FORUPDATE
        elif name == "GrantStmt" and found.targtype == tree.ACL_TARGET_ALL_IN_SCHEMA:
            tables[EVERY_TABLE] = ""
        elif name == "DropStmt":
            tables.update((each, each) for each in _dropped(found))
    if kind is Kind.READ and written:
        kind = Kind.WRITE
    elif kind is Kind.READ and locks:
        kind = Kind.LOCK
    if kind not in _WRITING:
        most = 0
    root = parsed.node.DESCRIPTOR.name
    says_all = writers == 1 and root in WRITES
    return Statement(
        kind,
        (kind,),
        tables=frozenset(tables),
        claimed=frozenset(written.union(tables.values()) if locks else written),
        locked=frozenset(tables.values()) if for_update else frozenset(),
        shared=frozenset(tables.values()) if locks and not for_update else frozenset(),
        qualified=tuple(sorted(schemas)),
        many=most > _FEW,
        inserts=inserts,
        deletes=deletes,
        scrolls=kind is Kind.CURSOR and bool(parsed.node.options & _SCROLL),
        verb=verb,
        calls=frozenset(calls),
        most=most,
        nested=kind is Kind.WRITE and not says_all,
        made=made_by(parsed) if kind is Kind.SCHEMA else None,
        changes=frozenset(changes),
        spares=writers == 1 and root == "InsertStmt" and leaves_alone(parsed.node),
        optional=_optional(parsed.node) if kind is Kind.SCHEMA else 0,
    )


def _optional(node: Node) -> int:
    """How many parts of a change of schema have to be skipped for it to change nothing."""
    name = node.DESCRIPTOR.name
    if name == "AlterTableStmt":
        parts = [each.alter_table_cmd.missing_ok for each in node.cmds]
        if node.missing_ok and not any(parts):
            return 1  # the table is not there
        return len(parts) if all(parts) else 0
    if getattr(node, "missing_ok", False):
        return len(node.objects) if name == "DropStmt" else 1
    return int(getattr(node, "if_not_exists", False))


def _changed(write: Node) -> Iterator[str]:
    """The columns that a write changes in rows that are there; an empty name for one that deletes
    them."""
    if write.DESCRIPTOR.name == "DeleteStmt":
        yield ""
        return
    is_insert = write.DESCRIPTOR.name == "InsertStmt"
    targets = write.on_conflict_clause.target_list if is_insert else write.target_list
    for each in targets:
        yield each.res_target.name


def _listed(insert: Node) -> int:
    """How many rows an INSERT lists; 0 if it takes them from a query."""
    return len(insert.select_stmt.select_stmt.values_lists)


def _dropped(node: Node) -> Iterator[str]:
    for target in node.objects:
        if target.WhichOneof("node") == "list":
            yield target.list.items[-1].string.sval


def _schema_span(location: int, text: bytes) -> tuple[int, int]:
    """From where a schema's name begins to where the table's does."""
    end = text.find(b".", location)
    while text[location : location + 1] == b'"' and text.count(b'"', location, end) % 2:
        end = text.find(b".", end + 1)
    end += 1
    while text[end : end + 1].isspace():
        end += 1
    return location, end

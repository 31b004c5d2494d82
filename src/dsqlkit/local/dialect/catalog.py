"""The system catalog: what clients are not to see of the endpoint's own, wherever it is named.

Statements that read a relation of PostgreSQL's in which something of ours would show read a view of
it instead (server/sql/seen.sql), which shows it as a real cluster's. Which relations a cluster has
is known from live runs of 2026 and AWS's own tests; the user guide's older list of those that are
missing is out of date.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import postgast
from postgast import pg_query_pb2 as tree

from dsqlkit.local.dialect.refusal import Refusal
from dsqlkit.local.statements.tree import Node, ParsedStatement

OWN_SCHEMA: Final = "dsqlkit"
"""How the names of the endpoint's schemas begin."""

ROWS_SCHEMA: Final = "dsqlkit_rows"
"""The schema of all overlays' rows: tables named after the oid of theirs."""

UPSERT_TABLE: Final = "dsqlkit upsert"
"""The temporary table of an INSERT ... ON CONFLICT at overlays (server/sql/overlays.sql)."""

OWN_TABLES: Final = frozenset(
    {
        "answer",
        "coming_index",
        "dropped_build",
        "heavy",
        "job",
        "key",
        "loser",
        "next_command",
        "overlaid",
        "parameter",
        "role_mapping",
    }
)
"""The endpoint's tables in that schema. Those of overlays are named after an oid."""

SEEN: Final = frozenset(
    {
        "pg_am",
        "pg_amop",
        "pg_attrdef",
        "pg_attribute",
        "pg_available_extension_versions",
        "pg_available_extensions",
        "pg_class",
        "pg_constraint",
        "pg_cursors",
        "pg_depend",
        "pg_event_trigger",
        "pg_index",
        "pg_inherits",
        "pg_locks",
        "pg_namespace",
        "pg_opclass",
        "pg_opfamily",
        "pg_prepared_statements",
        "pg_proc",
        "pg_rewrite",
        "pg_sequence",
        "pg_shdepend",
        "pg_stat_activity",
        "pg_stat_ssl",
        "pg_statistic_ext",
        "pg_stats",
        "pg_trigger",
        "pg_type",
    }
)
"""Relations of which clients see a view."""

_PROBED: Final = "dsqlkit_probe_"
"""How the names of schemas begin that `dsqlkit probe` makes, as any client does."""
_SEEN_SCHEMA: Final = b"dsqlkit_seen"
_WHOLE_SCHEMA: Final = b"dsqlkit_seen_whole"
SYSTEM_COLUMN: Final = re.compile(rb"\b(tableoid|[xc]m(in|ax))\b", re.IGNORECASE)
"""One of the columns that every table of PostgreSQL's has, and no view. DSQL refuses ctid."""

_READERS: Final = frozenset(
    {
        "call_stmt",
        "copy_stmt",
        "create_function_stmt",
        "create_schema_stmt",
        "declare_cursor_stmt",
        "delete_stmt",
        "insert_stmt",
        "select_stmt",
        "update_stmt",
        "view_stmt",
    }
)
"""Statements that read what they name. EXPLAIN is none: its plan would show the view's."""

_WRITERS: Final = frozenset({"DeleteStmt", "InsertStmt", "UpdateStmt"})
_QUALIFIED: Final = 2


class Place(NamedTuple):
    """What to put in place of a part of a text, from one byte to another."""

    start: int
    end: int
    replacement: bytes


def is_own_schema(name: str) -> bool:
    """Whether the endpoint alone has schemas of such names."""
    return name.startswith(OWN_SCHEMA) and not name.startswith(_PROBED)


def relation(node: Node) -> Refusal | None:
    """The answer to a statement that names a table, view or sequence (a RangeVar)."""
    if not node.schemaname.startswith(OWN_SCHEMA):
        return None
    return Refusal("42P01", f'relation "{node.schemaname}.{node.relname}" does not exist')


def function(node: Node) -> Refusal | None:
    """The answer to a statement that calls a function or procedure (a FuncCall)."""
    schema = node.funcname[0].string.sval if len(node.funcname) > 1 else ""
    if schema.startswith(OWN_SCHEMA):
        return Refusal("3F000", f'schema "{schema}" does not exist')
    return None


def type_name(node: Node) -> Refusal | None:
    """The answer to a statement that names a type (a TypeName)."""
    schema = node.names[0].string.sval if len(node.names) > 1 else ""
    if schema.startswith(OWN_SCHEMA):
        return Refusal("3F000", f'schema "{schema}" does not exist')
    return None


def reserved(kind: str, name: str) -> Refusal | None:
    """The answer to whoever calls a schema so, or a role: `"$user"` on a search path is the schema
    of a role's name. The SQLSTATE is that of PostgreSQL's own reserved names."""
    if not is_own_schema(name):
        return None
    return Refusal(
        "42939",
        f'{kind} name "{name}" is reserved: those that begin with "{OWN_SCHEMA}" are the local'
        " cluster's own",
    )


def seen(parsed: ParsedStatement, text: bytes) -> Iterator[Place]:
    """Where a statement of a text names a relation that clients see as a view, and the view."""
    if parsed.name not in _READERS:
        return
    start, end = parsed.start, parsed.end
    schema = _WHOLE_SCHEMA if SYSTEM_COLUMN.search(text, start, end) else _SEEN_SCHEMA
    written = {node.relation.location for node in parsed.nodes if node.DESCRIPTOR.name in _WRITERS}
    names = {location: name for location, name in _named(parsed.nodes) if location not in written}
    if not names:
        return
    tokens = [_shifted(token, start) for token in postgast.scan(text[start:end].decode()).tokens]
    copied = parsed.node.relation.location if parsed.name == "copy_stmt" else -1
    for position, token in enumerate(tokens):
        at = token[0]
        if at not in names:
            continue
        is_qualified = _text(text, token) == b"pg_catalog"
        last = position + (_QUALIFIED if is_qualified else 0)
        view = schema + b"." + names[at].encode()
        if at == copied:
            columns, until = _column_list(tokens, last, text)
            yield Place(at, until, b"(SELECT " + columns + b" FROM " + view + b")")
        else:
            yield Place(at, tokens[last][1], view)


Token = tuple[int, int, int]
"""From where to where it is in a text, and its kind."""


def _shifted(token: Node, by: int) -> Token:
    return token.start + by, token.end + by, token.token


def _text(text: bytes, token: Token) -> bytes:
    return text[token[0] : token[1]].strip(b'"').lower()


def _named(nodes: Iterable[Node]) -> Iterator[tuple[int, str]]:
    """Where relations that clients see as views are named, and which."""
    for node in nodes:
        if node.DESCRIPTOR.name == "RangeVar":
            schema, name = node.schemaname, node.relname
        elif node.DESCRIPTOR.name == "ColumnRef" and len(node.fields) > _QUALIFIED:
            schema, name = (field.string.sval for field in node.fields[:_QUALIFIED])
        else:
            continue
        if name in SEEN and schema in ("", "pg_catalog"):
            yield node.location, name


def _column_list(tokens: list[Token], name: int, text: bytes) -> tuple[bytes, int]:
    """The columns that a COPY lists after a name, the last token of which this is, and where the
    list ends."""
    after = tokens[name + 1]
    if after[2] != tree.ASCII_40:
        return b"*", tokens[name][1]
    last = next(token for token in tokens[name + 1 :] if token[2] == tree.ASCII_41)
    return text[after[1] : last[0]], last[1]

"""What DSQL refuses that PostgreSQL accepts, as data.

Messages and SQLSTATEs are those that a real cluster was recorded to answer, or that AWS documents
(user guide, "SQL feature compatibility"). Statements are named as the parser names them. A rule
further down a statement (a clause, a type) has a word that must occur in the text for it to apply,
so that most statements are not searched.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from postgast import pg_query_pb2 as tree

from dsqlkit.local.dialect import (
    catalog,
    functions,
    names_in_text,
    objects,
    parameters,
    sequences,
    types,
)
from dsqlkit.local.dialect.alter_table import alter_table
from dsqlkit.local.dialect.create_table import create_table
from dsqlkit.local.dialect.refusal import Refusal, Rule, decide, not_supported
from dsqlkit.local.statements.making import body_of
from dsqlkit.local.statements.tree import Node


def unsupported(name: str) -> Refusal:
    """Of a statement as a whole, by PostgreSQL's name for the parsed statement."""
    return not_supported(f"unsupported statement: {name}")


_TRANSACTION_KINDS: Final = {
    "TRANS_STMT_SAVEPOINT": "SAVEPOINT",
    "TRANS_STMT_RELEASE": "RELEASE",
    "TRANS_STMT_ROLLBACK_TO": "ROLLBACK TO",
    "TRANS_STMT_PREPARE": "PREPARE TRANSACTION",
    "TRANS_STMT_COMMIT_PREPARED": "COMMIT PREPARED",
    "TRANS_STMT_ROLLBACK_PREPARED": "ROLLBACK PREPARED",
}


def _transaction(node: Node) -> Refusal | None:
    kind = _TRANSACTION_KINDS.get(tree.TransactionStmtKind.Name(node.kind))
    if kind is not None:
        return not_supported(f"unsupported transaction statement: {kind}")
    if node.chain:  # not recorded; DSQL's grammar leaves it out
        ending = "COMMIT" if node.kind == tree.TRANS_STMT_COMMIT else "ROLLBACK"
        return not_supported(f"unsupported transaction statement: {ending} AND CHAIN")
    return parameters.isolation(node.options)


WITHOUT_ASYNC: Final = not_supported("unsupported mode. please use CREATE INDEX ASYNC.")
"""Unless the session has turned disable_sync_create_index off: then it depends on the table."""


def _index(node: Node) -> Refusal | None:
    if node.concurrent:
        return not_supported("CONCURRENTLY not supported for CREATE INDEX")
    return WITHOUT_ASYNC


def _vacuum(node: Node) -> Refusal | None:
    return not_supported("unsupported VACUUM statement") if node.is_vacuumcmd else None


def _within(statements: Iterable[Node]) -> Refusal | None:
    """The refusal of the first of several statements that make up another."""
    for each in statements:
        kind = each.WhichOneof("node")
        refusal = decide(STATEMENTS.get(kind), getattr(each, kind))
        if refusal is not None:
            return refusal
    return None


def _select(node: Node) -> Refusal | None:
    # PostgreSQL makes a SELECT INTO, and none of its parts, a CREATE TABLE AS.
    leftmost = node
    while leftmost.HasField("larg"):
        leftmost = leftmost.larg
    return unsupported("CreateTableAs") if leftmost.HasField("into_clause") else None


STATEMENTS: Final[Mapping[str, Rule]] = {
    "alter_seq_stmt": sequences.alter_sequence,
    "alter_system_stmt": unsupported("AlterSystem"),
    "alter_table_stmt": alter_table,
    "composite_type_stmt": unsupported("CompositeType"),
    "create_domain_stmt": objects.create_domain,
    "create_enum_stmt": not_supported("CREATE TYPE not supported"),
    "create_extension_stmt": unsupported("CreateExtension"),
    "create_foreign_table_stmt": unsupported("CreateForeignTable"),
    "create_function_stmt": lambda node: objects.create_function(node) or _within(body_of(node)),
    "create_range_stmt": unsupported("CreateRange"),
    "create_seq_stmt": sequences.create_sequence,
    "create_stmt": create_table,
    "create_table_as_stmt": unsupported("CreateTableAs"),
    "create_table_space_stmt": unsupported("CreateTableSpace"),
    "create_trig_stmt": not_supported("CREATE TRIGGER not supported"),
    "createdb_stmt": unsupported("Createdb"),
    "drop_role_stmt": objects.drop_role,
    "drop_stmt": objects.drop,
    "grant_stmt": objects.grant,
    "index_stmt": _index,
    "listen_stmt": unsupported("Listen"),
    "merge_stmt": not_supported("unsupported statement type: MERGE"),
    "notify_stmt": unsupported("Notify"),
    "transaction_stmt": _transaction,
    "truncate_stmt": unsupported("Truncate"),
    "unlisten_stmt": unsupported("Unlisten"),
    "vacuum_stmt": _vacuum,
    "variable_set_stmt": parameters.variable_set,
    # Not recorded, from here on. A statement within another, which is looked at first:
    "create_schema_stmt": lambda node: objects.create_schema(node) or _within(node.schema_elts),
    "declare_cursor_stmt": lambda node: _within([node.query]),
    "explain_stmt": lambda node: _within([node.query]),
    "select_stmt": _select,
    # Objects that DSQL does not have, and clauses that its grammar leaves out:
    "alter_object_schema_stmt": objects.change_object,
    "alter_owner_stmt": objects.change_object,
    "alter_domain_stmt": objects.ALTER_DOMAIN,
    "alter_role_set_stmt": objects.alter_role_set,
    "alter_role_stmt": objects.alter_role,
    "alter_stats_stmt": objects.alter_statistics,
    "comment_stmt": objects.comment,
    "create_role_stmt": objects.create_role,
    "define_stmt": objects.define,
    "rename_stmt": objects.rename,
    "view_stmt": objects.create_view,
    # Other statements of PostgreSQL that DSQL's grammar leaves out,
    # called as the recorded ones are, by PostgreSQL's name for the parsed statement.
    **{
        f"{name}_stmt": unsupported(words)
        for name, words in {
            "alter_collation": "AlterCollation",
            "alter_default_privileges": "AlterDefaultPrivileges",
            "alter_function": "AlterFunction",
            "alter_op_family": "AlterOpFamily",
            "alter_operator": "AlterOperator",
            "alter_tsconfiguration": "AlterTSConfiguration",
            "alter_tsdictionary": "AlterTSDictionary",
            "alter_type": "AlterType",
            "alter_user_mapping": "AlterUserMapping",
            "create_conversion": "CreateConversion",
            "create_op_class": "CreateOpClass",
            "create_op_family": "CreateOpFamily",
            "create_plang": "CreatePLang",
            "create_transform": "CreateTransform",
            "discard": "Discard",
            "drop_owned": "DropOwned",
            "drop_subscription": "DropSubscription",
            "drop_user_mapping": "DropUserMapping",
            "execute": "Execute",
            "prepare": "Prepare",
            "reassign_owned": "ReassignOwned",
            "sec_label": "SecLabel",
            "alter_database_refresh_coll": "AlterDatabaseRefreshColl",
            "alter_database": "AlterDatabase",
            "alter_database_set": "AlterDatabaseSet",
            "alter_enum": "AlterEnum",
            "alter_event_trig": "AlterEventTrig",
            "alter_extension": "AlterExtension",
            "alter_fdw": "AlterFdw",
            "alter_foreign_server": "AlterForeignServer",
            "alter_policy": "AlterPolicy",
            "alter_publication": "AlterPublication",
            "alter_subscription": "AlterSubscription",
            "alter_table_space_options": "AlterTableSpaceOptions",
            "check_point": "CheckPoint",
            "cluster": "Cluster",
            "create_am": "CreateAm",
            "create_cast": "CreateCast",
            "create_event_trig": "CreateEventTrig",
            "create_fdw": "CreateFdw",
            "create_foreign_server": "CreateForeignServer",
            "create_policy": "CreatePolicy",
            "create_publication": "CreatePublication",
            "create_subscription": "CreateSubscription",
            "create_user_mapping": "CreateUserMapping",
            "do": "Do",
            "drop_table_space": "DropTableSpace",
            "dropdb": "Dropdb",
            "import_foreign_schema": "ImportForeignSchema",
            "load": "Load",
            "lock": "Lock",
            "refresh_mat_view": "RefreshMatView",
            "reindex": "Reindex",
            "rule": "Rule",
        }.items()
    },
}
"""By statement."""


def _locking(node: Node) -> Refusal | None:
    if node.strength in (tree.LCS_FORSHARE, tree.LCS_FORNOKEYUPDATE):
        return not_supported(
            "locking clauses other than FOR UPDATE/FOR KEY SHARE are not supported"
        )
    return None


def _column(names: Sequence[Node]) -> Refusal | None:
    name = names[-1].string.sval if names else ""
    return not_supported(f"system column {name} not supported") if name == "ctid" else None


CLAUSES: Final[Mapping[str, tuple[tuple[bytes, ...], Rule]]] = {
    # Refused in a live run, in words that it did not keep.
    "ColumnRef": ((b"ctid",), lambda node: _column(node.fields)),
    "A_Indirection": ((b"ctid",), lambda node: _column(node.indirection)),
    "FuncCall": (
        (
            b"dsqlkit",
            b"dsqlkit_",
            *(name.encode() for name in (*functions.STARTS, *functions.NAMES, functions.OF_A_TEXT)),
        ),
        lambda node: catalog.function(node) or names_in_text.call(node) or functions.call(node),
    ),
    "LockingClause": ((b"for",), _locking),
    "RangeTableSample": ((b"tablesample",), not_supported("TABLESAMPLE clause not supported")),
    "RangeVar": ((b"dsqlkit", b"dsqlkit_"), catalog.relation),
    "TypeCast": ((b"dsqlkit", b"dsqlkit_"), names_in_text.cast),
    "TypeName": (
        (b"dsqlkit", b"dsqlkit_", *(name.encode() for name in types.SERIAL)),
        lambda node: catalog.type_name(node) or types.unknown(node),
    ),
}
"""By node anywhere in a statement, each with words (in lower case; one that ends with an underscore
is a word's start) of which the text must have one for the rule to run."""

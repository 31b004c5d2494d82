"""What DSQL refuses that PostgreSQL accepts, as data.

Messages and SQLSTATEs are those that a real cluster was recorded to answer, or that AWS documents
(user guide, "SQL feature compatibility"). Statements are named as the parser names them. A rule
further down a statement (a clause, a type) has a word that must occur in the text for it to apply,
so that most statements are not searched.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from postgast import pg_query_pb2 as tree

Node: TypeAlias = Any
"""A node of the parse tree; the parser's classes are made at run time and carry no types."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error that DSQL answers instead of running the statement."""

    sqlstate: str
    message: str


Rule: TypeAlias = Refusal | Callable[[Node], Refusal | None]


def not_supported(message: str) -> Refusal:
    return Refusal("0A000", message)


def statement(name: str) -> Refusal:
    return not_supported(f"unsupported statement: {name}")


_CREATE_TYPE = not_supported("CREATE TYPE not supported")

_TRANSACTION_KINDS: Final = {
    "TRANS_STMT_SAVEPOINT": "SAVEPOINT",
    "TRANS_STMT_RELEASE": "RELEASE",
    "TRANS_STMT_ROLLBACK_TO": "ROLLBACK TO",
    "TRANS_STMT_PREPARE": "PREPARE TRANSACTION",
    "TRANS_STMT_COMMIT_PREPARED": "COMMIT PREPARED",
    "TRANS_STMT_ROLLBACK_PREPARED": "ROLLBACK PREPARED",
}

_PERSISTENCE: Final = {
    "t": not_supported("TEMPORARY or TEMP table not supported for CREATE TABLE"),
    "u": not_supported("UNLOGGED table not supported for CREATE TABLE"),
}

_UNKNOWN_TYPES: Final = {"smallserial", "serial", "bigserial", "serial2", "serial4", "serial8"}


def _isolation(options: Node) -> Refusal | None:
    for option in options:
        element = option.def_elem
        if element.defname == "transaction_isolation":
            level = element.arg.a_const.sval.sval.upper()
            if level != "REPEATABLE READ":
                return not_supported(f"Unsupported isolation level: {level}")
    return None


def _transaction(node: Node) -> Refusal | None:
    kind = _TRANSACTION_KINDS.get(tree.TransactionStmtKind.Name(node.kind))
    if kind is not None:
        return not_supported(f"unsupported transaction statement: {kind}")
    return _isolation(node.options)


def _set(node: Node) -> Refusal | None:
    if node.name == "TRANSACTION":
        return _isolation(node.args) or _no_setting("TRANSACTION")
    if node.name.lower() == "default_transaction_isolation":
        return _no_setting(node.name)
    return None


def _no_setting(name: str) -> Refusal:
    return not_supported(f'setting configuration parameter "{name}" not supported')


def _create_table(node: Node) -> Refusal | None:
    return _PERSISTENCE.get(node.relation.relpersistence)


def _create_function(node: Node) -> Refusal | None:
    if node.is_procedure:
        return not_supported("PROCEDURE is not supported")
    for option in node.options:
        if option.def_elem.defname == "language":
            language = option.def_elem.arg.string.sval
            if language.lower() != "sql":
                return not_supported(f"CREATE FUNCTION with language {language} not supported")
    return None


def _index(node: Node) -> Refusal | None:
    if node.concurrent:
        return not_supported("CONCURRENTLY not supported for CREATE INDEX")
    return not_supported("unsupported mode. please use CREATE INDEX ASYNC.")


def _vacuum(node: Node) -> Refusal | None:
    return not_supported("unsupported VACUUM statement") if node.is_vacuumcmd else None


STATEMENTS: Final[Mapping[str, Rule]] = {
    "alter_system_stmt": statement("AlterSystem"),
    "composite_type_stmt": statement("CompositeType"),
    "create_enum_stmt": _CREATE_TYPE,
    "create_extension_stmt": statement("CreateExtension"),
    "create_foreign_table_stmt": statement("CreateForeignTable"),
    "create_function_stmt": _create_function,
    "create_range_stmt": statement("CreateRange"),
    "create_stmt": _create_table,
    "create_table_as_stmt": statement("CreateTableAs"),
    "create_table_space_stmt": statement("CreateTableSpace"),
    "create_trig_stmt": not_supported("CREATE TRIGGER not supported"),
    "createdb_stmt": statement("Createdb"),
    "index_stmt": _index,
    "listen_stmt": statement("Listen"),
    "merge_stmt": not_supported("unsupported statement type: MERGE"),
    "notify_stmt": statement("Notify"),
    "transaction_stmt": _transaction,
    "truncate_stmt": statement("Truncate"),
    "unlisten_stmt": statement("Unlisten"),
    "vacuum_stmt": _vacuum,
    "variable_set_stmt": _set,
}
"""By statement."""


def _locking(node: Node) -> Refusal | None:
    if node.strength in (tree.LCS_FORSHARE, tree.LCS_FORNOKEYUPDATE):
        return not_supported(
            "locking clauses other than FOR UPDATE/FOR KEY SHARE are not supported"
        )
    return None


def _type_name(node: Node) -> Refusal | None:
    name = node.names[-1].string.sval if len(node.names) == 1 else ""
    return Refusal("42704", f'type "{name}" does not exist') if name in _UNKNOWN_TYPES else None


CLAUSES: Final[Mapping[str, tuple[str, Rule]]] = {
    "LockingClause": ("for", _locking),
    "RangeTableSample": ("tablesample", not_supported("TABLESAMPLE clause not supported")),
    "TypeName": ("serial", _type_name),
}
"""By node anywhere in a statement, each with the word that its text must have."""

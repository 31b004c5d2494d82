"""DSQL's own statements, rewritten to calls of the endpoint's functions (server/sql/catalog.sql).

The parsed statements are those of own_syntax.py: CREATE INDEX and ALTER TABLE without their ASYNC.
"""

from postgast import pg_query_pb2 as tree

from dsqlkit.local.dialect import index_async
from dsqlkit.local.dialect.create_table import index_keys
from dsqlkit.local.dialect.refusal import Refusal, not_supported
from dsqlkit.local.statements.own_syntax import IamTrust
from dsqlkit.local.statements.quoting import array_literal, literal, resolved
from dsqlkit.local.statements.tree import Node


def asynchronous(node: Node, statement: bytes) -> Refusal | str:
    """What runs a parsed statement that had ASYNC: a job's submission, or why there is none."""
    if node.DESCRIPTOR.name == "AlterTableStmt":
        return _validation(node)
    method = index_async.names_method(statement)
    return index_keys(node, names_method=method) or index_async.submission(node, statement)


def index_at_once(node: Node, statement: bytes) -> str:
    """The call for a parsed CREATE INDEX without ASYNC and without USING."""
    return index_async.at_once(node, statement, index_keys(node, names_method=False))


def drop_index(node: Node) -> str | None:
    """The call for a parsed DROP INDEX; None for one that names a database, which needs no more."""
    names = [[part.string.sval for part in each.list.items] for each in node.objects]
    if any(len(parts) > 2 for parts in names):
        return None
    distinct = list(dict.fromkeys((None if len(n) == 1 else n[0], n[-1]) for n in names))
    arguments = (
        array_literal([schema for schema, _ in distinct]),
        array_literal([name for _, name in distinct]),
        literal("IF EXISTS" if node.missing_ok else ""),
        literal("CASCADE" if node.behavior == tree.DROP_CASCADE else ""),
    )
    return f"CALL dsqlkit.drop_index({', '.join(arguments)})"


def trust(statement: IamTrust) -> str:
    """The call for AWS IAM GRANT or REVOKE. A CALL answers no rows, as a GRANT does."""
    procedure = "grant_trust" if statement.grants else "revoke_trust"
    return f"CALL dsqlkit.{procedure}({literal(statement.role)}, {statement.arn})"


def _validation(node: Node) -> Refusal | str:
    commands = [each.alter_table_cmd for each in node.cmds]
    if [each.subtype for each in commands] != [tree.AT_ValidateConstraint]:
        return not_supported("unsupported ALTER TABLE ASYNC statement")  # not recorded
    arguments = ", ".join([*resolved(node.relation), literal(commands[0].name)])
    return f"SELECT job_id FROM dsqlkit.submit_validation({arguments})"  # noqa: S608 - quoted

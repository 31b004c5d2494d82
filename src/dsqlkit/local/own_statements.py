"""DSQL's own statements, rewritten to calls of the endpoint's functions (see catalog.sql).

The parsed statements are those of own_syntax.py: CREATE INDEX and ALTER TABLE without their ASYNC.
"""

from postgast import pg_query_pb2 as tree

from dsqlkit.local import index_async
from dsqlkit.local.dialect_create_table import index_keys
from dsqlkit.local.own_syntax import IamTrust
from dsqlkit.local.quoting import literal, resolved
from dsqlkit.local.refusal import Node, Refusal, not_supported


def asynchronous(node: Node, statement: bytes) -> Refusal | str:
    """What runs a parsed statement that had ASYNC: a job's submission, or why there is none."""
    if node.DESCRIPTOR.name == "AlterTableStmt":
        return _validation(node)
    method = index_async.names_method(statement)
    return index_keys(node, names_method=method) or index_async.submission(node, statement)


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

"""DSQL's own statements, rewritten to calls of the endpoint's functions (see catalog.sql).

The parsed statements are those of own_syntax.py: CREATE INDEX and ALTER TABLE without their ASYNC.
"""

from collections.abc import Sequence

import postgast
from postgast import pg_query_pb2 as tree

from dsqlkit.local.dialect_tables import index_keys
from dsqlkit.local.own_syntax import IamTrust
from dsqlkit.local.quoting import literal, qualified
from dsqlkit.local.refusal import Node, Refusal, not_supported


def asynchronous(node: Node, statement: bytes) -> Refusal | str:
    """What runs a parsed statement that had ASYNC: a job's submission, or why there is none."""
    if node.DESCRIPTOR.name == "AlterTableStmt":
        return _validation(node)
    return index_keys(node) or _index_build(node, statement)


def trust(statement: IamTrust) -> str:
    """The call for AWS IAM GRANT or REVOKE. A CALL answers no rows, as a GRANT does."""
    procedure = "grant_trust" if statement.grants else "revoke_trust"
    return f"CALL dsqlkit.{procedure}({literal(statement.role)}, {statement.arn})"


def _index_build(node: Node, statement: bytes) -> str:
    keys = [element.index_elem.name or None for element in node.index_params]
    included = [element.index_elem.name for element in node.index_including_params]
    return _submit(
        "index",
        str(node.unique).lower(),
        str(node.if_not_exists).lower(),
        literal(node.idxname or None),
        *_relation(node.relation),
        _array(keys),
        _array(included),
        literal(_from_on(statement)),
        "pg_catalog.current_setting('search_path')",
    )


def _validation(node: Node) -> Refusal | str:
    commands = [each.alter_table_cmd for each in node.cmds]
    if [each.subtype for each in commands] != [tree.AT_ValidateConstraint]:
        return not_supported("unsupported ALTER TABLE ASYNC statement")  # not recorded
    return _submit("validation", *_relation(node.relation), literal(commands[0].name))


def _submit(what: str, *arguments: str) -> str:
    return f"SELECT job_id FROM dsqlkit.submit_{what}({', '.join(arguments)})"  # noqa: S608 - quoted


def _relation(relation: Node) -> tuple[str, str]:
    """The table as the client's search path finds it, NULL if there is none, and its name."""
    name = ".".join(part for part in (relation.schemaname, relation.relname) if part)
    return f"pg_catalog.to_regclass({literal(qualified(relation))})", literal(name)


def _from_on(statement: bytes) -> str:
    """The statement's text from its ON to its end."""
    for token in postgast.scan(statement.decode()).tokens:
        if token.token == tree.ON:
            return statement[token.start :].decode()
    raise AssertionError("a parsed CREATE INDEX has an ON")


def _array(values: Sequence[str | None]) -> str:
    return f"ARRAY[{', '.join(map(literal, values))}]::pg_catalog.text[]"

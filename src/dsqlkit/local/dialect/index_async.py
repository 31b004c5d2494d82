"""CREATE INDEX ASYNC, rewritten to the submission of a build job, and CREATE INDEX without it."""

import postgast
from postgast import pg_query_pb2 as tree

from dsqlkit.local.dialect import index_names
from dsqlkit.local.dialect.refusal import Refusal
from dsqlkit.local.statements.quoting import array_literal, literal, quoted, resolved
from dsqlkit.local.statements.tree import Node


def submission(node: Node, statement: bytes) -> str:
    """The call that submits the build of a parsed CREATE INDEX (of `statement`, ASYNC blanked)."""
    keys = [index_names.plain_column(element.index_elem) for element in node.index_params]
    included = [element.index_elem.name for element in node.index_including_params]
    arguments = (
        str(node.unique).lower(),
        str(node.if_not_exists).lower(),
        literal(node.idxname or None),
        *resolved(node.relation),
        array_literal(keys),
        array_literal(included),
        literal(statement[_start(statement, tree.ON) :].decode()),
        literal(statement[_start(statement, tree.ASCII_40) :].decode()),
        "pg_catalog.current_setting('search_path')",
        literal(index_names.addition(node)),
    )
    return f"SELECT job_id FROM dsqlkit.submit_index({', '.join(arguments)})"  # noqa: S608 - quoted


def at_once(node: Node, statement: bytes, refusal: Refusal | None) -> str:
    """The call that runs a parsed CREATE INDEX that has no ASYNC, or refuses it: it depends on the
    session, and on the table. `refusal` is what else speaks against it."""
    name = quoted(node.idxname) + " " if node.idxname else ""
    words = f"{'UNIQUE ' if node.unique else ''}INDEX {'IF NOT EXISTS ' * node.if_not_exists}"
    arguments = (
        literal(f"CREATE {words}{name}{statement[_start(statement, tree.ON) :].decode()}"),
        str(node.unique).lower(),
        *resolved(node.relation),
        array_literal(
            [index_names.plain_column(element.index_elem) for element in node.index_params]
        ),
        literal(statement[_start(statement, tree.ASCII_40) :].decode()),
        literal(refusal.sqlstate if refusal else None),
        literal(refusal.message if refusal else None),
    )
    return f"CALL dsqlkit.index_at_once({', '.join(arguments)})"


def names_method(statement: bytes) -> bool:
    """Whether a parsed CREATE INDEX has a USING clause, if only to say btree."""
    table = statement[_start(statement, tree.ON) : _start(statement, tree.ASCII_40)]
    return any(token.token == tree.USING for token in postgast.scan(table.decode()).tokens)


def _start(statement: bytes, kind: int) -> int:
    """Where the first token of a kind begins, from a parsed CREATE INDEX's ON on."""
    after_on = False
    for token in postgast.scan(statement.decode()).tokens:
        after_on = after_on or token.token == tree.ON
        if after_on and token.token == kind:
            return int(token.start)
    raise AssertionError("a parsed CREATE INDEX has an ON and a list of keys")

"""CREATE INDEX ASYNC, rewritten to the submission of a build job."""

from collections.abc import Sequence

import postgast
from postgast import pg_query_pb2 as tree

from dsqlkit.local.quoting import literal, resolved
from dsqlkit.local.refusal import Node


def submission(node: Node, statement: bytes) -> str:
    """The call that submits the build of a parsed CREATE INDEX (of `statement`, ASYNC blanked)."""
    keys = [element.index_elem.name or None for element in node.index_params]
    included = [element.index_elem.name for element in node.index_including_params]
    arguments = (
        str(node.unique).lower(),
        str(node.if_not_exists).lower(),
        literal(node.idxname or None),
        *resolved(node.relation),
        _array(keys),
        _array(included),
        literal(_from_on(statement)),
        "pg_catalog.current_setting('search_path')",
    )
    return f"SELECT job_id FROM dsqlkit.submit_index({', '.join(arguments)})"  # noqa: S608 - quoted


def _from_on(statement: bytes) -> str:
    """The statement's text from its ON to its end."""
    for token in postgast.scan(statement.decode()).tokens:
        if token.token == tree.ON:
            return statement[token.start :].decode()
    raise AssertionError("a parsed CREATE INDEX has an ON")


def _array(values: Sequence[str | None]) -> str:
    return f"ARRAY[{', '.join(map(literal, values))}]::pg_catalog.text[]"

"""CREATE INDEX ASYNC: recognising it, and rewriting it to the submission of a build job.

PostgreSQL's grammar takes ASYNC for the name of the index, or for a syntax error. So it is found
among the tokens, where the syntax has it, and blanked before parsing; a quoted "async" is a name.
"""

from collections.abc import Sequence
from typing import Final

import postgast
from postgast import pg_query_pb2 as tree

from dsqlkit.local.refusal import Node

_COMMENTS: Final = {tree.SQL_COMMENT, tree.C_COMMENT}


def blank_async(sql: bytes) -> tuple[bytes, list[int]]:
    """The text with each ASYNC of a CREATE INDEX ASYNC made spaces, and their offsets in bytes.

    Raises postgast.PgQueryError when the text cannot be scanned.
    """
    tokens = [t for t in postgast.scan(sql.decode()).tokens if t.token not in _COMMENTS]
    offsets = []
    blanked = bytearray(sql)
    for position, token in enumerate(tokens):
        if token.token != tree.INDEX or not _begins_create_index(tokens, position):
            continue
        following = tokens[position + 1 : position + 2]
        if following and sql[following[0].start : following[0].end].lower() == b"async":
            start, end = following[0].start, following[0].end
            blanked[start:end] = b" " * (end - start)
            offsets.append(start)
    return bytes(blanked), offsets


def submission(node: Node, statement: bytes) -> str:
    """The call that submits the build of a parsed CREATE INDEX (of `statement`, ASYNC blanked)."""
    target = _qualified(node.relation)
    keys = [element.index_elem.name or None for element in node.index_params]
    included = [element.index_elem.name for element in node.index_including_params]
    arguments = (
        str(node.unique).lower(),
        str(node.if_not_exists).lower(),
        _literal(node.idxname or None),
        f"{_literal(target)}::pg_catalog.regclass",
        _array(keys),
        _array(included),
        _literal(statement[_start(statement, tree.ON) :].decode()),
        _literal(statement[_start(statement, tree.ASCII_40) :].decode()),
        "pg_catalog.current_setting('search_path')",
    )
    return f"SELECT job_id FROM dsqlkit.submit_index({', '.join(arguments)})"  # noqa: S608 - quoted


def _begins_create_index(tokens: Sequence[Node], position: int) -> bool:
    before = [token.token for token in tokens[max(0, position - 3) : position]]
    if before[-1:] == [tree.UNIQUE]:
        before.pop()
    return before[-1:] == [tree.CREATE] and before[-2:-1] in ([], [tree.ASCII_59])


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


def _qualified(relation: Node) -> str:
    parts = [part for part in (relation.schemaname, relation.relname) if part]
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def _array(values: Sequence[str | None]) -> str:
    return f"ARRAY[{', '.join(map(_literal, values))}]::pg_catalog.text[]"


def _literal(value: str | None) -> str:
    if value is None:
        return "NULL"
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"E'{escaped}'" if "\\" in value else f"'{escaped}'"

"""Names in texts, as 'public.t'::regclass: of the endpoint's own schemas they name nothing. Pure.

A name that a client binds as a parameter is not seen here.
"""

import re
from collections.abc import Iterator
from typing import Final

from dsqlkit.local.dialect.catalog import Place, is_own_schema
from dsqlkit.local.dialect.refusal import Refusal
from dsqlkit.local.statements.tokens import tokens_of
from dsqlkit.local.statements.tree import Node, ParsedStatement

_SCHEMAS: Final = frozenset({"regnamespace", "to_regnamespace", "has_schema_privilege"})
"""A type and functions that read the name of a schema; all others want one of something in it."""
_NAMES: Final = frozenset(
    {"regclass", "regnamespace", "regoper", "regoperator", "regproc", "regprocedure", "regtype"}
)
_TAKES_NAMES: Final = re.compile(
    r"has_\w+_privilege|nextval|currval|setval|pg_get_serial_sequence|pg_\w+_size"
)
_LOOKS_UP: Final = re.compile(r"to_reg\w+")
_FIRST: Final = re.compile(r'\s*(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>[^".\s]+))\s*(?P<dot>\.?)')


def cast(node: Node) -> Refusal | None:
    """The answer to a text that is made an object (a TypeCast)."""
    to = node.type_name.names[-1].string.sval if node.type_name.names else ""
    return _missing(node.arg, to) if to in _NAMES else None


def call(node: Node) -> Refusal | None:
    """The answer to a function that takes an object's name as text (a FuncCall)."""
    name = node.funcname[-1].string.sval
    if not _TAKES_NAMES.fullmatch(name):
        return None
    return next(filter(None, (_missing(each, name) for each in node.args)), None)


def looked_up(parsed: ParsedStatement, text: bytes) -> Iterator[Place]:
    """Where a function that finds an object or NULL is given such a name: NULL, in its place."""
    found = set()
    for node in parsed.nodes:
        name = node.funcname[-1].string.sval if node.DESCRIPTOR.name == "FuncCall" else ""
        if _LOOKS_UP.fullmatch(name) and any(_missing(each, name) for each in node.args):
            found |= {_constant(each).location for each in node.args}
    if not found:
        return
    start = parsed.start
    for token in tokens_of(text[start : parsed.end]):
        if token.start + start in found:
            yield Place(token.start + start, token.end + start, b"NULL")


def _missing(value: Node, wanted_by: str) -> Refusal | None:
    first = _FIRST.match(_constant(value).sval.sval)
    if first is None or not (first["dot"] or wanted_by in _SCHEMAS):
        return None
    schema = first["quoted"] or (first["plain"] or "").lower()
    return Refusal("3F000", f'schema "{schema}" does not exist') if is_own_schema(schema) else None


def _constant(value: Node) -> Node:
    return (value.type_cast.arg if value.HasField("type_cast") else value).a_const

"""What DSQL's catalog lacks, and what clients are not to see of the endpoint's own schema.

Sources: user guide, "Using system tables and commands", and AWS's starter kit for what is missing.
The error was not recorded; a relation that is missing has PostgreSQL's.
"""

import re
from collections.abc import Iterator
from typing import Final

from dsqlkit.local.refusal import Node, Refusal, not_supported

OWN_SCHEMA: Final = "dsqlkit"

_MISSING: Final = frozenset(
    {
        "pg_authid",
        "pg_database",
        "pg_enum",
        "pg_extension",
        "pg_locks",
        "pg_opclass",
        "pg_prepared_statements",
        "pg_proc",
        "pg_sequence",
        "pg_sequences",
        "pg_trigger",
    }
)
_MISSING_STARTS: Final = ("pg_stat_", "pg_statio_")

_FILTERED: Final = frozenset({"pg_class", "pg_namespace"})
"""Relations of which clients see a view in the endpoint's schema that leaves that schema out."""

_AS_WRITTEN: Final = re.compile(
    rb'("?pg_catalog"?\s*\.\s*)?"?(?P<name>pg_[a-z]+)"?', re.IGNORECASE | re.ASCII
)
_NOT_OF_A_VIEW: Final = re.compile(
    rb"\b(tableoid|[xc]m(in|ax)|ctid|pg_catalog\s*\.\s*pg_(class|namespace)\s*\.)",
    re.IGNORECASE | re.ASCII,
)

_SYSTEM: Final = not_supported("feature not supported on system entity")
"""Recorded of GRANT ON SCHEMA public."""


def relation(node: Node) -> Refusal | None:
    """The answer to a statement that names a table, view or sequence (a RangeVar)."""
    name = node.relname
    hidden = node.schemaname == OWN_SCHEMA or (
        node.schemaname in ("", "pg_catalog")
        and (name in _MISSING or name.startswith(_MISSING_STARTS))
    )
    if not hidden:
        return None
    full = f"{node.schemaname}.{name}" if node.schemaname else name
    return Refusal("42P01", f'relation "{full}" does not exist')


def function(node: Node) -> Refusal | None:
    """The answer to a statement that calls a function or procedure (a FuncCall)."""
    if len(node.funcname) > 1 and node.funcname[0].string.sval == OWN_SCHEMA:
        return Refusal("3F000", f'schema "{OWN_SCHEMA}" does not exist')
    return None


def asks_for_triggers(lower: bytes) -> bool:
    """Whether the text, in lower case, is how psql's \\d looks for a table's triggers.

    It does so for a table with a foreign key, as PostgreSQL's foreign keys are triggers. It leaves
    those out, and so finds none.
    """
    return b"pg_get_triggerdef" in lower


def filtered(relations: Iterator[Node], text: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Where such relations are named in a text, and the views to name there."""
    for node in relations:
        if node.relname not in _FILTERED or node.schemaname not in ("", "pg_catalog"):
            continue
        if _NOT_OF_A_VIEW.search(text):
            return
        found = _AS_WRITTEN.match(text, node.location)
        if found and found["name"].lower() == node.relname.encode():
            yield found.start(), found.end(), f"{OWN_SCHEMA}.{node.relname}".encode()


def role(node: Node) -> Refusal | None:
    """The answer to ALTER ROLE and DROP ROLE: nobody changes admin (starter kit; not recorded)."""
    roles = node.roles if node.DESCRIPTOR.name == "DropRoleStmt" else []
    names = [each.role_spec.rolename for each in roles] or [node.role.rolename]
    return _SYSTEM if "admin" in names else None

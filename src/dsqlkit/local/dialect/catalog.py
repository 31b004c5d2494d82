"""What DSQL's catalog lacks, and what clients are not to see of the endpoint's own schema.

Sources: user guide, "Using system tables and commands", and AWS's starter kit for what is missing.
The error was not recorded; a relation that is missing has PostgreSQL's.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from dsqlkit.local.dialect.refusal import Refusal
from dsqlkit.local.statements.tree import Node

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
_NOT_OF_A_VIEW: Final = re.compile(rb"\b(tableoid|[xc]m(in|ax)|ctid)\b", re.IGNORECASE)

_DESCRIPTIONS: Final = {
    # psql's \d of a table with a foreign key. PostgreSQL's foreign keys are triggers, but of a kind
    # that psql leaves out: it finds none.
    "pg_trigger": b"pg_get_triggerdef",
    # The SQLAlchemy dialect of AWS for DSQL (1.3.0) reads an identity column's options so.
    "pg_sequence": b"pg_get_serial_sequence",
    # SQLAlchemy (2.0) itself, when it reflects indexes; that dialect leaves it to it.
    "pg_opclass": b"opcdefault",
}
"""What can be read by a statement that has this word. Clients known to work do so."""


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


def describes(node: Node, lower: bytes) -> bool:
    """Whether a missing relation is named in a text (in lower case) that may read it even so."""
    if node.DESCRIPTOR.name != "RangeVar":
        return False
    word = _DESCRIPTIONS.get(node.relname)
    return word is not None and word in lower


def filtered(nodes: Iterable[Node], text: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Where filtered relations are named in a text of these nodes, and the views to name there."""
    if _NOT_OF_A_VIEW.search(text):
        return
    for node in nodes:
        if node.DESCRIPTOR.name == "RangeVar":
            schema, name = node.schemaname, node.relname
        elif node.DESCRIPTOR.name == "ColumnRef" and len(node.fields) > 2:
            schema, name = (field.string.sval for field in node.fields[:2])
        else:
            continue
        if name in _FILTERED and schema in ("", "pg_catalog"):
            found = _AS_WRITTEN.match(text, node.location)
            if found and found["name"].lower() == name.encode():
                yield found.start(), found.end(), f"{OWN_SCHEMA}.{name}".encode()

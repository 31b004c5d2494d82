"""Which parameters a session may set on DSQL, whatever the way in.

Sources: the user guide's list of session parameters (2026-09) for those that are allowed; live runs
of several authors for the refusal, which SET, set_config(), start-up options and names of one's own
were recorded to get alike. server/sql/parameters.sql has the same list for set_config(), whose
arguments are known only when it is called.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import postgast
from postgast import pg_query_pb2 as tree

from dsqlkit.local.dialect.catalog import OWN_SCHEMA
from dsqlkit.local.dialect.refusal import Refusal, not_supported
from dsqlkit.local.statements.tree import Node

ROLE: Final = "role"
"""Allowed as SET LOCAL alone; refused in every form until September 2026."""

ALLOWED: Final = frozenset(
    {
        "application_name",
        "client_encoding",
        "datestyle",
        "disable_sync_create_index",
        "dsql.enable_batched_nestloop",
        "enable_bitmapscan",
        "enable_hashjoin",
        "enable_indexonlyscan",
        "enable_indexscan",
        "enable_material",
        "enable_mergejoin",
        "enable_nestloop",
        "enable_seqscan",
        "extra_float_digits",
        "intervalstyle",
        "search_path",
        "timezone",
    }
)

KEPT_AS: Final = {"disable_sync_create_index": "dsql.disable_sync_create_index"}
"""Parameters of DSQL's that PostgreSQL can keep only under a name with a point in it."""

DEFAULTS: Final = {"dsql.disable_sync_create_index": "on", "dsql.enable_batched_nestloop": "on"}
"""Of those that PostgreSQL does not have. What a cluster shows of them was not recorded."""

SHOWN: Final = {
    "max_connections": "20",
    "server_version": "16.15",
    "server_version_num": "160015",
}
"""What SHOW says of settings that nobody can set (conformance record; max_connections from a
third party's run)."""

_ENCODINGS: Final = frozenset({"utf8", "unicode", "sqlascii"})
_OWN_SCHEMAS: Final = re.compile(
    rf'(^|,)\s*"?{OWN_SCHEMA}(_seen|_rows|_view|"?\s*(,|$))', re.IGNORECASE
)
"""Not those of `dsqlkit probe`, which are its client's."""
_NOT_ALPHANUMERIC: Final = re.compile("[^a-z0-9]")


def not_settable(name: str) -> Refusal:
    """The answer to whoever sets this parameter."""
    return not_supported(f'setting configuration parameter "{name}" not supported')


def assignment(name: str, value: str | None, *, local: bool = False) -> Refusal | None:
    """Why a parameter cannot be set, to this value if it is known."""
    lower = name.lower()
    if lower not in ALLOWED and not (lower == ROLE and local):
        return not_settable(name)
    if lower == "search_path" and value is not None and _OWN_SCHEMAS.search(value):
        # It would find the endpoint's own functions, of which a cluster has none.
        return Refusal("22023", f'invalid value for parameter "search_path": "{value}"')
    if lower != "client_encoding" or value is None:
        return None
    # UTF-8 is DSQL's one encoding; its words for another were not recorded.
    if _NOT_ALPHANUMERIC.sub("", value.lower()) in _ENCODINGS:
        return None
    return Refusal("22023", f'invalid value for parameter "client_encoding": "{value}"')


def isolation(options: Sequence[Node]) -> Refusal | None:
    """Why a transaction with these options cannot be: DSQL has one isolation level."""
    for option in options:
        element = option.def_elem
        if element.defname == "transaction_isolation":
            level = element.arg.a_const.sval.sval.upper()
            if level != "REPEATABLE READ":
                return not_supported(f"Unsupported isolation level: {level}")
    return None


def variable_set(node: Node) -> Refusal | None:
    """The answer to SET or RESET. RESET ALL, and what a session's transactions are, may be set."""
    if node.kind == tree.VAR_RESET_ALL:
        return None
    if node.name == "TRANSACTION":
        return isolation(node.args) or not_settable("TRANSACTION")
    if node.name == "SESSION CHARACTERISTICS":
        return isolation(node.args)
    return assignment(node.name, _value(node), local=node.is_local)


def _value(node: Node) -> str | None:
    """The value that a SET gives as a constant, or as a list of them."""
    constants = [each.a_const for each in node.args]
    if node.kind != tree.VAR_SET_VALUE or not all(each.HasField("sval") for each in constants):
        return None
    return ", ".join(each.sval.sval for each in constants) or None


def kept_names(
    nodes: Iterable[Node], text: bytes, start: int, end: int
) -> Iterator[tuple[int, int, bytes]]:
    """Where a statement sets a parameter that is kept under another name, and that name."""
    found = (node.name.lower() for node in nodes if node.DESCRIPTOR.name == "VariableSetStmt")
    names = {name.encode(): KEPT_AS[name].encode() for name in found if name in KEPT_AS}
    if not names:
        return
    for token in postgast.scan(text[start:end].decode()).tokens:
        word = text[start + token.start : start + token.end].strip(b'"').lower()
        if word in names:
            yield start + token.start, start + token.end, names[word]

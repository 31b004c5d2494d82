"""What DSQL refuses of sequences and identity columns.

Sources: recorded answers of a real cluster for a CACHE that is missing, AWS's own SQLAlchemy tests
for one that is given and for types: SQLSTATEs of class 22, and how the messages end. How that about
types begins follows what was recorded of identity columns.
"""

from typing import Final

from dsqlkit.local.dialect import types
from dsqlkit.local.dialect.refusal import Refusal, not_supported
from dsqlkit.local.statements.tree import Node

_LEAST_BLOCK: Final = 65536


def create_sequence(node: Node) -> Refusal | None:
    persistence = {"t": "TEMPORARY or TEMP", "u": "UNLOGGED"}.get(node.sequence.relpersistence)
    if persistence is not None:  # not recorded
        return not_supported(f"{persistence} sequence not supported for CREATE SEQUENCE")
    return _type(node.options) or cache(node.options, "CREATE SEQUENCE", needed=True)


def alter_sequence(node: Node) -> Refusal | None:
    # Not recorded.
    return _type(node.options) or cache(node.options, "ALTER SEQUENCE", needed=False)


def identity(options: Node) -> Refusal | None:
    """What is refused of GENERATED ... AS IDENTITY, whatever the column's type."""
    return cache(options, "identity column", needed=True)


def cache(options: Node, what: str, *, needed: bool) -> Refusal | None:
    """A sequence hands out either single numbers or large blocks of them."""
    for option in options:
        if option.def_elem.defname == "cache":
            argument = option.def_elem.arg
            size = int(argument.float.fval) if argument.float.fval else argument.integer.ival
            if size != 1 and size < _LEAST_BLOCK:
                return Refusal(
                    "22023",
                    f"CACHE ({size}) must be greater than or equal to {_LEAST_BLOCK} or equal to 1",
                )
            return None
    if not needed:
        return None
    return not_supported(
        f"{what} is not supported without an explicit cache size. "
        "please define CACHE greater than or equal to 65536 or equal to 1"
    )


def _type(options: Node) -> Refusal | None:
    for option in options:
        if option.def_elem.defname == "as":
            declared = option.def_elem.arg.type_name
            if types.builtin_name(declared) != "int8":
                return Refusal(
                    "22023",
                    f"datatype {types.printed(declared)} not supported, "
                    "sequence type must be bigint",
                )
    return None

"""Which types a column may have in DSQL, and how large they may be declared.

Sources: the recorded answers of a real cluster ("datatype ... not supported", the type as
PostgreSQL prints it), and the user guide's "Supported data types" for what is supported and how
large. The words for a declared size are those of AWS's list of observed errors (2026-10).
"""

from typing import Final

from dsqlkit.local.dialect.refusal import Refusal, not_supported
from dsqlkit.local.statements.tree import Node
from dsqlkit.quotas import MAX_LENGTHS, NOT_IN_A_KEY

_PRINTED: Final = {
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "numeric": "numeric",
    "bpchar": "character",
    "varchar": "character varying",
    "text": "text",
    "date": "date",
    "time": "time without time zone",
    "timetz": "time with time zone",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
    "interval": "interval",
    "bool": "boolean",
    "bytea": "bytea",
    "uuid": "uuid",
    "json": "json",
    "jsonb": "jsonb",
}
"""The supported types, by PostgreSQL's name for them, as PostgreSQL prints them."""

_UNSUPPORTED: Final = {
    "money": "money",
    "xml": "xml",
    "inet": "inet",
    "cidr": "cidr",
    "macaddr": "macaddr",
    "macaddr8": "macaddr8",
    "point": "point",
    "line": "line",
    "lseg": "lseg",
    "path": "path",
    "box": "box",
    "polygon": "polygon",
    "circle": "circle",
    "tsvector": "tsvector",
    "tsquery": "tsquery",
    "jsonpath": "jsonpath",
    "bit": "bit",
    "int4range": "int4range",
    "int8range": "int8range",
    "numrange": "numrange",
    "tsrange": "tsrange",
    "tstzrange": "tstzrange",
    "daterange": "daterange",
    "int4multirange": "int4multirange",
    "int8multirange": "int8multirange",
    "nummultirange": "nummultirange",
    "tsmultirange": "tsmultirange",
    "tstzmultirange": "tstzmultirange",
    "datemultirange": "datemultirange",
    "oid": "oid",
    "xid": "xid",
    "xid8": "xid8",
    "cid": "cid",
    "tid": "tid",
    "name": "name",
    "oidvector": "oidvector",
    "int2vector": "int2vector",
    "pg_lsn": "pg_lsn",
    "pg_snapshot": "pg_snapshot",
    "txid_snapshot": "txid_snapshot",
    "refcursor": "refcursor",
    "regclass": "regclass",
    "regcollation": "regcollation",
    "regconfig": "regconfig",
    "regdictionary": "regdictionary",
    "regnamespace": "regnamespace",
    "regoper": "regoper",
    "regoperator": "regoperator",
    "regproc": "regproc",
    "regprocedure": "regprocedure",
    "regrole": "regrole",
    "regtype": "regtype",
    "aclitem": "aclitem",
    "gtsvector": "gtsvector",
    "varbit": "bit varying",
    "char": '"char"',
}
SERIAL: Final = ("smallserial", "serial", "bigserial", "serial2", "serial4", "serial8")


_SHORT: Final = {"bpchar": "char", "varchar": "varchar"}
"""As AWS's list of observed errors (2026-10) calls the types of declared sizes."""


def builtin_name(declared: Node) -> str | None:
    """PostgreSQL's own name of a built-in type, None for one that somebody created."""
    names = [name.string.sval for name in declared.names]
    if len(names) == 2 and names[0] == "pg_catalog":
        return str(names[1])
    if len(names) == 1 and (names[0] in _PRINTED or names[0] in _UNSUPPORTED):
        return str(names[0])
    return None


def printed(declared: Node) -> str:
    """A type as PostgreSQL prints it, without its size."""
    name = builtin_name(declared)
    if name is None:
        return str(declared.names[-1].string.sval)
    base = _PRINTED.get(name) or _UNSUPPORTED.get(name) or name
    return base + "[]" if declared.array_bounds else base


def of_column(declared: Node) -> Refusal | None:
    """Why a column, or a domain, cannot have this type."""
    serial = unknown(declared)
    if serial is not None:
        return serial
    name = builtin_name(declared)
    if declared.array_bounds or name in _UNSUPPORTED:
        return not_supported(f"datatype {printed(declared)} not supported")
    limit = MAX_LENGTHS.get(name or "")
    if limit is not None and declared.typmods and declared.typmods[0].a_const.ival.ival > limit:
        return Refusal(
            "54000",
            f"Datatype limit greater than {limit} bytes not supported for {_SHORT[name or '']}",
        )
    return None


def declared_size(declared: Node) -> int:
    """How many bytes a type is declared to take at most; 0 where the declaration says nothing."""
    if builtin_name(declared) in MAX_LENGTHS and declared.typmods:
        return int(declared.typmods[0].a_const.ival.ival)
    return 0


def of_key(declared: Node) -> Refusal | None:
    """Why a column of this type cannot be in a primary key or a UNIQUE constraint."""
    if builtin_name(declared) in NOT_IN_A_KEY:
        return not_supported(f"datatype {printed(declared)} is not supported in a key")
    return None


def of_identity(declared: Node) -> Refusal | None:
    """Why an identity column cannot have this type."""
    if builtin_name(declared) in (None, "int8"):
        return None
    return not_supported(
        f"datatype {printed(declared)} not supported, identity column type must be bigint"
    )


def unknown(declared: Node) -> Refusal | None:
    """The refusal of a type that PostgreSQL has and DSQL has never heard of."""
    name = declared.names[-1].string.sval if len(declared.names) == 1 else ""
    if name not in SERIAL:
        return None
    brackets = "[]" if declared.array_bounds else ""
    return Refusal("42704", f'type "{name}{brackets}" does not exist')

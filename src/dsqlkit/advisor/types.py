"""Whether a value's type lets an index on a column be used.

Names of types are those of PostgreSQL's format_type, without length.
"""

from typing import Any, Final

_NAMES: Final = {
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "varchar": "character varying",
    "bpchar": "character",
    "bool": "boolean",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
    "timetz": "time with time zone",
    "time": "time without time zone",
}
MOMENTS: Final = frozenset({"date", "timestamp without time zone", "timestamp with time zone"})
_INTEGERS: Final = frozenset({"smallint", "integer", "bigint"})
NUMBERS: Final = _INTEGERS | {"numeric", "real", "double precision"}
TEXTS: Final = frozenset({"text", "character varying"})
_FITS: Final = {
    "numeric": _INTEGERS | {"numeric"},
    "real": NUMBERS,
    "double precision": NUMBERS,
}
"""Types of constants that PostgreSQL turns into the column's, and not the column into theirs."""
_FUNCTIONS: Final = {
    "now": "timestamp with time zone",
    "transaction_timestamp": "timestamp with time zone",
    "statement_timestamp": "timestamp with time zone",
    "lower": "text",
    "upper": "text",
}
_VALUE_FUNCTIONS: Final = {
    "SVFOP_CURRENT_DATE": "date",
    "SVFOP_CURRENT_TIMESTAMP": "timestamp with time zone",
    "SVFOP_CURRENT_TIMESTAMP_N": "timestamp with time zone",
    "SVFOP_LOCALTIMESTAMP": "timestamp without time zone",
    "SVFOP_LOCALTIMESTAMP_N": "timestamp without time zone",
}


def usable(column_type: str, value_type: str | None) -> bool:
    """Whether an index on a column serves a comparison with a value of that type (None: not known,
    as of a quoted literal, which takes the column's).

    Dates and timestamps compare across types in PostgreSQL's B-trees; see `differs_on_dsql`.
    """
    if value_type is None or value_type == column_type:
        return True
    families = (_INTEGERS, MOMENTS, TEXTS)
    if any({column_type, value_type} <= family for family in families):
        return True
    return value_type in _FITS.get(column_type, ())


def differs_on_dsql(column_type: str, value_type: str | None) -> bool:
    """Whether DSQL may read all where PostgreSQL uses the index: DSQL compares across types within
    the integer family alone (AWS dsql skill, plan interpretation).
    """
    return (
        value_type is not None
        and value_type != column_type
        and {column_type, value_type} <= MOMENTS
    )


def type_of(node: Any) -> str | None:
    """The type of an expression without columns, where that is easy to tell."""
    match node.WhichOneof("node"):
        case "a_const":
            value = node.a_const.WhichOneof("val")
            found = {"ival": "integer", "fval": "numeric", "boolval": "boolean"}.get(value or "")
        case "type_cast":
            name = node.type_cast.type_name.names[-1].string.sval
            found = None if name == "unknown" else _NAMES.get(name, name)
        case "func_call":
            found = _FUNCTIONS.get(node.func_call.funcname[-1].string.sval)
        case "sqlvalue_function":
            operation = node.sqlvalue_function
            kinds = operation.DESCRIPTOR.fields_by_name["op"].enum_type.values_by_number
            found = _VALUE_FUNCTIONS.get(kinds[operation.op].name)
        case "a_expr" if node.a_expr.HasField("lexpr"):
            found = _type_of_sum(type_of(node.a_expr.lexpr), type_of(node.a_expr.rexpr))
        case _:
            found = None
    return found


def _type_of_sum(left: str | None, right: str | None) -> str | None:
    if left in MOMENTS and right == "interval":
        return "timestamp without time zone" if left == "date" else left
    return left if left == right else None

"""Expressions that an index may have as its key: DSQL takes only those whose functions are
immutable (42P17), and whose type may stand in a key.
"""

from collections.abc import Callable
from typing import Final

from dsqlkit.advisor.syntax import Node, kind_of, names_of
from dsqlkit.advisor.types import NUMBERS, TEXTS, type_of

TypeOf = Callable[[Node], str | None]
"""The type of the column that a ColumnRef means; None for one that is no table's."""

_OF_TEXT: Final = {
    **dict.fromkeys(
        ("lower", "upper", "btrim", "ltrim", "rtrim", "substring", "substr", "left", "right"),
        "text",
    ),
    **dict.fromkeys(("md5", "replace", "split_part", "initcap", "reverse"), "text"),
    **dict.fromkeys(("length", "char_length", "position", "strpos"), "integer"),
}
_OF_NUMBERS: Final = frozenset({"abs", "round", "floor", "ceil", "ceiling", "trunc", "mod"})
_PARTS: Final = frozenset({"extract", "date_part"})
_LOCAL_MOMENTS: Final = frozenset({"timestamp without time zone", "date"})
_OF_DOCUMENTS: Final = {"->": "jsonb", "#>": "jsonb", "->>": "text", "#>>": "text"}
_FROM_TEXT: Final = NUMBERS | TEXTS | {"boolean", "uuid"}
"""Types that a text is cast to in one way, whatever the session's settings are."""
SAME_ORDER: Final = frozenset({"lower", "upper", "btrim", "ltrim", "rtrim", "initcap"})
"""Functions that leave about as many values as there were."""


def immutable_type(node: Node, type_of_column: TypeOf) -> str | None:
    """The type of an expression whose value never changes for the same row; None for one that may
    change, as with the session's time zone, or that is not known here.
    """
    match kind_of(node):
        case "column_ref":
            found = type_of_column(node.column_ref)
        case "a_const":
            found = type_of(node) or "text"
        case "type_cast":
            found = _cast(node, type_of_column)
        case "func_call":
            found = _function(node.func_call, type_of_column)
        case "a_expr":
            found = _operation(node.a_expr, type_of_column)
        case "coalesce_expr":
            types = {immutable_type(each, type_of_column) for each in node.coalesce_expr.args}
            found = types.pop() if len(types) == 1 else None
        case _:
            found = None
    return found


def _cast(node: Node, type_of_column: TypeOf) -> str | None:
    given, wanted = immutable_type(node.type_cast.arg, type_of_column), type_of(node)
    if given is None or wanted is None:
        return None
    same_kind = any({given, wanted} <= family for family in (TEXTS, NUMBERS))
    from_text = given in TEXTS and wanted in _FROM_TEXT
    day = given == "timestamp without time zone" and wanted == "date"
    return wanted if same_kind or from_text or day or given == wanted else None


def _function(call: Node, type_of_column: TypeOf) -> str | None:
    name = names_of(call.funcname)[-1]
    types = [immutable_type(each, type_of_column) for each in call.args]
    if None in types or not types:
        return None
    if name in _OF_TEXT and types[0] in TEXTS:
        return _OF_TEXT[name]
    if name in _OF_NUMBERS and types[0] in NUMBERS:
        return types[0]
    if name == "date_trunc" and types[1:] == ["timestamp without time zone"]:
        return "timestamp without time zone"
    if name in _PARTS and types[-1] in _LOCAL_MOMENTS:
        return "numeric"
    return None


def _operation(node: Node, type_of_column: TypeOf) -> str | None:
    if not node.HasField("lexpr"):
        return None
    name = "".join(names_of(node.name))
    left = immutable_type(node.lexpr, type_of_column)
    right = immutable_type(node.rexpr, type_of_column)
    if left is None or right is None:
        return None
    if name in _OF_DOCUMENTS and left in {"json", "jsonb"}:
        found = _OF_DOCUMENTS[name]
        return left if found == "jsonb" else found
    if name in {"+", "-", "*", "/", "%"} and {left, right} <= NUMBERS:
        return left if left == right else "numeric"
    return "text" if name == "||" and {left, right} <= TEXTS else None

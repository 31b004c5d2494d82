"""Parts of a condition, looked at by themselves."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from dsqlkit.advisor.expressions import SAME_ORDER
from dsqlkit.advisor.syntax import Node, array_elements, constant, find, kind_of, names_of, text_of

_LETTERS: Final = re.compile(r"[\w @#&,:;/=<>-]*")


def as_row_comparison(arguments: Sequence[Node], names: Mapping[int, str]) -> str | None:
    """`(a, b) < (x, y)` for `a < x OR (a = x AND b < y)`; None for another condition."""
    if len(arguments) != 2:
        return None
    first, second = sorted(arguments, key=lambda each: kind_of(each) != "a_expr")
    if kind_of(first) != "a_expr" or kind_of(second) != "bool_expr":
        return None
    parts = list(second.bool_expr.args)
    if len(parts) != 2 or any(kind_of(each) != "a_expr" for each in parts):
        return None
    for same, then in (parts, parts[::-1]):
        operator = "".join(names_of(first.a_expr.name))
        pair = all(
            text_of(getattr(first.a_expr, side), {}) == text_of(getattr(same.a_expr, side), {})
            for side in ("lexpr", "rexpr")
        )
        if (
            pair
            and names_of(same.a_expr.name) == ("=",)
            and operator in {"<", ">"}
            and "".join(names_of(then.a_expr.name)).startswith(operator)
        ):
            sides = (
                ", ".join(text_of(getattr(each.a_expr, side), names) for each in (first, then))
                for side in ("lexpr", "rexpr")
            )
            left, right = sides
            return f"({left}) {''.join(names_of(then.a_expr.name))} ({right})"
    return None


def varies(node: Node) -> bool:
    """Whether an expression has a column in it, of whatever relation."""
    return any(True for _ in find(node, "ColumnRef"))


def values_of(node: Node) -> Node:
    """The condition with what it compares left out, so that only values are looked at."""
    copy = type(node)()
    copy.CopyFrom(node)
    match kind_of(node):
        case "a_expr":
            copy.a_expr.lexpr.Clear()
        case "null_test":
            copy.null_test.arg.Clear()
        case "boolean_test":
            copy.boolean_test.arg.Clear()
        case "column_ref":
            copy.Clear()
        case "bool_expr":
            copy.bool_expr.args[0].Clear()
    return copy


def regular_prefix(pattern: str) -> str:
    """The letters with which a text must begin to match a regular expression."""
    if not pattern.startswith("^"):
        return ""
    found = _LETTERS.match(pattern, 1)
    letters = found[0] if found else ""
    after = pattern[1 + len(letters) :]
    if "|" in pattern:
        return ""
    return letters[:-1] if after[:1] in {"*", "?", "{"} else letters


def is_like_its_column(node: Node) -> bool:
    """Whether an expression has about as many values as the column inside it."""
    if kind_of(node) != "func_call":
        return False
    return names_of(node.func_call.funcname)[-1] in SAME_ORDER


def elements_of(array: Node, values: Mapping[int, str | None]) -> list[Node] | None:
    """The elements of an array that the query spells out."""
    inner = array.type_cast.arg if kind_of(array) == "type_cast" else array
    if kind_of(inner) == "type_cast":
        return elements_of(inner, values)
    if kind_of(inner) == "a_array_expr":
        return list(inner.a_array_expr.elements)
    value = constant(inner, values) if kind_of(inner) in {"a_const", "param_ref"} else None
    texts = None if value is None else array_elements(value)
    if texts is None:
        return None
    made = []
    for each in texts:
        node = type(array)()
        node.a_const.sval.sval = each
        made.append(node)
    return made

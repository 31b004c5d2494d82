"""How PostgreSQL calls the columns of an index, and thereby an index that was given no name.

A cluster was recorded to name an index after its table and columns; that expressions are named as
PostgreSQL names them is a guess.
"""

from collections.abc import Iterable
from typing import Final

from postgast import pg_query_pb2 as tree

from dsqlkit.local.statements.tree import Node

_NAME_BYTES: Final = 63
_EXPRESSION: Final = "expr"
_SURE: Final = 2
"""How well a name fits, as PostgreSQL's FigureColnameInternal weighs it: a type's name, or CASE,
gives way to the name of what is cast, or of what CASE ends with."""
_WEAK: Final = 1
_NONE: Final = ("", 0)

_OF_KIND: Final = {
    "a_array_expr": "array",
    "coalesce_expr": "coalesce",
    "grouping_func": "grouping",
    "row_expr": "row",
    "xml_serialize": "xmlserialize",
}
_OF_LEAST: Final = {tree.IS_GREATEST: "greatest", tree.IS_LEAST: "least"}
_OF_XML: Final = {
    tree.IS_XMLCONCAT: "xmlconcat",
    tree.IS_XMLELEMENT: "xmlelement",
    tree.IS_XMLFOREST: "xmlforest",
    tree.IS_XMLPARSE: "xmlparse",
    tree.IS_XMLPI: "xmlpi",
    tree.IS_XMLROOT: "xmlroot",
}


def addition(index: Node) -> str:
    """What stands between a table's name and `idx` in the name of a parsed CREATE INDEX."""
    elements = (*index.index_params, *index.index_including_params)
    return "_".join(_distinct(_called(each.index_elem) for each in elements))


def plain_column(element: Node) -> str | None:
    """The column that an element of an index is, if it is no expression: `(a)` is one too."""
    if element.name:
        return str(element.name)
    if element.expr.WhichOneof("node") == "column_ref":
        return _last_name(element.expr.column_ref.fields) or None
    return None


def _distinct(names: Iterable[str]) -> list[str]:
    """The names, with a number behind one that was there before."""
    found: list[str] = []
    for name in names:
        number, distinct = 0, name
        while distinct in found:
            number += 1
            distinct = _cut(name, _NAME_BYTES - len(str(number))) + str(number)
        found.append(distinct)
    return found


def _cut(name: str, most: int) -> str:
    return name.encode()[:most].decode(errors="ignore")


def _called(element: Node) -> str:
    return str(element.name) or _figured(element.expr)[0] or _EXPRESSION


def _figured(expression: Node) -> tuple[str, int]:  # noqa: PLR0911, PLR0912 - a table
    """The name of an expression, and how well it fits."""
    kind = expression.WhichOneof("node")
    if kind is None:
        return _NONE
    node = getattr(expression, kind)
    if kind in _OF_KIND:
        return _OF_KIND[kind], _SURE
    match kind:
        case "column_ref":
            return _sure(_last_name(node.fields))
        case "func_call":
            return _sure(_last_name(node.funcname))
        case "a_indirection":
            named = _sure(_last_name(node.indirection))
            return named if named[1] else _figured(node.arg)
        case "collate_clause":
            return _figured(node.arg)
        case "type_cast":
            return _or_weak(_figured(node.arg), _last_name(node.type_name.names))
        case "case_expr":
            return _or_weak(_figured(node.defresult), "case")
        case "a_expr":
            return _sure("nullif" if node.kind == tree.AEXPR_NULLIF else "")
        case "min_max_expr":
            return _sure(_OF_LEAST[node.op])
        case "sqlvalue_function":
            name = tree.SQLValueFunctionOp.Name(node.op)
            return _sure(name.removeprefix("SVFOP_").removesuffix("_N").lower())
        case "xml_expr":
            return _sure(_OF_XML.get(node.op, ""))
        case _:
            return _NONE


def _sure(name: str) -> tuple[str, int]:
    return (name, _SURE) if name else _NONE


def _or_weak(found: tuple[str, int], name: str) -> tuple[str, int]:
    return found if found[1] == _SURE else (name, _WEAK)


def _last_name(parts: Iterable[Node]) -> str:
    """The last of these that is a name: others are `*`, or what is in brackets."""
    names = [part.string.sval for part in parts if part.WhichOneof("node") == "string"]
    return str(names[-1]) if names else ""

"""Looking at a parse tree: the parser is PostgreSQL's own (libpg_query).

Its classes are made at run time and carry no types.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import postgast
from postgast import pg_query_pb2 as tree

from dsqlkit import sql_parser
from dsqlkit.errors import SqlError, UsageError

Node: TypeAlias = Any

_PLACEHOLDER: Final = re.compile(r"%(?:%|\((?P<name>\w+)\)s)")
_NUMBERED: Final = re.compile(r"\$(?P<number>\d+)")
_ELEMENT: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,"]+)')
_QUERIES: Final = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt"})
_TEMPLATE: Final = "SELECT 1 WHERE "
_STATEMENTS: Final = frozenset({"select_stmt", "insert_stmt", "update_stmt", "delete_stmt"})
_MAX_DEPTH: Final = 600
"""Of a tree, two levels for each term of a sum: what looks at it here calls itself for each."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A parsed statement, with the names and values of its parameters by their number."""

    node: Node
    names: Mapping[int, str]
    values: Mapping[int, str | None]


def parse(sql: str, parameters: Mapping[str, object]) -> Statement:
    """Parse one statement whose parameters are psycopg's: `%(name)s`, and `%%` for a percent sign.

    Raises SqlError for text that is no SQL, and UsageError for a statement that reads no table, and
    for one that is too deep.
    """
    numbers: dict[str, int] = {}

    def numbered(found: re.Match[str]) -> str:
        name = found["name"]
        return "%" if name is None else f"${numbers.setdefault(name, len(numbers) + 1)}"

    text = _PLACEHOLDER.sub(numbered, sql)
    try:
        statements = sql_parser.parse(text).stmts
    except postgast.PgQueryError as error:
        place = error.cursorpos or None
        raise SqlError(f"{error}", sqlstate="42601", position=place) from error
    node = statements[0].stmt if len(statements) == 1 else None
    if node is None or node.WhichOneof("node") not in _STATEMENTS:
        raise UsageError(
            "Indexes are proposed for one SELECT, INSERT, UPDATE or DELETE.",
            hint="Give such a statement.",
        )
    if _depth(node) > _MAX_DEPTH:
        raise UsageError(
            f"The statement nests more than {_MAX_DEPTH // 2} expressions in each other.",
            hint="Shorten it: put a chain of operators into parts, or a list in place of it.",
        )
    return Statement(
        node,
        {number: name for name, number in numbers.items()},
        {
            number: None if parameters.get(name) is None else str(parameters[name])
            for name, number in numbers.items()
        },
    )


def parse_text(sql: str) -> Node:
    """The tree of one statement that has no parameters, such as a view's query."""
    return sql_parser.parse(sql).stmts[0].stmt


def relations_of(node: Node) -> tuple[tuple[str, str], ...]:
    """The relations that a statement names, at all levels, with their schemas ("" for none)."""
    named = (each for each, _ in _levels(node) if each.DESCRIPTOR.name == "RangeVar")
    return tuple(dict.fromkeys((each.schemaname, each.relname) for each in named))


def _depth(node: Node) -> int:
    return max(depth for _, depth in _levels(node))


def _levels(node: Node) -> Iterator[tuple[Node, int]]:
    """A tree's messages, parents before children, with their levels from 1 on."""
    waiting = [(node, 1)]
    while waiting:
        each, depth = waiting.pop()
        yield each, depth
        for field, value in reversed(each.ListFields()):
            if field.message_type is not None:
                children = reversed(value) if field.is_repeated else (value,)
                waiting.extend((child, depth + 1) for child in children)


def parse_condition(text: str) -> Node:
    """The tree of a condition, as that of a partial index."""
    return sql_parser.parse(_TEMPLATE + text).stmts[0].stmt.select_stmt.where_clause


def text_of(node: Node, names: Mapping[int, str]) -> str:
    """An expression as SQL, with `:'name'` for a parameter."""
    parsed = sql_parser.parse(_TEMPLATE + "true")
    parsed.stmts[0].stmt.select_stmt.where_clause.CopyFrom(node)
    text = postgast.deparse(parsed).removeprefix(_TEMPLATE)
    return _NUMBERED.sub(lambda n: f":'{names.get(int(n['number']), n['number'])}'", text)


def bare(node: Node) -> Node:
    """An expression without the tables before its columns, and without the casts that PostgreSQL
    prints of texts: two that say the same of one table are the same text then.
    """
    copy = type(node)()
    copy.CopyFrom(node)
    _strip(copy)
    return copy


def _strip(message: Node) -> None:
    if message.DESCRIPTOR.name == "Node" and _is_text_cast(message):
        inner = type(message)()
        inner.CopyFrom(message.type_cast.arg)
        message.CopyFrom(inner)
    if message.DESCRIPTOR.name == "ColumnRef":
        del message.fields[:-1]
    for _, value in message.ListFields():
        several = hasattr(value, "__len__") and not isinstance(value, (str, bytes))
        for each in value if several else [value]:
            if hasattr(each, "DESCRIPTOR"):
                _strip(each)


def _is_text_cast(node: Node) -> bool:
    if kind_of(node) != "type_cast":
        return False
    cast = node.type_cast
    names = names_of(cast.type_name.names)
    plain = kind_of(cast.arg) in {"column_ref", "a_const"} and not cast.type_name.typmods
    return plain and not cast.type_name.array_bounds and names[-1:] == ("text",)


def conjuncts(node: Node) -> Iterator[Node]:
    """The conditions that AND joins."""
    if kind_of(node) == "bool_expr" and node.bool_expr.boolop == tree.AND_EXPR:
        for argument in node.bool_expr.args:
            yield from conjuncts(argument)
    elif _is_row_equality(node):
        rows = (node.a_expr.lexpr.row_expr.args, node.a_expr.rexpr.row_expr.args)
        for left, right in zip(*rows, strict=False):
            each = type(node)()
            each.CopyFrom(node)
            each.a_expr.lexpr.CopyFrom(left)
            each.a_expr.rexpr.CopyFrom(right)
            yield each
    elif kind_of(node) is not None:
        yield node


def _is_row_equality(node: Node) -> bool:
    """Whether it is `(a, b) = (1, 2)`, which is `a = 1 AND b = 2`."""
    if kind_of(node) != "a_expr" or names_of(node.a_expr.name) != ("=",):
        return False
    return kind_of(node.a_expr.lexpr) == kind_of(node.a_expr.rexpr) == "row_expr"


def kind_of(node: Node) -> str | None:
    """Which of the parser's nodes this is; None for an empty one."""
    kind: str | None = node.WhichOneof("node")
    return kind


def find(message: Node, *kinds: str) -> Iterator[Node]:
    """The messages of these classes in a tree, but for those inside a query within it."""
    for _, value in message.ListFields():
        several = hasattr(value, "__len__") and not isinstance(value, (str, bytes))
        for each in value if several else [value]:
            name = each.DESCRIPTOR.name if hasattr(each, "DESCRIPTOR") else None
            if name is None:
                continue
            if name in kinds:
                yield each
            if name not in _QUERIES:
                yield from find(each, *kinds)


def find_all(nodes: Iterable[Node]) -> Iterator[Node]:
    """The references to columns in several expressions."""
    for node in nodes:
        yield from find(node, "ColumnRef")


def names_of(nodes: Node) -> tuple[str, ...]:
    """The strings of a list of names; a star is left out."""
    return tuple(each.string.sval for each in nodes if kind_of(each) == "string")


def is_literal(node: Node) -> bool:
    """Whether an expression is made of literals alone: no parameter, no function, no query."""
    kinds = ("ParamRef", "FuncCall", "SQLValueFunction", "SubLink", "ColumnRef")
    return not any(True for _ in find(node, *kinds))


def array_elements(text: str) -> tuple[str, ...] | None:
    """The elements of a plain array literal such as `{a,"b c"}`; None for one of arrays."""
    if not (text.startswith("{") and text.endswith("}")) or "{" in text[1:]:
        return None
    found = _ELEMENT.findall(text[1:-1])
    return tuple(re.sub(r"\\(.)", r"\1", quoted) if quoted else plain for quoted, plain in found)


def constant(node: Node, values: Mapping[int, str | None]) -> str | None:
    """The value of a literal or a parameter as text, None for what is computed."""
    match kind_of(node):
        case "type_cast":
            return constant(node.type_cast.arg, values)
        case "param_ref":
            return values.get(node.param_ref.number)
        case "a_const":
            kind = node.a_const.WhichOneof("val")
            if kind == "boolval":
                return "t" if node.a_const.boolval.boolval else "f"
            return None if kind is None else str(getattr(getattr(node.a_const, kind), kind))
    return None

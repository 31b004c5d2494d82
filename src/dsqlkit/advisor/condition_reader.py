"""One condition of a query: what it lets a B-tree do, or why no B-tree can help."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from postgast import pg_query_pb2 as tree

from dsqlkit.advisor.condition import ELSEWHERE, ColumnAt, Reading, Resolve
from dsqlkit.advisor.condition_parts import (
    as_row_comparison,
    elements_of,
    values_of,
    varies,
)
from dsqlkit.advisor.keys import KeyReader
from dsqlkit.advisor.patterns import PatternReader
from dsqlkit.advisor.query import Bound, Comparison, Obstacle, Predicate
from dsqlkit.advisor.syntax import (
    Node,
    bare,
    constant,
    is_literal,
    kind_of,
    names_of,
    text_of,
)
from dsqlkit.advisor.types import usable

_MIRRORED: Final = {"=": "=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


class ConditionReader:
    """Reads conditions whose columns `resolve` finds and whose parameters have these values."""

    def __init__(
        self,
        resolve: Resolve,
        names: Mapping[int, str] = MappingProxyType({}),
        values: Mapping[int, str | None] = MappingProxyType({}),
    ) -> None:
        self._keys = KeyReader(resolve, names, values)
        self._patterns = PatternReader(self._keys, values)
        self._names = names
        self._values = values

    def read(self, node: Node) -> Reading:
        """Read one condition, of those that AND joins."""
        text = text_of(node, self._names)
        columns = tuple(self._keys.columns(node))
        match kind_of(node):
            case "a_expr":
                reading = self._comparison(node.a_expr, text)
            case "null_test":
                is_null = node.null_test.nulltesttype == tree.IS_NULL
                comparison = Comparison.NULL if is_null else Comparison.NOT_NULL
                reading = self._keys.predicate(node.null_test.arg, comparison, [], text)
                if reading and reading.obstacle and not is_null:
                    reading = None
            case "boolean_test":
                reading = self._truth(node.boolean_test, text)
            case "func_call":
                reading = self._patterns.starts_with(node.func_call, text)
            case "column_ref":
                reading = self._boolean(node, "t", text)
            case "bool_expr":
                reading = self._boolean_expression(node, text)
            case _:
                reading = None
        if reading and reading.predicate and is_literal(values_of(node)):
            use, predicate = reading.predicate
            condition = text_of(bare(node), self._names)
            told = replace(predicate, literal=True, condition=condition)
            reading = replace(reading, predicate=(use, told))
        return reading or Reading(filtered=columns, text=text)

    def columns(self, node: Node) -> Iterator[ColumnAt]:
        """The columns in an expression, but for those inside a query within it."""
        return self._keys.columns(node)

    def _comparison(self, node: Node, text: str) -> Reading | None:
        operator = "".join(names_of(node.name))
        match node.kind:
            case tree.AEXPR_OP if operator in _MIRRORED:
                found = self._operator(node, operator, text)
            case tree.AEXPR_OP if operator in {"<>", "!="}:
                found = self._differs(node.lexpr, [node.rexpr], text)
            case tree.AEXPR_OP if operator in {"^@", "~", "~~"}:
                found = self._patterns.like(node, operator, text)
            case tree.AEXPR_IN if operator == "=":
                found = self._in(node.lexpr, list(node.rexpr.list.items), text)
            case tree.AEXPR_IN:
                found = self._differs(node.lexpr, list(node.rexpr.list.items), text)
            case tree.AEXPR_OP_ANY if operator == "=":
                found = self._any(node.lexpr, node.rexpr, text)
            case tree.AEXPR_OP_ALL if operator == "<>":
                found = self._differs(node.lexpr, elements_of(node.rexpr, self._values) or [], text)
            case tree.AEXPR_BETWEEN:
                low, high = node.rexpr.list.items
                found = self._keys.predicate(
                    node.lexpr, Comparison.RANGE, [(">=", low), ("<=", high)], text
                )
            case tree.AEXPR_LIKE if operator == "~~":
                found = self._patterns.like(node, operator, text)
            case tree.AEXPR_ILIKE:
                found = self._keys.blocked(
                    node.lexpr,
                    text,
                    "ILIKE ignores case, and a B-tree does not: compare a column that is kept in "
                    "lower case.",
                )
            case _:
                found = None
        return found

    def _in(self, node: Node, values: list[Node], text: str) -> Reading | None:
        if kind_of(node) == "row_expr":
            why = "A list of rows is OR over several columns: join with VALUES instead."
            return self._keys.blocked(node, text, why)
        return self._keys.predicate(node, Comparison.IN, [("=", value) for value in values], text)

    def _any(self, node: Node, array: Node, text: str) -> Reading | None:
        elements = elements_of(array, self._values)
        if elements is not None:
            return self._in(node, elements, text)
        return None if varies(array) else self._in(node, [], text)

    def _differs(self, node: Node, values: list[Node], text: str) -> Reading | None:
        """Nothing that a B-tree serves, but a part of the rows that may be known."""
        column = self._keys.bare(node)
        if column is None or any(map(varies, values)):
            return None
        if column.type == "boolean" and len(values) == 1:
            value = constant(values[0], self._values)
            if value in {"t", "f", "true", "false"}:
                return self._boolean(node, "f" if value[0] == "t" else "t", text)
        bounds = tuple(Bound("<>", constant(value, self._values)) for value in values)
        found = Predicate(column.name, Comparison.DIFFERS, bounds, text)
        return Reading((column.use, found), text=text)

    def _truth(self, node: Node, text: str) -> Reading | None:
        kinds = {tree.IS_TRUE: "t", tree.IS_FALSE: "f"}
        if node.booltesttype in kinds:
            return self._boolean(node.arg, kinds[node.booltesttype], text)
        column = self._keys.bare(node.arg)
        excluded = {tree.IS_NOT_TRUE: "t", tree.IS_NOT_FALSE: "f"}.get(node.booltesttype)
        if column is None or excluded is None:
            return None
        found = Predicate(column.name, Comparison.DIFFERS, (Bound("IS NOT", excluded),), text)
        return Reading((column.use, found), text=text)

    def _operator(self, node: Node, operator: str, text: str) -> Reading | None:
        if kind_of(node.lexpr) == kind_of(node.rexpr) == "row_expr":
            return self._rows(node, operator, text)
        left, right = self._keys.bare(node.lexpr), self._keys.bare(node.rexpr)
        joins: list[tuple[int, ColumnAt]] = []
        for column, other in ((left, node.rexpr), (right, node.lexpr)):
            others = {each.use for each in self._keys.columns(other)}
            if not others and varies(other):
                others = {ELSEWHERE}
            if column is not None and len(others) == 1 and column.use not in others:
                joins.append((others.pop(), column))
        if joins:
            columns = (*self._keys.columns(node.lexpr), *self._keys.columns(node.rexpr))
            if left and right and not usable(left.type, right.type):
                why = f"{left.type} and {right.type} are compared: no index serves that. "
                return Reading(
                    obstacle=Obstacle(text, why + "Give both columns one type."),
                    filtered=columns,
                    text=text,
                )
            return Reading(joins=tuple(joins), equal=operator == "=", filtered=columns, text=text)
        if right is not None and left is None and not varies(node.lexpr):
            return self._compared(node.rexpr, _MIRRORED[operator], node.lexpr, text)
        if varies(node.rexpr):
            return None
        return self._compared(node.lexpr, operator, node.rexpr, text)

    def _rows(self, node: Node, operator: str, text: str) -> Reading | None:
        """`(a, b) > (1, 2)`: at least a range of the first column, on an index on both of both."""
        column, value = node.lexpr.row_expr.args[0], node.rexpr.row_expr.args[0]
        found = self._compared(column, operator[0] + "=", value, text)
        if found is None or found.predicate is None:
            return found
        return replace(found, also=tuple(self._keys.columns(node.lexpr)))

    def _compared(self, node: Node, operator: str, value: Node, text: str) -> Reading | None:
        comparison = Comparison.EQUAL if operator == "=" else Comparison.RANGE
        return self._keys.predicate(node, comparison, [(operator, value)], text)

    def _boolean(self, node: Node, value: str, text: str) -> Reading | None:
        column = self._keys.bare(node)
        if column is None or column.type != "boolean":
            return None
        bounds = (Bound("=", value),)
        found = Predicate(column.name, Comparison.EQUAL, bounds, text)
        return Reading((column.use, found), text=text)

    def _boolean_expression(self, node: Node, text: str) -> Reading | None:
        arguments = node.bool_expr.args
        if node.bool_expr.boolop == tree.NOT_EXPR:
            return self._boolean(arguments[0], "f", text)
        columns = tuple(self._keys.columns(node))
        if not columns:
            return None
        names = {(column.use, column.name) for column in columns}
        if node.bool_expr.boolop == tree.OR_EXPR and (
            rows := as_row_comparison(arguments, self._names)
        ):
            return Reading(
                obstacle=Obstacle(text, f"Write {rows}, which is one range of an index."),
                filtered=columns,
                text=text,
            )
        if len(names) == 1:
            why = f"OR is not one range of an index: write {columns[0].name} IN (...), or a UNION."
        else:
            why = "OR over several columns is not one range of any index: write a UNION of queries."
        return Reading(obstacle=Obstacle(text, why), filtered=columns, text=text)

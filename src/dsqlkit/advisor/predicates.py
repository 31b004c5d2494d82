"""One condition of a query: what it lets a B-tree do, or why no B-tree can help."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from postgast import pg_query_pb2 as tree

from dsqlkit.advisor.query import Bound, Comparison, Obstacle, Predicate
from dsqlkit.advisor.syntax import Node, constant, find, kind_of, names_of, text_of
from dsqlkit.advisor.types import differs_on_dsql, type_of, usable
from dsqlkit.quotas import NOT_IN_A_KEY

_MIRRORED: Final = {"=": "=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_VOLATILE: Final = frozenset({"random", "gen_random_uuid", "clock_timestamp", "nextval"})
_WILDCARD: Final = re.compile(r"(?<!\\)[%_]")


@dataclass(frozen=True, slots=True)
class ColumnAt:
    """A column of one of a query's uses of tables (a place in its list)."""

    use: int
    name: str
    type: str


Resolve = Callable[[Node], ColumnAt | None]
"""The column that a ColumnRef means; None for one that is not a table's."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a condition says. `joins` are pairs: rows of the first use find rows of the column.

    `also` are columns that it reads beside those that it names elsewhere.
    """

    predicate: tuple[int, Predicate] | None = None
    obstacle: Obstacle | None = None
    joins: tuple[tuple[int, ColumnAt], ...] = ()
    filtered: tuple[ColumnAt, ...] = ()
    also: tuple[ColumnAt, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class ConditionReader:
    """Reads conditions whose columns `resolve` finds and whose parameters have these values."""

    resolve: Resolve
    names: Mapping[int, str] = field(default_factory=dict)
    values: Mapping[int, str | None] = field(default_factory=dict)

    def read(self, node: Node) -> Reading:
        """Read one condition, of those that AND joins."""
        text = text_of(node, self.names)
        columns = tuple(self.columns(node))
        match kind_of(node):
            case "a_expr":
                reading = self._comparison(node.a_expr, text)
            case "null_test" if node.null_test.nulltesttype == tree.IS_NULL:
                reading = self._predicate(node.null_test.arg, Comparison.NULL, [], text)
            case "column_ref":
                reading = self._boolean(node, "t", text)
            case "bool_expr":
                reading = self._boolean_expression(node, text)
            case _:
                reading = None
        return reading or Reading(filtered=columns, text=text)

    def columns(self, node: Node) -> Iterator[ColumnAt]:
        """The columns in an expression, but for those inside a query within it."""
        for reference in find(node, "ColumnRef"):
            found = self.resolve(reference)
            if found is not None:
                yield found

    def _comparison(self, node: Node, text: str) -> Reading | None:
        operator = "".join(names_of(node.name))
        match node.kind:
            case tree.AEXPR_OP if operator in _MIRRORED:
                found = self._operator(node, operator, text)
            case tree.AEXPR_IN if operator == "=":
                found = self._in(node.lexpr, list(node.rexpr.list.items), text)
            case tree.AEXPR_OP_ANY if operator == "=":
                found = self._any(node.lexpr, node.rexpr, text)
            case tree.AEXPR_BETWEEN:
                low, high = node.rexpr.list.items
                found = self._predicate(
                    node.lexpr, Comparison.RANGE, [(">=", low), ("<=", high)], text
                )
            case tree.AEXPR_LIKE if operator == "~~":
                found = self._like(node, text)
            case tree.AEXPR_ILIKE:
                found = self._blocked(
                    node.lexpr,
                    text,
                    "ILIKE ignores case, and a B-tree does not: compare a column that is kept in "
                    "lower case.",
                )
            case _:
                found = None
        return found

    def _in(self, node: Node, values: list[Node], text: str) -> Reading | None:
        return self._predicate(node, Comparison.IN, [("=", value) for value in values], text)

    def _any(self, node: Node, array: Node, text: str) -> Reading | None:
        inner = array.type_cast.arg if kind_of(array) == "type_cast" else array
        if kind_of(inner) == "a_array_expr":
            return self._in(node, list(inner.a_array_expr.elements), text)
        return None if any(self.columns(array)) else self._in(node, [], text)

    def _operator(self, node: Node, operator: str, text: str) -> Reading | None:
        if kind_of(node.lexpr) == kind_of(node.rexpr) == "row_expr":
            return self._rows(node, operator, text)
        left, right = self._bare(node.lexpr), self._bare(node.rexpr)
        joins: list[tuple[int, ColumnAt]] = []
        if operator == "=":
            for column, other in ((left, node.rexpr), (right, node.lexpr)):
                others = {each.use for each in self.columns(other)}
                if column is not None and len(others) == 1 and column.use not in others:
                    joins.append((others.pop(), column))
        if joins:
            columns = (*self.columns(node.lexpr), *self.columns(node.rexpr))
            if left and right and not usable(left.type, right.type):
                why = f"{left.type} and {right.type} are compared: no index serves that. "
                return Reading(
                    obstacle=Obstacle(text, why + "Give both columns one type."),
                    filtered=columns,
                    text=text,
                )
            return Reading(joins=tuple(joins), filtered=columns, text=text)
        if right is not None and left is None and not any(self.columns(node.lexpr)):
            return self._compared(node.rexpr, _MIRRORED[operator], node.lexpr, text)
        if any(self.columns(node.rexpr)):
            return None
        return self._compared(node.lexpr, operator, node.rexpr, text)

    def _rows(self, node: Node, operator: str, text: str) -> Reading | None:
        """`(a, b) > (1, 2)`: at least a range of the first column, on an index on both of both."""
        column, value = node.lexpr.row_expr.args[0], node.rexpr.row_expr.args[0]
        found = self._compared(column, operator[0] + "=", value, text)
        if found is None or found.predicate is None:
            return found
        return replace(found, also=tuple(self.columns(node.lexpr)))

    def _compared(self, node: Node, operator: str, value: Node, text: str) -> Reading | None:
        comparison = Comparison.EQUAL if operator == "=" else Comparison.RANGE
        return self._predicate(node, comparison, [(operator, value)], text)

    def _like(self, node: Node, text: str) -> Reading | None:
        column = self._bare(node.lexpr)
        pattern = constant(node.rexpr, self.values)
        if column is None or pattern is None:
            return self._blocked(node.lexpr, text, "The pattern is not known beforehand.")
        prefix = _WILDCARD.split(pattern, maxsplit=1)[0].replace("\\", "")
        if not prefix:
            return self._blocked(
                node.lexpr, text, "The pattern begins with a wildcard: a B-tree finds beginnings."
            )
        if column.type == "character":
            return self._blocked(node.lexpr, text, "LIKE compares a char column as text.")
        whole = _WILDCARD.search(pattern) is None
        comparison = Comparison.EQUAL if whole else Comparison.PREFIX
        bounds = (Bound("=" if whole else "LIKE", prefix),)
        return Reading((column.use, Predicate(column.name, comparison, bounds, text)), text=text)

    def _boolean(self, node: Node, value: str, text: str) -> Reading | None:
        column = self._bare(node)
        if column is None or column.type != "boolean":
            return None
        bounds = (Bound("=", value),)
        found = Predicate(column.name, Comparison.EQUAL, bounds, text)
        return Reading((column.use, found), text=text)

    def _boolean_expression(self, node: Node, text: str) -> Reading | None:
        arguments = node.bool_expr.args
        if node.bool_expr.boolop == tree.NOT_EXPR:
            return self._boolean(arguments[0], "f", text)
        columns = tuple(self.columns(node))
        if not columns:
            return None
        names = {(column.use, column.name) for column in columns}
        if len(names) == 1:
            why = f"OR is not one range of an index: write {columns[0].name} IN (...)."
        else:
            why = "OR over several columns is not one range of any index: write a UNION of queries."
        return Reading(obstacle=Obstacle(text, why), filtered=columns, text=text)

    def _predicate(
        self, node: Node, comparison: Comparison, bounds: list[tuple[str, Node]], text: str
    ) -> Reading | None:
        column = self._bare(node)
        if column is None:
            return self._inside_expression(node, text)
        caution = ""
        for _, value in bounds:
            if any(self.columns(value)):
                return None
            calls = {names_of(call.funcname)[-1] for call in find(value, "FuncCall")}
            if calls & _VOLATILE:
                return self._blocked(node, text, "The value changes from row to row.")
            value_type = type_of(value)
            if not usable(column.type, value_type):
                why = f"{column.name} is {column.type} and is compared as {value_type}: no index "
                return self._blocked(
                    node, text, f"{why}on it is used. Cast the value to {column.type}."
                )
            if differs_on_dsql(column.type, value_type):
                caution = (
                    f"{column.name} is {column.type} and is compared with a {value_type}: "
                    f"PostgreSQL's index serves that, DSQL's may not. Cast the value to the "
                    "column's type."
                )
        if column.type in NOT_IN_A_KEY:
            return self._blocked(node, text, f"{column.type} cannot be in a key on DSQL.")
        known = tuple(Bound(operator, constant(value, self.values)) for operator, value in bounds)
        found = Predicate(column.name, comparison, known, text, caution)
        return Reading((column.use, found), text=text)

    def _inside_expression(self, node: Node, text: str) -> Reading | None:
        names = sorted({column.name for column in self.columns(node)})
        if not names:
            return None
        column = names[0]
        what = "cast" if kind_of(node) == "type_cast" else "inside an expression"
        return self._blocked(
            node,
            text,
            f"{column} is compared {what}, and an index holds the column as it is: compare "
            f"{column} itself.",
        )

    def _blocked(self, node: Node, text: str, why: str) -> Reading | None:
        columns = tuple(self.columns(node))
        return (
            Reading(obstacle=Obstacle(text, why), filtered=columns, text=text) if columns else None
        )

    def _bare(self, node: Node) -> ColumnAt | None:
        if kind_of(node) == "column_ref":
            return self.resolve(node.column_ref)
        if kind_of(node) == "type_cast" and kind_of(node.type_cast.arg) == "column_ref":
            column = self.resolve(node.type_cast.arg.column_ref)
            cast_to = type_of(node)
            texts = {"text", "character varying"}
            # A cast that changes no bytes is looked through by the planner.
            if column and (cast_to == column.type or {cast_to, column.type} <= texts):
                return column
        return None

"""One condition of a query: what it lets a B-tree do, or why no B-tree can help."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from postgast import pg_query_pb2 as tree

from dsqlkit.advisor.condition_parts import (
    as_row_comparison,
    is_like_its_column,
    regular_prefix,
    values_of,
    varies,
)
from dsqlkit.advisor.expressions import immutable_type
from dsqlkit.advisor.query import Bound, Comparison, Obstacle, Predicate
from dsqlkit.advisor.syntax import (
    Node,
    array_elements,
    bare,
    constant,
    find,
    is_literal,
    kind_of,
    names_of,
    text_of,
)
from dsqlkit.advisor.types import differs_on_dsql, type_of, usable
from dsqlkit.quotas import NOT_IN_A_KEY

_MIRRORED: Final = {"=": "=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_VOLATILE: Final = frozenset({"random", "gen_random_uuid", "clock_timestamp", "nextval"})
_WILDCARD: Final = re.compile(r"(?<!\\)[%_]")


ELSEWHERE: Final = -1
"""The use of what comes from no table: VALUES, a function's rows, a column that was computed."""


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
    """What a condition says. `joins` are pairs: rows of the first use find rows of the column,
    by `=` or by a range.

    `also` are columns that it reads beside those that it names elsewhere.
    """

    predicate: tuple[int, Predicate] | None = None
    obstacle: Obstacle | None = None
    joins: tuple[tuple[int, ColumnAt], ...] = ()
    equal: bool = True
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
            case "null_test":
                is_null = node.null_test.nulltesttype == tree.IS_NULL
                comparison = Comparison.NULL if is_null else Comparison.NOT_NULL
                reading = self._predicate(node.null_test.arg, comparison, [], text)
                if reading and reading.obstacle and not is_null:
                    reading = None
            case "boolean_test":
                reading = self._truth(node.boolean_test, text)
            case "func_call":
                reading = self._starts_with(node.func_call, text)
            case "column_ref":
                reading = self._boolean(node, "t", text)
            case "bool_expr":
                reading = self._boolean_expression(node, text)
            case _:
                reading = None
        if reading and reading.predicate and is_literal(values_of(node)):
            use, predicate = reading.predicate
            condition = text_of(bare(node), self.names)
            told = replace(predicate, literal=True, condition=condition)
            reading = replace(reading, predicate=(use, told))
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
            case tree.AEXPR_OP if operator in {"<>", "!="}:
                found = self._differs(node.lexpr, [node.rexpr], text)
            case tree.AEXPR_OP if operator in {"^@", "~", "~~"}:
                found = self._like(node, operator, text)
            case tree.AEXPR_IN if operator == "=":
                found = self._in(node.lexpr, list(node.rexpr.list.items), text)
            case tree.AEXPR_IN:
                found = self._differs(node.lexpr, list(node.rexpr.list.items), text)
            case tree.AEXPR_OP_ANY if operator == "=":
                found = self._any(node.lexpr, node.rexpr, text)
            case tree.AEXPR_OP_ALL if operator == "<>":
                found = self._differs(node.lexpr, self._elements(node.rexpr) or [], text)
            case tree.AEXPR_BETWEEN:
                low, high = node.rexpr.list.items
                found = self._predicate(
                    node.lexpr, Comparison.RANGE, [(">=", low), ("<=", high)], text
                )
            case tree.AEXPR_LIKE if operator == "~~":
                found = self._like(node, operator, text)
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
        if kind_of(node) == "row_expr":
            why = "A list of rows is OR over several columns: join with VALUES instead."
            return self._blocked(node, text, why)
        return self._predicate(node, Comparison.IN, [("=", value) for value in values], text)

    def _any(self, node: Node, array: Node, text: str) -> Reading | None:
        elements = self._elements(array)
        if elements is not None:
            return self._in(node, elements, text)
        return None if varies(array) else self._in(node, [], text)

    def _elements(self, array: Node) -> list[Node] | None:
        """The elements of an array that the query spells out."""
        inner = array.type_cast.arg if kind_of(array) == "type_cast" else array
        if kind_of(inner) == "type_cast":
            return self._elements(inner)
        if kind_of(inner) == "a_array_expr":
            return list(inner.a_array_expr.elements)
        value = constant(inner, self.values) if kind_of(inner) in {"a_const", "param_ref"} else None
        texts = None if value is None else array_elements(value)
        if texts is None:
            return None
        made = []
        for each in texts:
            node = type(array)()
            node.a_const.sval.sval = each
            made.append(node)
        return made

    def _differs(self, node: Node, values: list[Node], text: str) -> Reading | None:
        """Nothing that a B-tree serves, but a part of the rows that may be known."""
        column = self._bare(node)
        if column is None or any(map(varies, values)):
            return None
        if column.type == "boolean" and len(values) == 1:
            value = constant(values[0], self.values)
            if value in {"t", "f", "true", "false"}:
                return self._boolean(node, "f" if value[0] == "t" else "t", text)
        bounds = tuple(Bound("<>", constant(value, self.values)) for value in values)
        found = Predicate(column.name, Comparison.DIFFERS, bounds, text)
        return Reading((column.use, found), text=text)

    def _truth(self, node: Node, text: str) -> Reading | None:
        kinds = {tree.IS_TRUE: "t", tree.IS_FALSE: "f"}
        if node.booltesttype in kinds:
            return self._boolean(node.arg, kinds[node.booltesttype], text)
        column = self._bare(node.arg)
        excluded = {tree.IS_NOT_TRUE: "t", tree.IS_NOT_FALSE: "f"}.get(node.booltesttype)
        if column is None or excluded is None:
            return None
        found = Predicate(column.name, Comparison.DIFFERS, (Bound("IS NOT", excluded),), text)
        return Reading((column.use, found), text=text)

    def _starts_with(self, call: Node, text: str) -> Reading | None:
        if names_of(call.funcname)[-1] != "starts_with" or len(call.args) != 2:
            return None
        prefix = constant(call.args[1], self.values)
        return self._prefix(call.args[0], prefix, text, whole=False)

    def _operator(self, node: Node, operator: str, text: str) -> Reading | None:
        if kind_of(node.lexpr) == kind_of(node.rexpr) == "row_expr":
            return self._rows(node, operator, text)
        left, right = self._bare(node.lexpr), self._bare(node.rexpr)
        joins: list[tuple[int, ColumnAt]] = []
        for column, other in ((left, node.rexpr), (right, node.lexpr)):
            others = {each.use for each in self.columns(other)}
            if not others and varies(other):
                others = {ELSEWHERE}
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
        return replace(found, also=tuple(self.columns(node.lexpr)))

    def _compared(self, node: Node, operator: str, value: Node, text: str) -> Reading | None:
        comparison = Comparison.EQUAL if operator == "=" else Comparison.RANGE
        return self._predicate(node, comparison, [(operator, value)], text)

    def _like(self, node: Node, operator: str, text: str) -> Reading | None:
        pattern = constant(node.rexpr, self.values)
        if pattern is None:
            if varies(node.rexpr):
                return None
            return self._blocked(
                node.lexpr, text, "The pattern is known only when the query runs: an index serves "
                "one that begins with a letter, if the planner sees it."
            )  # fmt: skip
        match operator:
            case "^@":
                prefix, whole = pattern, False
            case "~":
                prefix, whole = regular_prefix(pattern), False
            case _:
                prefix = _WILDCARD.split(pattern, maxsplit=1)[0].replace("\\", "")
                whole = _WILDCARD.search(pattern) is None
        if not prefix:
            what = "does not begin with ^ and letters" if operator == "~" else (
                "begins with a wildcard"
            )  # fmt: skip
            return self._blocked(
                node.lexpr, text, f"The pattern {what}: a B-tree finds beginnings."
            )
        caution = ""
        if operator == "~":
            caution = (
                f"DSQL was recorded to check a regular expression row by row ({text}): write "
                f"LIKE '{prefix}%' beside it, which an index serves."
            )
        return self._prefix(node.lexpr, prefix, text, whole=whole, caution=caution)

    def _prefix(
        self, node: Node, prefix: str | None, text: str, *, whole: bool, caution: str = ""
    ) -> Reading | None:
        column = self._bare(node)
        if column is not None and column.type == "character":
            return self._blocked(node, text, "The beginning of a char column is compared as text.")
        comparison = Comparison.EQUAL if whole else Comparison.PREFIX
        bounds = (Bound("=" if whole else "LIKE", prefix),)
        if column is None:
            return self._of_expression(node, comparison, bounds, text, caution)
        found = Predicate(column.name, comparison, bounds, text, caution)
        return Reading((column.use, found), text=text)

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
        if node.bool_expr.boolop == tree.OR_EXPR and (
            rows := as_row_comparison(arguments, self.names)
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

    def _predicate(
        self, node: Node, comparison: Comparison, bounds: list[tuple[str, Node]], text: str
    ) -> Reading | None:
        column = self._bare(node)
        if column is None:
            if any(varies(value) for _, value in bounds):
                return None
            values = tuple(Bound(each, constant(value, self.values)) for each, value in bounds)
            return self._of_expression(node, comparison, values, text)
        caution = ""
        for _, value in bounds:
            if varies(value):
                return None
            why = _misfit(column, value)
            if why:
                return self._blocked(node, text, why)
            if differs_on_dsql(column.type, type_of(value)):
                caution = (
                    f"{column.name} is {column.type} and is compared with a {type_of(value)}: "
                    f"PostgreSQL's index serves that, DSQL's may not. Cast the value to the "
                    "column's type."
                )
        if column.type in NOT_IN_A_KEY:
            return self._blocked(
                node, text, f"{column.name} is {column.type}, which cannot be in a key on DSQL."
            )
        known = tuple(Bound(operator, constant(value, self.values)) for operator, value in bounds)
        found = Predicate(column.name, comparison, known, text, caution)
        return Reading((column.use, found), text=text)

    def _of_expression(
        self,
        node: Node,
        comparison: Comparison,
        bounds: tuple[Bound, ...],
        text: str,
        caution: str = "",
    ) -> Reading | None:
        """A condition on an expression: an index may have it as its key, if it never changes."""
        columns = tuple(dict.fromkeys(self.columns(node)))
        if not columns or len({each.use for each in columns}) != 1:
            return None
        found = self._key_expression(node)
        if found is None:
            return self._inside_expression(node, columns[0], text)
        like = is_like_its_column(node)
        predicate = Predicate(
            text_of(bare(node), self.names),
            comparison,
            bounds,
            text,
            caution,
            tuple(each.name for each in columns),
            columns[0].name if like else "",
        )
        return Reading((columns[0].use, predicate), also=columns, text=text)

    def _key_expression(self, node: Node) -> str | None:
        """The type of an expression that may be a key; a column that is only cast is better
        compared as it is.
        """

        def type_of_column(reference: Node) -> str | None:
            column = self.resolve(reference)
            return column.type if column else None

        kind = immutable_type(node, type_of_column)
        only_cast = kind_of(node) == "type_cast" and kind_of(node.type_cast.arg) == "column_ref"
        if kind in NOT_IN_A_KEY or (only_cast and kind != "date"):
            return None
        return kind

    def _inside_expression(self, node: Node, column: ColumnAt, text: str) -> Reading | None:
        name = column.name
        if column.type in NOT_IN_A_KEY:
            why = (
                f"{name} is {column.type}, which cannot be in a key on DSQL: compare a value "
                "within it as text, which an index of that expression serves."
            )
        elif kind_of(node) == "type_cast":
            why = (
                f"{name} is compared cast, and an index holds the column as it is: compare "
                f"{name} itself."
            )
        else:
            why = (
                f"{name} is compared inside an expression that may change (with the time zone, "
                f"say), so that no index can hold it: compare {name} itself, with a range perhaps."
            )
        return self._blocked(node, text, why)

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


def _misfit(column: ColumnAt, value: Node) -> str | None:
    """Why an index on the column does not serve a comparison with the value."""
    calls = {names_of(call.funcname)[-1] for call in find(value, "FuncCall")}
    if calls & _VOLATILE:
        return "The value changes from row to row."
    value_type = type_of(value)
    if usable(column.type, value_type):
        return None
    return (
        f"{column.name} is {column.type} and is compared as {value_type}: no index on it is used. "
        f"Cast the value to {column.type}."
    )

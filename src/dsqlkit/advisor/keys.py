"""What a condition compares, as an index's key: a column, an expression, or neither and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from dsqlkit.advisor.condition import ColumnAt, Reading, Resolve
from dsqlkit.advisor.condition_parts import (
    is_like_its_column,
    varies,
)
from dsqlkit.advisor.expressions import immutable_type
from dsqlkit.advisor.query import Bound, Comparison, Obstacle, Predicate
from dsqlkit.advisor.syntax import (
    Node,
    bare,
    constant,
    find,
    kind_of,
    names_of,
    text_of,
)
from dsqlkit.advisor.types import differs_on_dsql, type_of, usable
from dsqlkit.quotas import NOT_IN_A_KEY

_VOLATILE: Final = frozenset({"random", "gen_random_uuid", "clock_timestamp", "nextval"})


@dataclass(frozen=True, slots=True)
class KeyReader:
    """Reads what conditions compare; columns as `resolve` finds them, parameters with values."""

    _resolve: Resolve
    _names: Mapping[int, str]
    _values: Mapping[int, str | None]

    def columns(self, node: Node) -> Iterator[ColumnAt]:
        """The columns in an expression, but for those inside a query within it."""
        for reference in find(node, "ColumnRef"):
            found = self._resolve(reference)
            if found is not None:
                yield found

    def predicate(
        self, node: Node, comparison: Comparison, bounds: list[tuple[str, Node]], text: str
    ) -> Reading | None:
        """A comparison of `node` with these operators and values, whose text is `text`: what an
        index does for it, or why none can; None where the values vary from row to row."""
        column = self.bare(node)
        if column is None:
            if any(varies(value) for _, value in bounds):
                return None
            values = tuple(Bound(each, constant(value, self._values)) for each, value in bounds)
            return self.of_expression(node, comparison, values, text)
        caution = ""
        for _, value in bounds:
            if varies(value):
                return None
            why = _misfit(column, value)
            if why:
                return self.blocked(node, text, why)
            if differs_on_dsql(column.type, type_of(value)):
                caution = (
                    f"{column.name} is {column.type} and is compared with a {type_of(value)}: "
                    f"PostgreSQL's index serves that, DSQL's may not. Cast the value to the "
                    "column's type."
                )
        if column.type in NOT_IN_A_KEY:
            return self.blocked(
                node, text, f"{column.name} is {column.type}, which cannot be in a key on DSQL."
            )
        known = tuple(Bound(operator, constant(value, self._values)) for operator, value in bounds)
        found = Predicate(column.name, comparison, known, text, caution)
        return Reading((column.use, found), text=text)

    def of_expression(
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
            text_of(bare(node), self._names),
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
            column = self._resolve(reference)
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
        return self.blocked(node, text, why)

    def blocked(self, node: Node, text: str, why: str) -> Reading | None:
        """A condition that no index serves, and why; None where it names no column."""
        columns = tuple(self.columns(node))
        return (
            Reading(obstacle=Obstacle(text, why), filtered=columns, text=text) if columns else None
        )

    def bare(self, node: Node) -> ColumnAt | None:
        """The column that this is, cast at most to what has the same bytes; None for all else."""
        if kind_of(node) == "column_ref":
            return self._resolve(node.column_ref)
        if kind_of(node) == "type_cast" and kind_of(node.type_cast.arg) == "column_ref":
            column = self._resolve(node.type_cast.arg.column_ref)
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

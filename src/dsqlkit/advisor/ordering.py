"""Which rows come first: ORDER BY with LIMIT, and min() and max()."""

from collections.abc import Mapping
from dataclasses import dataclass

from postgast import pg_query_pb2 as tree

from dsqlkit.advisor.predicates import ColumnAt
from dsqlkit.advisor.scopes import Scope, output_names
from dsqlkit.advisor.syntax import Node, constant, find, kind_of, names_of


@dataclass(frozen=True, slots=True)
class FirstRows:
    """Only the first `limit` rows are wanted. `columns` are those of their order where an index
    could give it. `ends_early` says that reading may end before all rows are known.
    """

    limit: float
    columns: tuple[ColumnAt, ...]
    ends_early: bool


def first_rows(statement: Node, scope: Scope, values: Mapping[int, str | None]) -> FirstRows | None:
    """Which rows a SELECT wants first; None if it wants all, or makes others of them before."""
    limit = _limit(statement, values)
    if limit is None or (not _extreme(statement) and _computes(statement)):
        return None
    columns = _sort_columns(statement, scope)
    return FirstRows(limit, tuple(columns or ()), not statement.sort_clause or columns is not None)


def _limit(statement: Node, values: Mapping[int, str | None]) -> float | None:
    if _extreme(statement):
        return 1.0
    if not statement.HasField("limit_count"):
        return None
    count = _number(constant(statement.limit_count, values))
    skipped = 0.0
    if statement.HasField("limit_offset"):
        skipped = _number(constant(statement.limit_offset, values)) or 0.0
    return None if count is None else count + skipped


def _computes(statement: Node) -> bool:
    return bool(
        statement.group_clause
        or statement.distinct_clause
        or any(True for _ in find(statement, "WindowDef"))
        or any(_is_aggregate(call) for call in find(statement, "FuncCall"))
    )


def _sort_columns(statement: Node, scope: Scope) -> list[ColumnAt] | None:
    """The columns of ORDER BY, or of the one min() or max(); None where an index on columns does
    not give that order: it knows one direction, and NULLs at the end that is PostgreSQL's own.
    """
    targets = output_names(statement.target_list)
    if _extreme(statement):
        node = targets[0][1].func_call.args[0]
        column = scope.resolve(node.column_ref) if kind_of(node) == "column_ref" else None
        return None if column is None else [column]
    columns: list[ColumnAt] = []
    directions = set()
    for each in statement.sort_clause:
        sort, node = each.sort_by, each.sort_by.node
        if kind_of(node) == "a_const" and 0 < node.a_const.ival.ival <= len(targets):
            node = targets[node.a_const.ival.ival - 1][1]
        column = scope.resolve_output(node.column_ref) if kind_of(node) == "column_ref" else None
        downward = sort.sortby_dir == tree.SORTBY_DESC
        usual = tree.SORTBY_NULLS_FIRST if downward else tree.SORTBY_NULLS_LAST
        if column is None or sort.sortby_nulls not in {tree.SORTBY_NULLS_DEFAULT, usual}:
            return None
        directions.add(downward)
        columns.append(column)
    return columns if len(directions) <= 1 else None


def _extreme(statement: Node) -> bool:
    """Whether all that is asked for is one min() or max()."""
    if len(statement.target_list) != 1 or statement.group_clause or len(statement.from_clause) != 1:
        return False
    value = statement.target_list[0].res_target.val
    if kind_of(value) != "func_call" or kind_of(statement.from_clause[0]) != "range_var":
        return False
    return (
        names_of(value.func_call.funcname)[-1] in {"min", "max"} and len(value.func_call.args) == 1
    )


def _is_aggregate(call: Node) -> bool:
    return bool(call.agg_star) or names_of(call.funcname)[-1] in {
        "count", "sum", "avg", "min", "max", "array_agg", "string_agg", "bool_and", "bool_or",
        "json_agg", "jsonb_agg", "stddev", "variance",
    }  # fmt: skip


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None

"""Which rows come first: ORDER BY with LIMIT, and min() and max()."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from postgast import pg_query_pb2 as tree

from dsqlkit.advisor.expressions import immutable_type
from dsqlkit.advisor.scopes import Scope, output_names
from dsqlkit.advisor.syntax import Node, bare, constant, find, kind_of, names_of, text_of
from dsqlkit.quotas import NOT_IN_A_KEY


@dataclass(frozen=True, slots=True)
class Sorted:
    """A column or expression that rows are ordered by. `use` is the use of the table it is of."""

    use: int
    key: str
    columns: tuple[str, ...]
    descending: bool = False
    nulls_apart: bool = False
    """Whether NULLs stand at the other end than PostgreSQL puts them."""


@dataclass(frozen=True, slots=True)
class FirstRows:
    """Only the first `limit` rows are wanted. `keys` are those of their order that an index could
    give; where they are not `whole`, the rest is sorted in groups. `ends_early` says that reading
    may end before all rows are known.
    """

    limit: float
    keys: tuple[Sorted, ...]
    whole: bool
    ends_early: bool


def first_rows(statement: Node, scope: Scope, values: Mapping[int, str | None]) -> FirstRows | None:
    """Which rows a SELECT wants first; None if it wants all, or makes others of them before."""
    extreme = _extreme(statement, scope)
    if extreme is not None:
        return FirstRows(float(len(statement.target_list)), (extreme,), True, True)
    limit = _limit(statement, values)
    if limit is None or _computes(statement):
        return None
    keys = _sort_keys(statement, scope)
    return FirstRows(
        limit,
        keys,
        len(keys) == len(statement.sort_clause),
        bool(keys) or not statement.sort_clause,
    )


def _limit(statement: Node, values: Mapping[int, str | None]) -> float | None:
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


def _sort_keys(statement: Node, scope: Scope) -> tuple[Sorted, ...]:
    """The beginning of ORDER BY that an index can give: it is read in one direction, and all of
    these are of one table.
    """
    targets = output_names(statement.target_list)
    keys: list[Sorted] = []
    for each in statement.sort_clause:
        sort, node = each.sort_by, each.sort_by.node
        if kind_of(node) == "a_const" and 0 < node.a_const.ival.ival <= len(targets):
            node = targets[node.a_const.ival.ival - 1][1]
        found = _sorted(node, scope)
        if found is None:
            break
        downward = sort.sortby_dir == tree.SORTBY_DESC
        usual = tree.SORTBY_NULLS_FIRST if downward else tree.SORTBY_NULLS_LAST
        apart = sort.sortby_nulls not in {tree.SORTBY_NULLS_DEFAULT, usual}
        found = replace(found, descending=downward, nulls_apart=apart)
        if keys and (found.descending, found.use) != (keys[0].descending, keys[0].use):
            break
        keys.append(found)
    return tuple(keys)


def _sorted(node: Node, scope: Scope) -> Sorted | None:
    if kind_of(node) == "column_ref":
        column = scope.resolve_output(node.column_ref)
        return None if column is None else Sorted(column.use, column.name, (column.name,))
    columns = [column for each in find(node, "ColumnRef") if (column := scope.resolve(each))]

    def type_of_column(reference: Node) -> str | None:
        column = scope.resolve(reference)
        return column.type if column else None

    kind = immutable_type(node, type_of_column)
    if kind is None or kind in NOT_IN_A_KEY or len({each.use for each in columns}) != 1:
        return None
    return Sorted(columns[0].use, text_of(bare(node), {}), tuple(each.name for each in columns))


def _extreme(statement: Node, scope: Scope) -> Sorted | None:
    """The column of which all that is asked for is min() and max(), each perhaps."""
    if statement.group_clause or len(statement.from_clause) != 1 or not statement.target_list:
        return None
    if kind_of(statement.from_clause[0]) != "range_var" or statement.HasField("having_clause"):
        return None
    found: set[Sorted | None] = set()
    for target in statement.target_list:
        value = target.res_target.val
        call = value.func_call
        if kind_of(value) != "func_call" or len(call.args) != 1:
            return None
        if names_of(call.funcname)[-1] not in {"min", "max"} or call.HasField("agg_filter"):
            return None
        found.add(_sorted(call.args[0], scope))
    return found.pop() if len(found) == 1 else None


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

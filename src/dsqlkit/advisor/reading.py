"""From a parsed statement to its uses of tables, level by level.

Conditions of a subquery or CTE count for the tables inside it, and conditions on its plain columns
do too where PostgreSQL pushes them down: where it neither groups nor limits.
"""

from collections.abc import Iterable, Mapping

from postgast import pg_query_pb2 as tree

from dsqlkit.advisor.condition import ELSEWHERE, ColumnAt, Reading
from dsqlkit.advisor.condition_reader import ConditionReader
from dsqlkit.advisor.ordering import first_rows
from dsqlkit.advisor.query import Lookup, Query
from dsqlkit.advisor.scopes import (
    Outputs,
    Scope,
    columns_of,
    is_grouped,
    output_names,
    outputs_of,
    renamed,
)
from dsqlkit.advisor.syntax import (
    Node,
    Statement,
    conjuncts,
    find,
    kind_of,
    names_of,
    parse_text,
    text_of,
)
from dsqlkit.advisor.uses import Use, Uses
from dsqlkit.plans.catalog import Catalog

_PARTS = ("target_list", "group_clause", "having_clause", "sort_clause", "window_clause")


def read_query(statement: Statement, catalog: Catalog) -> Query:
    """The uses that a statement makes of the catalog's tables."""
    reader = _Reader(statement, catalog)
    reader.statement(statement.node, None)
    return reader.found.query()


class _Reader:
    def __init__(self, statement: Statement, catalog: Catalog) -> None:
        self.found = Uses()
        self._uses, self._lookups = self.found.uses, self.found.lookups
        self._names = statement.names
        self._values: Mapping[int, str | None] = statement.values
        self._catalog = catalog

    def statement(self, node: Node, parent: Scope | None) -> Outputs:
        match kind_of(node):
            case "select_stmt":
                return self._select(node.select_stmt, parent)
            case "update_stmt" | "delete_stmt" as kind:
                self._change(getattr(node, kind), parent)
            case "insert_stmt":
                scope = self._with(node.insert_stmt, parent)
                self.statement(node.insert_stmt.select_stmt, scope)
        return {}

    def _with(self, statement: Node, parent: Scope | None) -> Scope:
        scope = Scope(parent)
        if statement.HasField("with_clause"):
            for each in statement.with_clause.ctes:
                cte = each.common_table_expr
                scope.ctes[cte.ctename] = {}  # a recursive one names itself
                scope.ctes[cte.ctename] = self.statement(cte.ctequery, scope)
        return scope

    def _change(self, statement: Node, parent: Scope | None) -> None:
        scope = self._with(statement, parent)
        first = len(self._uses)
        self._relation(statement.relation, scope)
        if len(self._uses) > first:
            self._uses[first].index_alone = False
        others = (
            "using_clause"
            if "using_clause" in statement.DESCRIPTOR.fields_by_name
            else ("from_clause")
        )
        for item in getattr(statement, others):
            self._from(item, scope)
        self._where(statement.where_clause, scope)
        self._need(statement.returning_clause.exprs, scope)
        if "target_list" in statement.DESCRIPTOR.fields_by_name:
            self._need(statement.target_list, scope)

    def _select(self, statement: Node, parent: Scope | None) -> Outputs:
        scope = self._with(statement, parent)
        if statement.op != tree.SETOP_NONE:
            self._select(statement.larg, scope)
            self._select(statement.rarg, scope)
            return {}
        first = len(self._uses)
        for item in statement.from_clause:
            self._from(item, scope)
        own = range(first, len(self._uses))
        for name, value in output_names(statement.target_list):
            column = scope.resolve(value.column_ref) if kind_of(value) == "column_ref" else None
            if name and column:
                scope.aliases[name] = column
        self._where(statement.where_clause, scope)
        for part in _PARTS:
            value = getattr(statement, part)
            self._need([value] if part == "having_clause" else value, scope)
        if statement.locking_clause:
            for place in own:
                self._uses[place].index_alone = False
        first_wanted = first_rows(statement, scope, self._values)
        if first_wanted is not None:
            self.found.order(first_wanted, own)
        for lookup in self._lookups:
            if lookup.inner in own and lookup.outer not in own and lookup.outer != ELSEWHERE:
                self._uses[lookup.inner].correlated = True
        if is_grouped(statement):
            for place in own:
                self._uses[place].grouped = True
        return outputs_of(statement, scope)

    def _from(self, item: Node, scope: Scope) -> None:
        match kind_of(item):
            case "range_var":
                self._relation(item.range_var, scope)
            case "range_subselect":
                subselect = item.range_subselect
                outputs = self.statement(subselect.subquery, scope)
                scope.relations[subselect.alias.aliasname] = renamed(outputs, subselect.alias)
            case "join_expr":
                self._join(item.join_expr, scope)

    def _relation(self, relation: Node, scope: Scope) -> None:
        alias = relation.alias.aliasname or relation.relname
        cte = None if relation.schemaname else scope.cte(relation.relname)
        if cte is not None:
            scope.relations[alias] = renamed(cte, relation.alias)
            return
        found = [
            table
            for table in self._catalog.tables
            if table.name == relation.relname and relation.schemaname in {"", table.schema}
        ]
        view = None if found else self._view(relation)
        if view is not None:
            outputs = self.statement(parse_text(view), None)
            scope.relations[alias] = renamed(outputs, relation.alias)
            return
        if len(found) != 1:
            self.found.unknown.append(relation.relname)
            scope.relations[alias] = {}
            return
        self._uses.append(Use(found[0], alias))
        scope.relations[alias] = renamed(columns_of(len(self._uses) - 1, found[0]), relation.alias)

    def _view(self, relation: Node) -> str | None:
        """The query of a view."""
        found = [
            view.query
            for view in self._catalog.views
            if view.name == relation.relname and relation.schemaname in {"", view.schema}
        ]
        return found[0] if len(found) == 1 else None

    def _join(self, join: Node, scope: Scope) -> None:
        first = len(self._uses)
        self._from(join.larg, scope)
        middle = len(self._uses)
        self._from(join.rarg, scope)
        left, right = set(range(first, middle)), set(range(middle, len(self._uses)))
        # What an outer join must keep is not narrowed by its condition, nor looked up by it.
        kept: set[int] = set()
        if join.jointype in {tree.JOIN_LEFT, tree.JOIN_FULL}:
            kept |= left
        if join.jointype in {tree.JOIN_RIGHT, tree.JOIN_FULL}:
            kept |= right
        filled = {
            tree.JOIN_LEFT: right,
            tree.JOIN_RIGHT: left,
            tree.JOIN_FULL: left | right,
        }.get(join.jointype, set())
        for name in names_of(join.using_clause):
            sides = [
                [column for use in side if (column := self._column(use, name))]
                for side in (left, right)
            ]
            if all(sides):
                one, other = sides[0][0], sides[1][0]
                text = f"{self._uses[one.use].alias}.{name} = {self._uses[other.use].alias}.{name}"
                pair = ((one.use, other), (other.use, one))
                self.found.take(Reading(joins=pair, filtered=(one, other), text=text), kept)
        if join.HasField("quals"):
            self._conditions(join.quals, scope, kept)
        for place in filled:
            self._uses[place].nullable = True

    def _where(self, node: Node, scope: Scope) -> None:
        self._conditions(node, scope, set())

    def _conditions(self, node: Node, scope: Scope, kept: set[int]) -> None:
        reader = ConditionReader(scope.resolve, self._names, self._values)
        for each in conjuncts(node):
            if kind_of(each) == "sub_link":
                self._sublink(each.sub_link, reader, scope, anti=False)
                continue
            inner = each.bool_expr.args[0] if kind_of(each) == "bool_expr" else None
            if inner is not None and kind_of(inner) == "sub_link":
                if inner.sub_link.sub_link_type == tree.ANY_SUBLINK:
                    self.found.notes.append(
                        f"{text_of(each, self._names)} is checked row by row, and gives nothing at "
                        "all once the subquery has a NULL: write NOT EXISTS, which is a join."
                    )
                self._sublink(inner.sub_link, reader, scope, anti=True)
                continue
            for link in find(each, "SubLink"):
                self._sublink(link, reader, scope, anti=True)
            self.found.take(reader.read(each), kept)

    def _sublink(self, link: Node, reader: ConditionReader, scope: Scope, *, anti: bool) -> None:
        """A subquery in an expression: `anti` for one whose rows do not stand for outer rows."""
        first, before = len(self._uses), len(self._lookups)
        outputs = self.statement(link.subselect, scope)
        if anti or link.sub_link_type != tree.EXISTS_SUBLINK:
            # Only the inner side is looked up: the outer rows are needed whatever is found.
            made = self._lookups[before:]
            self._lookups[before:] = [each for each in made if each.inner >= first]
        if link.HasField("testexpr"):
            tested = list(reader.columns(link.testexpr))
            for column in tested:
                self._uses[column.use].needed.add(column.name)
                self._uses[column.use].filtered.add(column.name)
            given = next(iter(outputs.values()), None)
            if len(tested) == 1 and given is None and link.sub_link_type == tree.ANY_SUBLINK:
                one = tested[0]
                if not anti and kind_of(link.testexpr) == "column_ref":
                    self._lookups.append(Lookup(ELSEWHERE, one.use, one.name, "= ANY (subquery)"))
            if len(tested) == 1 and given is not None and link.sub_link_type == tree.ANY_SUBLINK:
                one, text = tested[0], "= ANY (subquery)"
                if not anti:
                    self._lookups.append(Lookup(one.use, given.use, given.name, text))
                    if kind_of(link.testexpr) == "column_ref":
                        self._lookups.append(Lookup(given.use, one.use, one.name, text))

    def _need(self, nodes: Iterable[Node], scope: Scope) -> None:
        reader = ConditionReader(scope.resolve, self._names, self._values)
        for node in nodes:
            for reference in find(node, "ColumnRef"):
                for column in (*scope.starred(reference), scope.resolve_output(reference)):
                    if column is not None:
                        self._uses[column.use].needed.add(column.name)
            for link in find(node, "SubLink"):
                self._sublink(link, reader, scope, anti=True)

    def _column(self, use: int, name: str) -> ColumnAt | None:
        return columns_of(use, self._uses[use].table).get(name)

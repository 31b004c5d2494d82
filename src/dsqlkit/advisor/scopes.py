"""Which table's column a name in a query means, at each level of the query."""

from dataclasses import dataclass, field
from typing import Any

from dsqlkit.advisor.condition import ColumnAt
from dsqlkit.advisor.syntax import Node, find, find_all, kind_of, names_of
from dsqlkit.plans.catalog import Table

Outputs = dict[str, ColumnAt | None]
"""What a subquery gives, by name: a table's column as it is, or None for what was computed."""


@dataclass(slots=True)
class Scope:
    """The relations that one level of a query may name, and the level around it."""

    parent: "Scope | None" = None
    relations: dict[str, Outputs] = field(default_factory=dict)
    ctes: dict[str, Outputs] = field(default_factory=dict)
    aliases: dict[str, ColumnAt] = field(default_factory=dict)
    """Names of the level's own output, which ORDER BY and GROUP BY may use."""

    def resolve(self, reference: Node) -> ColumnAt | None:
        """The table's column that a ColumnRef means, at this level or around it."""
        names = names_of(reference.fields)
        if not names or any(kind_of(each) == "a_star" for each in reference.fields):
            return None
        *qualifier, name = names
        for relation, outputs in self.relations.items():
            if name in outputs and (not qualifier or qualifier[-1] == relation):
                return outputs[name]
        if qualifier and qualifier[-1] in self.relations:
            return None
        return self.parent.resolve(reference) if self.parent else None

    def resolve_output(self, reference: Node) -> ColumnAt | None:
        """As `resolve`, of a name that may be one of the level's own output."""
        names = names_of(reference.fields)
        if len(names) == 1 and names[0] in self.aliases:
            return self.aliases[names[0]]
        return self.resolve(reference)

    def starred(self, reference: Node) -> list[ColumnAt]:
        """The columns that `*` or `alias.*` stands for; none for another reference."""
        if not any(kind_of(each) == "a_star" for each in reference.fields):
            return []
        qualifier = names_of(reference.fields)
        return [
            column
            for relation, outputs in self.relations.items()
            if not qualifier or qualifier[-1] == relation
            for column in outputs.values()
            if column is not None
        ]

    def cte(self, name: str) -> Outputs | None:
        """What a WITH query of that name gives, at this level or around it."""
        if name in self.ctes:
            return self.ctes[name]
        return self.parent.cte(name) if self.parent else None


def columns_of(use: int, table: Table) -> Outputs:
    """What a table gives, as a use of that place."""
    return {column.name: ColumnAt(use, column.name, column.type) for column in table.columns}


def renamed(outputs: Outputs, alias: Node) -> Outputs:
    """The same under the names that an alias gives to the first columns: `AS u (a, b)`."""
    names = names_of(alias.colnames)
    return {
        (names[place] if place < len(names) else name): column
        for place, (name, column) in enumerate(outputs.items())
    }


def is_grouped(statement: Node) -> bool:
    """Whether a SELECT makes groups of rows."""
    return bool(statement.group_clause) or statement.HasField("having_clause")


def outputs_of(statement: Node, scope: Scope) -> Outputs:
    """What a SELECT gives to the level around it, by name.

    A condition on a column that rows are grouped by is pushed below the grouping; one on what is
    limited, or computed over rows, is not.
    """
    grouped = {scope.resolve_output(each) for each in find_all(statement.group_clause)}
    opaque = (
        statement.distinct_clause
        or statement.HasField("limit_count")
        or any(True for _ in find(statement, "WindowDef"))
    )

    def passed(column: ColumnAt | None) -> ColumnAt | None:
        hidden = opaque or (is_grouped(statement) and column not in grouped)
        return None if hidden else column

    outputs: Outputs = {}
    for name, value in output_names(statement.target_list):
        if kind_of(value) != "column_ref":
            outputs[name] = None
            continue
        for column in scope.starred(value.column_ref):
            outputs[column.name] = passed(column)
        if name:
            outputs[name] = passed(scope.resolve(value.column_ref))
    return outputs


def output_names(targets: Any) -> list[tuple[str, Node]]:
    """The names and expressions of a SELECT's list, in order; a star has no name."""
    found = []
    for target in targets:
        value = target.res_target.val
        name = target.res_target.name
        if not name and kind_of(value) == "column_ref":
            name = (names_of(value.column_ref.fields) or ("",))[-1]
        found.append((name, value))
    return found

"""Random queries over random tables, whose rows, in any order, depend on no plan."""

from collections.abc import Sequence

from tests.occ.random_expressions import CASTS, ORDERED, Expressions, Scope
from tests.occ.random_tables import Column


class Queries(Expressions):
    """Queries over one schema."""

    def _from(self) -> tuple[str, Scope]:
        table, name, scope = self._table()
        text = f"{table.name} AS {name}"
        form = self._pick({"one": 5, "join": 4, "lateral": 1, "derived": 1, "function": 1})
        if form == "join":
            other, its_name, its = self._table()
            kind = self._chance.choice(
                ("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN")
            )
            text += f" {kind} {other.name} AS {its_name}"
            if kind != "CROSS JOIN":
                text += f" ON {self._equal(scope, its) or 'true'}"
            scope = [*scope, *its]
        elif form == "lateral":
            inner_name, alias = self._name(), self._name()
            text += (
                f", LATERAL ({self._simple(['int', 'text'], scope)} ORDER BY 1, 2 LIMIT 2)"
                f" AS {alias} (x{inner_name}, y)"
            )
            scope = [*scope, (alias, Column("y", "text", "text"))]
        elif form == "derived":
            alias = self._name()
            text += f" CROSS JOIN ({self._query(['int', 'text'])}) AS {alias} (x, y)"
            scope = [
                *scope,
                (alias, Column("x", "int", "int")),
                (alias, Column("y", "text", "text")),
            ]
        elif form == "function":
            alias = self._name()
            text += f", generate_series(1, 3) AS {alias} (x)"
            scope = [*scope, (alias, Column("x", "int", "int"))]
        return text, scope

    def _equal(self, one: Scope, other: Scope) -> str:
        """Columns of the two that are equal, if any can be."""
        pairs = [
            f"{a}.{x.name} = {b}.{y.name}"
            for a, x in one
            for b, y in other
            if x.kind == y.kind and x.kind in ORDERED
        ]
        return self._chance.choice(pairs) if pairs else ""

    def _query(self, kinds: Sequence[str], outer: Scope = ()) -> str:
        form = self._pick(
            {"simple": 4, "grouped": 2, "window": 1, "set": 1, "limit": 1, "values": 1}
        )
        if "json" in kinds:
            form = "simple"
        if form == "values":
            rows = ", ".join(
                f"({', '.join(self._literal(kind) for kind in kinds)})"
                for _ in range(self._chance.randint(1, 3))
            )
            return f"VALUES {rows}"
        if form == "set":
            word = self._chance.choice(("UNION", "UNION ALL", "INTERSECT", "EXCEPT", "EXCEPT ALL"))
            return f"{self._simple(kinds, outer)} {word} {self._simple(kinds, outer)}"
        if form == "limit":
            order = ", ".join(str(number + 1) for number in range(len(kinds)))
            offset = self._chance.choice(("", " OFFSET 1"))
            return (
                f"SELECT * FROM ({self._simple(kinds, outer)} ORDER BY {order}"
                f" LIMIT {self._chance.randint(0, 4)}{offset}) AS {self._name()}"
            )
        if form == "grouped":
            return self._grouped(kinds, outer)
        if form == "window":
            return self._windowed(kinds, outer)
        return self._simple(kinds, outer)

    def _simple(self, kinds: Sequence[str], outer: Scope = ()) -> str:
        text, scope = self._from() if not outer else self._only_table()
        distinct = "DISTINCT " if self._maybe(0.15) and "json" not in kinds else ""
        listed = ", ".join(self._cast(kind, [*outer, *scope]) for kind in kinds)
        return f"SELECT {distinct}{listed} FROM {text}{self._where([*outer, *scope])}"

    def _only_table(self) -> tuple[str, Scope]:
        table, name, scope = self._table()
        return f"{table.name} AS {name}", scope

    def _grouped(self, kinds: Sequence[str], outer: Scope) -> str:
        keyed = [each for each in self._schema.tables if each.has_primary]
        text, scope = self._only_table()
        if keyed and self._maybe(0.3):
            table, name, scope = self._table(keyed)
            text = f"{table.name} AS {name}"
            by = ", ".join(f"{name}.{column}" for column in table.keys[0])
            listed = ", ".join(self._cast(kind, scope) for kind in kinds)
            return f"SELECT {listed} FROM {text}{self._where(scope)} GROUP BY {by}"
        groups = [f"{where}.{c.name}" for where, c in scope if c.kind in ORDERED]
        by = self._chance.choice(groups) if groups else "()"
        aggregates = {
            "int": ("count(*)::int", "sum({int})::int", "count(DISTINCT {int})::int"),
            "num": ("sum({num})", "avg({int})"),
            "text": ("string_agg({text}, ',' ORDER BY {text})", "max({text})"),
            "bool": ("bool_or({bool})",),
        }
        parts = []
        for kind in kinds:
            form = self._chance.choice(aggregates.get(kind, ("(" + self._literal(kind) + ")",)))
            if kind in aggregates:
                form = form.format(
                    **{k: self._expression(k, [*outer, *scope], 1) for k in aggregates}
                )
            parts.append(f"({form})::{CASTS[kind]}")
        having = f" HAVING count(*) > {self._chance.randint(0, 2)}" if self._maybe(0.3) else ""
        return f"SELECT {', '.join(parts)} FROM {text}{self._where(scope)} GROUP BY {by}{having}"

    def _windowed(self, kinds: Sequence[str], outer: Scope) -> str:
        text, scope = self._only_table()
        columns = [f"{where}.{c.name}" for where, c in scope if c.kind in ORDERED] or ["1"]
        by, order = self._chance.choice(columns), self._chance.choice(columns)
        over = f"OVER (PARTITION BY {by} ORDER BY {order})"
        listed = [
            f"({self._chance.choice(('rank()', 'count(*)', 'dense_rank()'))} {over})::int"
            if kind == "int"
            else self._cast(kind, [*outer, *scope])
            for kind in kinds
        ]
        return f"SELECT {', '.join(listed)} FROM {text}{self._where(scope)}"

    def _select(self) -> str:
        form = self._pick({"query": 6, "whole": 2, "locking": 1, "ordered": 2, "cte": 1})
        if form == "whole":
            text, scope = self._only_table()
            name = scope[0][0]
            what = self._chance.choice(
                ("{0}.*", "{0}", "{0}::text", "row_to_json({0})", "to_jsonb({0}.*)")
            )
            return f"SELECT {what.format(name)} FROM {text}{self._where(scope)}"
        if form == "locking":
            return self._locking()
        if form == "ordered":
            kinds = [kind for kind in self._kinds() if kind != "json"] or ["int"]
            order = ", ".join(str(number + 1) for number in range(len(kinds)))
            return f"{self._simple(kinds)} ORDER BY {order} LIMIT 3"
        if form == "cte":
            name = self._name()
            query = self._query(["int"])
            return f"WITH {name} (x) AS ({query}) SELECT x, count(*) FROM {name} GROUP BY x"
        return self._query(self._kinds())

    def _locking(self) -> str:
        plain = [each for each in self._schema.tables if not each.is_view or each.is_written]
        table, name, scope = self._table(plain)
        text = f"SELECT {name}.* FROM {table.name} AS {name}"
        if self._maybe(0.3):
            other, its_name, its = self._table(plain)
            text += f" JOIN {other.name} AS {its_name} ON {self._equal(scope, its) or 'true'}"
        strength = ("", f" OF {name}", " SKIP LOCKED", " NOWAIT")
        return f"{text}{self._where(scope)} FOR UPDATE{self._chance.choice(strength)}"

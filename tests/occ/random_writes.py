"""Random writes to random tables, whose outcome depends on no plan."""

from tests.occ.random_expressions import ORDERED, Scope
from tests.occ.random_queries import Queries
from tests.occ.random_tables import Column, Table


class Writes(Queries):
    """Writes over one schema."""

    def _target(self) -> tuple[Table, str, Scope]:
        return self._table([each for each in self._schema.tables if each.is_written])

    def _returning(self, scope: Scope) -> str:
        if self._maybe(0.4):
            return ""
        if self._maybe(0.3):
            return f" RETURNING {scope[0][0]}.*"
        kinds = self._kinds()
        return f" RETURNING {', '.join(self._cast(kind, scope) for kind in kinds)}"

    def _assigned(self, column: Column, scope: Scope) -> str:
        if column.kind == "int" and self._maybe(0.4):
            return f"'{self._chance.randint(0, 12)}'::int"
        return self._expression(column.kind, scope)

    def _insert(self) -> str:
        table, name, _ = self._target()
        columns = [each for each in table.written if self._maybe(0.85)] or table.written
        if table.keys:
            columns = [e for e in table.written if e in columns or e.name in table.keys[0]]
        if self._maybe(0.5):
            rows = ", ".join(
                "("
                + ", ".join(
                    "DEFAULT" if self._maybe(0.04) else self._assigned(e, ()) for e in columns
                )
                + ")"
                for _ in range(self._chance.choice((1, 1, 2, 3)))
            )
            source = f"VALUES {rows}"
        else:
            source = self._query([each.kind for each in columns])
        names = ", ".join(each.name for each in columns)
        scope = [(name, column) for column in table.columns]
        conflict = self._conflict(table, name) if self._maybe(0.4) and not table.is_view else ""
        into = f"INSERT INTO {table.name} AS {name} ({names})"
        return f"{into} {source}{conflict}{self._returning(scope)}"

    def _conflict(self, table: Table, name: str) -> str:
        if not table.keys:
            return " ON CONFLICT DO NOTHING"
        key = self._chance.choice(table.keys)
        target = f" ON CONFLICT ({', '.join(key)})"
        if table.has_primary and self._maybe(0.2):
            target = f" ON CONFLICT ON CONSTRAINT {table.name}_pkey"
        if self._maybe(0.4):
            return f"{target if self._maybe(0.7) else ' ON CONFLICT'} DO NOTHING"
        scope = [(where, each) for where in (name, "excluded") for each in table.columns]
        # One row at a time: which row first gets a key may depend on the plan.
        in_keys = {name for other in table.keys if other is not key for name in other}
        columns = [each for each in table.written if each.name not in key]
        if self._maybe(0.6):
            columns = [each for each in columns if each.name not in in_keys]
        if not columns:
            return f"{target} DO NOTHING"
        column = self._chance.choice(columns)
        where = self._where(scope, 0.3)
        return (
            f"{target} DO UPDATE SET {column.name} = {self._expression(column.kind, scope)}{where}"
        )

    def _settings(self, table: Table, scope: Scope) -> str:
        columns = self._chance.sample(
            table.written, min(len(table.written), self._chance.choice((1, 1, 2)))
        )
        if len(columns) == 2 and self._maybe(0.5):
            names = ", ".join(each.name for each in columns)
            if self._maybe():
                values = ", ".join(self._assigned(each, scope) for each in columns)
                return f"({names}) = ROW({values})"
            other, its_name, its = self._table()
            values = ", ".join(self._expression(each.kind, [*scope, *its], 1) for each in columns)
            order = (
                ", ".join(
                    f"{its_name}.{each.name}" for each in other.columns if each.kind in ORDERED
                )
                or "1"
            )
            return (
                f"({names}) = (SELECT {values} FROM {other.name} AS {its_name}"
                f"{self._where([*scope, *its])} ORDER BY {order} LIMIT 1)"
            )
        return ", ".join(
            f"{each.name} = {'DEFAULT' if self._maybe(0.05) else self._assigned(each, scope)}"
            for each in columns
        )

    def _joined(self, scope: Scope) -> tuple[str, str]:
        """Another table in an UPDATE or DELETE, and what joins it."""
        other, name, its = self._table()
        equal = self._equal(scope, its) or "true"
        more = f" AND {self._condition([*scope, *its])}" if self._maybe(0.4) else ""
        return f"{other.name} AS {name}", f" WHERE {equal}{more}"

    def _update(self) -> str:
        table, name, scope = self._target()
        settings = self._settings(table, scope)
        source, where = "", self._where(scope, 0.9)
        if self._maybe(0.3):
            joined, where = self._joined(scope)
            source = f" FROM {joined}"
        return (
            f"UPDATE {table.name} AS {name} SET {settings}{source}{where}{self._returning(scope)}"
        )

    def _delete(self) -> str:
        table, name, scope = self._target()
        using, where = "", self._where(scope, 0.95)
        if self._maybe(0.3):
            joined, where = self._joined(scope)
            using = f" USING {joined}"
        return f"DELETE FROM {table.name} AS {name}{using}{where}{self._returning(scope)}"

    def _with(self) -> str:
        parts, names = [], []
        for _ in range(self._chance.choice((1, 1, 2))):
            made = self._name()
            table, name, scope = self._target()
            returned = f" RETURNING {self._cast('int', scope)} AS x"
            where = self._where(scope)
            write = self._pick({"delete": 2, "update": 2, "insert": 1})
            if write == "delete":
                text = f"DELETE FROM {table.name} AS {name}{where}{returned}"
            elif write == "update":
                settings = self._settings(table, scope)
                text = f"UPDATE {table.name} AS {name} SET {settings}{where}{returned}"
            else:
                columns = table.written
                text = (
                    f"INSERT INTO {table.name} AS {name} ({', '.join(e.name for e in columns)})"
                    f" {self._query([e.kind for e in columns])}{returned}"
                )
            parts.append(f"{made} (x) AS ({text})")
            names.append(made)
        start = f"WITH {', '.join(parts)} "
        source = names[-1]
        main = self._pick({"select": 3, "insert": 1, "update": 2, "delete": 1})
        if main == "select":
            return start + " UNION ALL ".join(f"SELECT x::int FROM {name}" for name in names)
        table, name, scope = self._target()
        if main == "insert":
            columns = table.written
            values = ", ".join(
                f"{source}.x" if each.kind == "int" else self._expression(each.kind, (), 1)
                for each in columns
            )
            listed = ", ".join(each.name for each in columns)
            return f"{start}INSERT INTO {table.name} ({listed}) SELECT {values} FROM {source}"
        exists = f" WHERE (EXISTS (SELECT FROM {source})) AND {self._condition(scope)}"
        if self._maybe():
            exists = f" WHERE {self._expression('int', scope, 0)} IN (SELECT x FROM {source})"
        if main == "update":
            changed = f"UPDATE {table.name} AS {name} SET {self._settings(table, scope)}"
        else:
            changed = f"DELETE FROM {table.name} AS {name}"
        return f"{start}{changed}{exists}{self._returning(scope)}"

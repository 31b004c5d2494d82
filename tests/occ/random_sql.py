"""Random transactions over random tables, whose outcome depends on no plan."""

import random
from dataclasses import dataclass
from typing import Any

from tests.occ.random_tables import VALUES, Schema
from tests.occ.random_writes import Writes


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement: in its text the n-th value is named @n@. `rows` are the data of a COPY."""

    text: str
    values: tuple[tuple[Any, str], ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()


class Transactions(Writes):
    """Transactions over one schema."""

    def __init__(self, chance: random.Random, schema: Schema) -> None:
        super().__init__(chance, schema)
        self._cursors = 0
        self._fetches: list[str] = []

    def transaction(self) -> list[Statement]:
        made = [self.statement() for _ in range(self._chance.randint(1, 6))]
        if self._chance.random() < 0.15:
            self._values = []
            at = self._chance.randint(len(made) // 2, len(made))
            made.insert(at, Statement(self._failing(), tuple(self._values)))
        return made

    def statement(self) -> Statement:
        self._values = []
        if self._fetches and self._chance.random() < 0.5:
            return Statement(self._chance.choice(self._fetches))
        kind = self._pick(
            {
                "select": 6,
                "insert": 4,
                "update": 6,
                "delete": 3,
                "with": 3,
                "cursor": 1,
                "copy_in": 1,
                "copy_out": 1,
            }
        )
        if kind == "copy_in":
            return self._copy_in()
        text = getattr(self, f"_{kind}")()
        return Statement(text, tuple(self._values))

    def _cursor(self) -> str:
        self._cursors += 1
        name = f"c{self._cursors}"
        kinds = [kind for kind in self._kinds() if kind != "json"] or ["int"]
        order = ", ".join(str(number + 1) for number in range(len(kinds)))
        self._fetches += [f"FETCH 2 FROM {name}", f"FETCH ALL FROM {name}", f"MOVE 1 FROM {name}"]
        return f"DECLARE {name} CURSOR FOR {self._simple(kinds)} ORDER BY {order}"

    def _copy_in(self) -> Statement:
        table = self._chance.choice(self._schema.real)
        columns = [e for e in table.written if e.kind not in ("json", "jsonb")]
        rows = tuple(
            tuple(
                self._chance.randint(0, 12)
                if e.kind == "int"
                else self._chance.choice(VALUES[e.kind])
                for e in columns
            )
            for _ in range(self._chance.randint(1, 3))
        )
        names = ", ".join(each.name for each in columns)
        return Statement(f"COPY {table.name} ({names}) FROM STDIN", (), rows)

    def _copy_out(self) -> str:
        table = self._chance.choice(self._schema.real)
        if self._maybe():
            return f"COPY {table.name} ({', '.join(e.name for e in table.columns)}) TO STDOUT"
        text = f"COPY ({self._query(['int', 'text'])}) TO STDOUT"
        for number, (value, _) in enumerate(self._values):
            text = text.replace(
                f"@{number}@", repr(value) if isinstance(value, int) else f"'{value}'"
            )
        self._values = []
        return text

    def _failing(self) -> str:
        table = self._chance.choice(self._schema.real)
        column = self._chance.choice(table.columns)
        name = column.name
        return self._chance.choice(
            (
                "SELECT 'x'::int",
                "SELECT 2147483647::int + 1",
                f"SELECT 1 / count(*) FROM {table.name} WHERE false",
                f"UPDATE {table.name} SET {name} = NULL",
                f"INSERT INTO {table.name} SELECT * FROM {table.name}",
                f"INSERT INTO {table.name} DEFAULT VALUES",
                f"UPDATE {table.name} SET {name} = (SELECT {name} FROM {table.name})",
                f"UPDATE {table.name} SET nothing = 1",
                f"UPDATE {table.name} SET {name} = '12345678901234567890'",
                f"INSERT INTO {table.name} ({name}) VALUES ('99')",
                f"INSERT INTO {table.name} VALUES (9, 9, 9, 9, 9, 9, 9)",
                f"UPDATE {table.name} SET {table.columns[-1].name} = '7'",
                f"UPDATE {table.name} SET {table.columns[-1].name} = DEFAULT",
                f"INSERT INTO {table.name} ({table.columns[-1].name}) VALUES ('7')",
                f"INSERT INTO {table.name} ({table.columns[-1].name}) VALUES (DEFAULT)",
                f"UPDATE {table.name} SET {name} = 1, {name} = 2",
                f"INSERT INTO {table.name} SELECT ON CONFLICT ({name}) DO NOTHING",
                f"SELECT * FROM {table.name} FOR UPDATE OF nothing",
                f"SELECT count(*) FROM {table.name} FOR UPDATE",
                f"SELECT DISTINCT {name} FROM {table.name} FOR UPDATE",
                f"COPY {table.name} ({name}, nothing) TO STDOUT",
                "FETCH 1 FROM nothing",
                f"SELECT {name}, count(*) FROM {table.name}",
                f"SELECT {name} FROM {table.name} GROUP BY {name} FOR UPDATE",
                f"SELECT {table.name}.nothing FROM {table.name}",
                f"DELETE FROM {table.name} WHERE {name} = 1 AND {name} = 'x'",
                f"INSERT INTO {table.name} SELECT {', '.join([name] * 8)} FROM {table.name}",
            )
        )

"""Sessions that race, and tables to race in."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import psycopg
import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.token import TokenSigner

CONFLICT = "40001"
TABLES = {
    "child_plain": "id int PRIMARY KEY, parent_id int REFERENCES parent, note text",
    "child_cascade": (
        "id int PRIMARY KEY, parent_id int REFERENCES parent ON DELETE CASCADE, note text"
    ),
    "child_null": (
        "id int PRIMARY KEY, parent_id int REFERENCES parent ON DELETE SET NULL, note text"
    ),
    "race": "id int PRIMARY KEY, v int NOT NULL",
    "keyless": "id int, v int",
    "numbered": "id bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY, v int",
}


class Racer:
    """A session whose answers are told in a word: a command tag, or a SQLSTATE."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def say(self, sql: str, values: Mapping[str, Any] | None = None, **manner: Any) -> str:
        try:
            cursor = self.connection.execute(sql.encode(), values, **manner)
        except psycopg.Error as error:
            return error.sqlstate or f"lost: {error}"
        return str(cursor.statusmessage)

    def do(self, statements: Iterable[str]) -> None:
        """Run statements, none of which may fail."""
        for sql in statements:
            answer = self.say(sql)
            assert not answer[:1].isdigit(), f"{sql}: {answer}"

    def rows(self, sql: str, values: Mapping[str, Any] | None = None, **manner: Any) -> list[Any]:
        return self.connection.execute(sql.encode(), values, **manner).fetchall()

    @property
    def pid(self) -> int:
        return self.connection.info.backend_pid


Sessions = Callable[[int], list[Racer]]


@pytest.fixture(scope="module")
def observer(endpoint: Endpoint) -> Iterator[Racer]:
    """A session outside of any race, and the tables to race in."""
    with connect(endpoint) as connection:
        connection.execute("CREATE TABLE parent (id int PRIMARY KEY, name text)")
        for name, columns in TABLES.items():
            connection.execute(f"CREATE TABLE {name} ({columns})".encode())
        yield Racer(connection)
        for name in ("parent", *TABLES):
            connection.execute(f"DROP TABLE {name} CASCADE".encode())


@pytest.fixture
def racers(endpoint: Endpoint, observer: Racer) -> Iterator[Sessions]:
    """Sessions at tables that are filled anew: rows 1 to 5 everywhere but in `numbered`."""
    for table in reversed(TABLES):
        observer.say(f"DELETE FROM {table}")
    observer.say("DELETE FROM parent")
    observer.say("INSERT INTO parent SELECT n, 'p' || n FROM generate_series(1, 5) AS s (n)")
    for table in TABLES:
        if table.startswith("child"):
            observer.say(f"INSERT INTO {table} SELECT n, n, '' FROM generate_series(1, 4) AS s (n)")
        elif table != "numbered":
            observer.say(f"INSERT INTO {table} SELECT n, 0 FROM generate_series(1, 5) AS s (n)")
    signer = TokenSigner(endpoint)
    opened: list[Connection] = []

    def make(count: int) -> list[Racer]:
        made = [connect(endpoint, signer) for _ in range(count)]
        opened.extend(made)
        return [Racer(connection) for connection in made]

    yield make
    for connection in opened:
        connection.close()

"""Sessions that race, and tables to race in."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import psycopg
import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.token import TokenSigner
from tests.support.raw_client import RawClient

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
FILLED = "; ".join(
    [
        *(f"DELETE FROM {table}" for table in (*reversed(TABLES), "parent")),
        "INSERT INTO parent SELECT n, 'p' || n FROM generate_series(1, 5) AS s (n)",
        *(
            f"INSERT INTO {table} SELECT n, {columns} FROM generate_series(1, {rows}) AS s (n)"
            for table, columns, rows in (
                ("child_plain", "n, ''", 4),
                ("child_cascade", "n, ''", 4),
                ("child_null", "n, ''", 4),
                ("race", "0", 5),
                ("keyless", "0", 5),
            )
        ),
    ]
)


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
    if observer.say(FILLED) == CONFLICT:  # it is told once of a table that others altered
        observer.do([FILLED])
    signer = TokenSigner(endpoint)
    opened: list[Connection] = []

    def make(count: int) -> list[Racer]:
        made = [connect(endpoint, signer) for _ in range(count)]
        opened.extend(made)
        return [Racer(connection) for connection in made]

    yield make
    for connection in opened:
        connection.close()


@pytest.fixture
def client(endpoint: Endpoint) -> Iterator[RawClient]:
    """One that sends frames by itself."""
    opened = RawClient(endpoint)
    yield opened
    opened.close()

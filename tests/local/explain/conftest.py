"""Small tables, of each of which a module asks for plans."""

from collections.abc import Iterator

import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from tests.local.explain.asking import set_up

_SMALL = (
    "CREATE SCHEMA small",
    "SET search_path = small",
    "CREATE TABLE few (id int PRIMARY KEY, name varchar(9), amount numeric)",
    "INSERT INTO few SELECT n, 'v' || n % 3, n FROM generate_series(1, 20) AS n",
    'CREATE TABLE two ("k 1" varchar(9), day date, x int, y text, PRIMARY KEY ("k 1", day))',
    "INSERT INTO two SELECT 'k' || n % 3, date '2026-01-01' + n, n, repeat('z', 600)"
    " FROM generate_series(1, 20) AS n",
    "CREATE TABLE log (what text, level int)",
    "INSERT INTO log SELECT 'what ' || n, n % 5 FROM generate_series(1, 2000) AS n",
    "CREATE TABLE owned (id int PRIMARY KEY, owner int, note text)",
    "INSERT INTO owned SELECT n, n % 300, 'n' FROM generate_series(1, 2500) AS n",
    "CREATE INDEX ASYNC by_owner ON owned (owner)",
    "CREATE TABLE turned (id int PRIMARY KEY, kind int, state text, note text, amount numeric)",
    "CREATE INDEX ASYNC by_kind ON turned (kind) INCLUDE (state)",
    "INSERT INTO turned SELECT n, n % 50, CASE WHEN n % 250 = 1 THEN 'open' ELSE 'sent' END,"
    " 'n' || n % 4, n FROM generate_series(1, 2500) AS n",
    "ANALYZE turned",
    "ANALYZE few",
    "ANALYZE two",
    "ANALYZE log",
    "ANALYZE owned",
)


@pytest.fixture(scope="module")
def small(endpoint: Endpoint) -> Iterator[Connection]:
    with connect(endpoint) as connection:
        connection.autocommit = True
        set_up(connection, _SMALL)
        yield connection
        connection.execute("DROP SCHEMA small CASCADE")

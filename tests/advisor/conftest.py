"""The shop's tables on the suite's cluster, made once for all tests of the advisor."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dsqlkit import indexes
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import Endpoint
from dsqlkit.queries import split_statements

_TABLES = ("customers", "orders", "items", "products", "settings")


@pytest.fixture(scope="package")
def shop(endpoint: Endpoint) -> Iterator[KeptConnection]:
    """A connection to a cluster that has the shop, its indexes valid and its tables analyzed."""
    statements = split_statements(Path(__file__).with_name("shop.sql").read_text(encoding="utf-8"))
    with KeptConnection(endpoint) as connections:
        for sql in statements:
            if sql.startswith("CREATE INDEX"):
                indexes.build(connections, sql)
                continue
            with connections.connection() as connection:
                connection.execute(sql.encode())
        yield connections
        for table in _TABLES:
            with connections.connection() as connection:
                connection.execute(f"DROP TABLE shop_{table}".encode())

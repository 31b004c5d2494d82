"""What information_schema finds by way of pg_depend, as on any PostgreSQL."""

from collections.abc import Iterator

import pytest

from tests.support.catalog import shown
from tests.support.raw_client import RawClient

_MADE = (
    "CREATE TABLE told (id bigint GENERATED ALWAYS AS IDENTITY (START WITH 5 CACHE 1) PRIMARY KEY,"
    " n int CHECK (n > 3))",
    "CREATE TABLE telling (id bigint PRIMARY KEY, told bigint REFERENCES told)",
    "CREATE VIEW told_view AS SELECT id FROM told",
)


@pytest.fixture(scope="module", autouse=True)
def _tables(client: RawClient) -> Iterator[None]:
    for sql in _MADE:
        assert client.ask(sql).sqlstate is None
    yield
    for sql in ("DROP VIEW told_view", "DROP TABLE telling", "DROP TABLE told"):
        assert client.ask(sql).sqlstate is None


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        (
            "SELECT constraint_name, unique_constraint_schema, unique_constraint_name"
            " FROM information_schema.referential_constraints"
            " WHERE constraint_name = 'telling_told_fkey'",
            [["telling_told_fkey", "public", "told_pkey"]],
        ),
        (
            "SELECT column_name, identity_start FROM information_schema.columns"
            " WHERE table_name = 'told' ORDER BY 1",
            [["id", "5"], ["n", None]],
        ),
        (
            "SELECT column_name, constraint_name FROM information_schema.constraint_column_usage"
            " WHERE table_name = 'told' ORDER BY 1, 2",
            [["id", "telling_told_fkey"], ["id", "told_pkey"], ["n", "told_n_check"]],
        ),
        (
            "SELECT sequence_name FROM information_schema.sequences"
            " WHERE sequence_name LIKE 'told%'",  # those of identities are left out
            [],
        ),
        (
            "SELECT table_name, column_name FROM information_schema.view_column_usage"
            " WHERE view_name = 'told_view'",
            [["told", "id"]],
        ),
        (
            "SELECT table_name FROM information_schema.view_table_usage"
            " WHERE view_name = 'told_view'",
            [["told"]],
        ),
    ],
)
def test_what_depends_on_what_is_found(
    client: RawClient, sql: str, rows: list[list[str | None]]
) -> None:
    assert shown(client, sql) == rows

"""How an index without a name is called: as PostgreSQL calls the one that it makes at once."""

from collections.abc import Iterator

import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.token import TokenSigner

LONG = "a_table_whose_name_is_as_long_as_forty_e"
WIDE = "überlänge_mit_vielen_umläuten_äöüäöüäöü"
MOST = "c" * 63

TABLES = {
    "named": "id int PRIMARY KEY, a text, b int, d date, n numeric",
    LONG: f"id int PRIMARY KEY, a text, {MOST} int, {MOST[:-1]}d int",
    WIDE: f'id int PRIMARY KEY, a text, "{WIDE}" int',
}

KEYS = [
    ("named", "(lower(a))"),
    ("named", "(LOWER(a), b)"),
    ("named", "(pg_catalog.upper(a))"),
    ("named", "(substr(a, 1, 2), substr(a, 3))"),
    ("named", "(lower(a), lower(a), lower(a))"),
    ("named", "((b::text))"),
    ("named", "(cast(b AS bigint))"),
    ("named", "(('x'::text))"),
    ("named", "((lower(a)::varchar(3)))"),
    ("named", "((a || a))"),
    ("named", "(((a || a)::text))"),
    ("named", "((a || a), (b + 1))"),
    ("named", "((a))"),
    ("named", "(a, b)"),
    ("named", "(coalesce(a, 'x'))"),
    ("named", "(nullif(a, 'x'))"),
    ("named", "(greatest(b, 1), least(b, 1))"),
    ("named", "((CASE WHEN b > 1 THEN 1 END))"),
    ("named", "((CASE WHEN b > 1 THEN 1 ELSE b END))"),
    ("named", "((CASE WHEN b > 1 THEN 1 ELSE 2::int END))"),
    ("named", "((b IS NULL), (NOT b > 1))"),
    ("named", "(extract(year FROM d), date_part('month', d))"),
    ("named", "((a::json ->> 'k'))"),
    ("named", "(a) INCLUDE (b, n)"),
    ("named", "(lower(a)) INCLUDE (b)"),
    (LONG, f"({MOST})"),
    (LONG, f"({MOST}, {MOST[:-1]}d, a)"),
    (LONG, f"(({MOST} + 0), abs({MOST}), abs({MOST}))"),
    (LONG, "(lower(a))"),
    (WIDE, f'("{WIDE}", ("{WIDE}"::bigint))'),
    (WIDE, "(lower(a))"),
]


@pytest.fixture(scope="module")
def maker(endpoint: Endpoint, signer: TokenSigner) -> Iterator[Connection]:
    with connect(endpoint, signer) as connection:
        for name, columns in TABLES.items():
            connection.execute(f'CREATE TABLE "{name}" ({columns})'.encode())
        connection.execute("SET disable_sync_create_index = off")
        yield connection
        for name in TABLES:
            connection.execute(f'DROP TABLE "{name}"'.encode())


def made(connection: Connection, table: str) -> set[str]:
    found = connection.execute(
        "SELECT quote_ident(indexname) FROM pg_indexes WHERE tablename = %s"
        " AND indexname NOT LIKE '%%pkey'",
        [table],
    )
    return {str(name) for (name,) in found}


def made_by(connection: Connection, sql: str, table: str) -> set[str]:
    """The names of a table's indexes with the one that this makes, which is gone again."""
    with connection.transaction(force_rollback=True):
        connection.execute(sql.encode())
        return made(connection, table)


@pytest.mark.parametrize(("table", "keys"), KEYS)
def test_it_is_called_as_postgresql_calls_it(maker: Connection, table: str, keys: str) -> None:
    at_once, later = (f'CREATE INDEX {word} ON "{table}" {keys}' for word in ("", "ASYNC"))
    first = made_by(maker, at_once, table)
    assert made_by(maker, later, table) == first
    maker.execute(at_once.encode())
    assert made_by(maker, later, table) == made_by(maker, at_once, table) > first
    maker.execute(f"DROP INDEX {first.pop()}".encode())


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ("(lower(a))", "named_lower_idx"),
        ("((b::text))", "named_b_idx"),
        ("(lower(a), lower(a))", "named_lower_lower1_idx"),
        ("((a || a))", "named_expr_idx"),
    ],
)
def test_an_expression_is_called_after_what_it_does(
    maker: Connection, keys: str, name: str
) -> None:
    assert made_by(maker, f"CREATE INDEX ASYNC ON named {keys}", "named") == {name}

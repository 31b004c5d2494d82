"""PostgreSQL's parser, for statements of any depth, which must not take the process with them."""

import postgast
import pytest

from dsqlkit import sql_parser

CHAINS = {
    "a sum": ("SELECT 1", " + 1"),
    "a sum of what calls have to say": ("SELECT f(1, 2)", " + f(1, 2)"),
    "a sum of cases": ("SELECT 1", " + CASE WHEN a AND b THEN c ELSE d END"),
    "casts": ("SELECT 1", "::int"),
    "tests": ("SELECT 1", " IS NULL"),
    "collations": ("SELECT a", ' COLLATE "C"'),
    "parts of a document": ("SELECT a", " -> 'b'"),
    "a union": ("SELECT 1 WHERE a AND b", " UNION ALL SELECT 1 WHERE a AND b"),
    "joins": ("SELECT * FROM a", " JOIN b ON a.x = b.x AND a.y = b.y"),
}


@pytest.mark.parametrize(("start", "link"), CHAINS.values(), ids=list(CHAINS))
@pytest.mark.parametrize("read", [sql_parser.parse, sql_parser.fingerprint])
def test_a_chain_of_thousands_is_read_and_one_without_end_refused(
    read: object, start: str, link: str
) -> None:
    assert callable(read)
    assert read(start + 4_000 * link)
    with pytest.raises(postgast.PgQueryError, match="stack depth limit exceeded"):
        read(start + 30_000 * link)


@pytest.mark.parametrize(
    ("sql", "tokens"),
    [
        ("SELECT 1", 2),
        ("SELECT a + b", 4),
        ("VALUES (1 + 2, 3), (4, 5)", 5),
        ("SELECT a = 1 AND b = 2 OR c = 3 + 4", 5),
        ("SELECT f(1 + f(2 + f(3)))", 12),
        ("SELECT 1; SELECT 2", 2),
        ("SELECT ')))' + 1", 4),
        ("SELECT 1 UNION SELECT 2 WHERE a AND b", 7),
    ],
)
def test_the_longest_expression_is_what_nothing_parts(sql: str, tokens: int) -> None:
    assert sql_parser.longest_expression(sql) == tokens


def test_what_is_long_and_not_deep_is_read() -> None:
    rows = ", ".join(f"('2026-11-26 00:00:{n % 60:02}+00', -{n} * 2)" for n in range(8_000))
    assert sql_parser.parse(f"INSERT INTO t VALUES {rows}").stmts
    many = " OR ".join(f"id = {n} AND v - 1 = -{n}" for n in range(8_000))
    assert sql_parser.parse(f"SELECT * FROM t WHERE {many}").stmts

"""Where the rows are that a text locks, as questions that lock nothing. Without a cluster."""

import pytest

from dsqlkit.local.occ.locking_texts import places_of

NUMBER = "::pg_catalog.int8::pg_catalog.numeric"
AT_MOST = "LIMIT least(9223372036854775807,"


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (
            "SELECT v FROM t WHERE id = $1 FOR UPDATE",
            'SELECT v , "t".tableoid, "t".ctid FROM t WHERE id = $1',
        ),
        ("SELECT FROM t FOR KEY SHARE", 'SELECT "t".tableoid, "t".ctid FROM t'),
        (
            "SELECT 'FOR UPDATE' FROM s.t FOR UPDATE OF t, t SKIP LOCKED LIMIT 2 -- for update",
            'SELECT \'FOR UPDATE\' , "t".tableoid, "t".ctid FROM s.t LIMIT 2',
        ),
        (
            "SELECT a IS DISTINCT FROM b FROM t x JOIN u ON true ORDER BY 1 FOR UPDATE",
            'SELECT a IS DISTINCT FROM b , "x".tableoid, "x".ctid, "u".tableoid, "u".ctid'
            " FROM t x JOIN u ON true ORDER BY 1",
        ),
        (
            "SELECT FROM t, u AS v, (SELECT 1) w FOR UPDATE OF v",
            'SELECT "v".tableoid, "v".ctid FROM t, u AS v, (SELECT 1) w',
        ),
        (
            "WITH w AS (SELECT 1 FROM x) SELECT FROM w, t FOR UPDATE",
            'WITH w AS (SELECT 1 FROM x) SELECT "t".tableoid, "t".ctid FROM w, t',
        ),
        (
            "DECLARE c CURSOR WITH HOLD FOR SELECT 1 FROM t FOR UPDATE",
            'SELECT 1 , "t".tableoid, "t".ctid FROM t',
        ),
        (
            "WITH w AS (SELECT 1) INSERT INTO u SELECT 1 FROM t FOR UPDATE RETURNING 1",
            'SELECT 1 , "t".tableoid, "t".ctid FROM t',
        ),
        (
            "INSERT INTO u (a) SELECT 1 FROM t JOIN v ON true FOR UPDATE ON CONFLICT DO NOTHING",
            'SELECT 1 , "t".tableoid, "t".ctid, "v".tableoid, "v".ctid FROM t JOIN v ON true',
        ),
        (
            "UPDATE u SET a = 1 WHERE b IN (SELECT b FROM t LIMIT $1 FOR UPDATE)",
            'SELECT b , "t".tableoid, "t".ctid FROM t LIMIT $1',
        ),
    ],
)
def test_a_select_that_locks_tells_where_its_rows_are(text: str, asked: str) -> None:
    assert _asked(text) == [asked]


def test_each_select_of_a_text_that_locks_tells_it() -> None:
    text = "WITH w AS (SELECT FROM t FOR UPDATE) SELECT 1 FROM w, (SELECT FROM u FOR UPDATE) x"
    assert _asked(text) == [
        'SELECT "t".tableoid, "t".ctid FROM t',
        'SELECT "u".tableoid, "u".ctid FROM u',
    ]


def test_what_names_no_table_locks_nothing() -> None:
    assert _asked("SELECT 1 FOR UPDATE") == []


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 FROM t FOR UPDATE; SELECT 2",
        "EXPLAIN ANALYZE SELECT FROM t FOR UPDATE",
        "SELECT FROM (SELECT 1 FROM t) x FOR UPDATE",
        "SELECT FROM (t JOIN u ON true) x FOR UPDATE",
        "TABLE t FOR UPDATE",
        "WITH w AS (SELECT 1), x AS (SELECT FROM t, w FOR UPDATE) SELECT FROM x",
        "WITH t AS (SELECT FROM t FOR UPDATE) SELECT FROM t",
        "WITH w AS (DELETE FROM u RETURNING 1) SELECT FROM t, w FOR UPDATE",
        "SELECT FROM t ORDER BY 1 FETCH FIRST ROW WITH TIES FOR UPDATE",
    ],
)
def test_a_text_may_not_say_it(text: str) -> None:
    assert places_of(text.encode(), 1) is None


@pytest.mark.parametrize(
    ("end", "written", "limit"),
    [
        ("LIMIT 1", 0, "LIMIT 1"),
        ("LIMIT 1", 2, f"{AT_MOST} 2 + (1){NUMBER})::pg_catalog.int8"),
        ("LIMIT $1 ;", 2, f"{AT_MOST} 2 + ($1){NUMBER})::pg_catalog.int8"),
        ("LIMIT 1 OFFSET 2 ROWS", 0, f"{AT_MOST} 0 + (1){NUMBER} + (2){NUMBER})::pg_catalog.int8"),
        ("FETCH NEXT ROW ONLY", 3, f"{AT_MOST} 3 + (1){NUMBER})::pg_catalog.int8"),
        ("FETCH FIRST (2) ROWS ONLY", 3, f"{AT_MOST} 3 + ((2)){NUMBER})::pg_catalog.int8"),
        ("OFFSET 2", 3, ""),
        ("LIMIT ALL", 3, ""),
        ("ORDER BY t.limit LIMIT 1 + 1", 3, f"ORDER BY t.limit {AT_MOST} 3 + (1 + 1){NUMBER})"),
        ("LIMIT (SELECT 1 LIMIT 1)", 0, "LIMIT (SELECT 1 LIMIT 1)"),
    ],
)
def test_a_limit_leaves_room_for_what_was_written_since_and_what_it_passes_over(
    end: str, written: int, limit: str
) -> None:
    start = 'SELECT "t".tableoid, "t".ctid FROM t'
    for text in (f"SELECT FROM t FOR UPDATE {end}", f"SELECT FROM t {end.rstrip(' ;')} FOR UPDATE"):
        if "ORDER" not in text or text.endswith("UPDATE"):
            (asked,) = _asked(text, written)
            assert asked.startswith(f"{start} {limit}".rstrip())
            assert limit or asked == start


def _asked(text: str, written: int = 0) -> list[str]:
    found = places_of(text.encode(), written)
    assert found is not None
    return [" ".join(each.sql.decode().split()) for each in found]

"""What a statement's text becomes at overlays, where its tables are views. Without a cluster."""

import pytest

from dsqlkit.local.occ.changes import NotThere
from dsqlkit.local.occ.overlay_text import (
    Target,
    at_overlays,
    copied_from_query,
    copied_table,
    upsert,
    with_places,
)


def _squeezed(text: bytes) -> str:
    return " ".join(text.decode().split())


@pytest.mark.parametrize(
    ("text", "spans", "led"),
    [
        ("SELECT 1 FROM public.t", [(14, 21)], "SELECT 1 FROM dsqlkit_view_public.t"),
        ('SELECT 1 FROM "public"."t"', [(14, 23)], 'SELECT 1 FROM "dsqlkit_view_public"."t"'),
        ("SELECT 1 FROM PUBLIC . T", [(14, 23)], "SELECT 1 FROM dsqlkit_view_PUBLIC . T"),
        ("SELECT 1 FROM public.other", [(14, 21)], "SELECT 1 FROM public.other"),
        ("SELECT 1 FROM pg_catalog.t", [(14, 25)], "SELECT 1 FROM pg_catalog.t"),
    ],
)
def test_a_schema_leads_to_the_overlay_of_a_table_that_has_one(
    text: str, spans: list[tuple[int, int]], led: str
) -> None:
    assert at_overlays(text.encode(), spans, {("public", "t")}).decode() == led


@pytest.mark.parametrize(
    ("text", "found", "copied"),
    [
        ("COPY t TO STDOUT", ('"t"', ()), "COPY (SELECT a, b FROM t) TO STDOUT"),
        (
            "COPY dsqlkit_view_s.t (a, b) TO STDOUT (FORMAT csv)",
            ('"s"."t"', ("a", "b")),
            "COPY (SELECT a, b FROM dsqlkit_view_s.t ) TO STDOUT (FORMAT csv)",
        ),
        ("COPY (SELECT 1) TO STDOUT", None, ""),
        ("COPY t FROM STDIN", None, ""),
        ("SELECT 'COPY t TO x'", None, ""),
    ],
)
def test_what_is_copied_is_a_query(
    text: str, found: tuple[str, tuple[str, ...]] | None, copied: str
) -> None:
    assert copied_table(text.encode()) == found
    if found is not None:
        assert copied_from_query(text.encode(), ["a", "b"]).decode() == copied


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (
            "SELECT v FROM t WHERE id = $1 FOR UPDATE",
            'SELECT v , "t".tableoid, "t".ctid FROM t WHERE id = $1',
        ),
        ("SELECT FROM t FOR KEY SHARE", 'SELECT "t".tableoid, "t".ctid FROM t'),
        (
            "SELECT 'FOR UPDATE' FROM s.t FOR UPDATE OF t, t SKIP LOCKED LIMIT 2 -- for update",
            'SELECT \'FOR UPDATE\' , "t".tableoid, "t".ctid FROM s.t LIMIT 2 -- for update',
        ),
        (
            "SELECT a IS DISTINCT FROM b FROM t x JOIN u ON true ORDER BY 1 FOR UPDATE",
            'SELECT a IS DISTINCT FROM b , "x".tableoid, "x".ctid, "u".tableoid, "u".ctid'
            " FROM t x JOIN u ON true ORDER BY 1",
        ),
        ("SELECT 1 FROM (SELECT 1 FROM t FOR UPDATE) x", None),
        ("SELECT 1 FOR UPDATE", None),
        ("SELECT 1 FROM t FOR UPDATE; SELECT 2", None),
    ],
)
def test_a_locking_select_tells_where_its_rows_are(text: str, places: str | None) -> None:
    found = with_places(text.encode())
    assert (None if found is None else _squeezed(found.sql)) == places


def test_an_upsert_is_a_look_at_what_it_meets_and_an_insert_at_a_private_table() -> None:
    text = b"INSERT INTO s.t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET b = t.b + $2 RETURNING a"
    found = upsert(text)
    assert found is not None
    assert found.table == '"s"."t"'
    assert _squeezed(found.first) == "INSERT INTO s.t (a) VALUES ($1) RETURNING a"
    assert _squeezed(found.second) == (
        'INSERT INTO pg_temp."dsqlkit upsert" AS t (a) VALUES ($1)'
        " ON CONFLICT (a) DO UPDATE SET b = t.b + $2 RETURNING a"
    )


@pytest.mark.parametrize(
    ("conflict", "skips"),
    [
        ("DO NOTHING", Target()),
        ("ON CONSTRAINT k DO NOTHING", Target(constraint="k")),
        ('(a, "B") DO NOTHING', Target(columns=("a", "B"))),
        ("(lower(a)) DO NOTHING", None),
        ('(a COLLATE "C") DO NOTHING', None),
        ("(a text_ops) DO NOTHING", None),
        ("(a) WHERE b DO NOTHING", None),
        ("(a) DO UPDATE SET b = 1", None),
    ],
)
def test_an_upsert_tells_which_keys_it_leaves_alone(conflict: str, skips: Target | None) -> None:
    found = upsert(f"INSERT INTO t VALUES (1) ON CONFLICT {conflict}".encode())
    assert found is not None
    assert found.skips == skips


@pytest.mark.parametrize(
    ("ctes", "skips"),
    [("UPDATE u SET a = 1 RETURNING 1", Target()), ("INSERT INTO u VALUES (1) RETURNING 1", None)],
)
def test_an_upsert_tells_that_there_are_other_writes(ctes: str, skips: Target | None) -> None:
    found = upsert(f"WITH w AS ({ctes}) INSERT INTO t TABLE w ON CONFLICT DO NOTHING".encode())
    assert found is not None
    assert (found.mixed, found.skips) == (True, skips)


@pytest.mark.parametrize(
    "text",
    [
        "WITH w AS (INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING RETURNING 1) SELECT 1",
        "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING; SELECT 1",
        "EXPLAIN ANALYZE INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2",
    ],
)
def test_an_upsert_inside_of_another_statement_cannot_be_done(text: str) -> None:
    with pytest.raises(NotThere):
        upsert(text.encode())


@pytest.mark.parametrize(
    "text", ["INSERT INTO t VALUES (1)", "SELECT 'on conflict'", "UPDATE t SET conflict = 1"]
)
def test_nothing_else_is_an_upsert(text: str) -> None:
    assert upsert(text.encode()) is None

"""What a statement's text becomes at overlays, where its tables are views. Without a cluster."""

import pytest

from dsqlkit.local.occ.overlay_text import at_overlays, copied_from_query, copied_table, with_places


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
    assert (None if found is None else " ".join(found.sql.decode().split())) == places

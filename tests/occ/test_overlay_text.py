"""What a statement's text becomes at overlays, where its tables are views. Without a cluster."""

import pytest

from dsqlkit.local.occ.overlay_text import at_overlays, copied_from_query, copied_table


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

"""What an INSERT ... ON CONFLICT becomes at overlays. Without a cluster."""

import pytest

from dsqlkit.local.occ.changes import NotThere
from dsqlkit.local.occ.upsert_text import Target, upsert


def _squeezed(text: bytes) -> str:
    return " ".join(text.decode().split())


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

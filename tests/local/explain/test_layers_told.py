"""Which columns storage gives up, and who dropped which rows."""

from decimal import Decimal

import pytest

from dsqlkit.connection import Connection
from tests.local.explain.asking import dpu, lines_of, shape


def test_who_drops_rows_of_a_key_is_told_apart(small: Connection) -> None:
    lines = lines_of(
        small,
        "EXPLAIN (ANALYZE, VERBOSE) SELECT name FROM few"
        " WHERE id >= 3 AND name = 'v1' AND amount < 10",
    )
    assert "  Rows Removed by Filter: 4" in lines
    assert "      Rows Filtered: 12" in lines
    assert "(actual rows=6 loops=1)" in lines[5]
    assert "(actual rows=18 loops=1)" in lines[9]


@pytest.mark.parametrize(
    "write",
    [
        "DELETE FROM log",
        "UPDATE log SET what = 'z'",
        "UPDATE log SET what = what || '8'",
        "UPDATE log SET level = 0",
    ],
)
def test_who_dropped_rows_is_told_after_they_were_changed(small: Connection, write: str) -> None:
    with small.transaction(force_rollback=True):
        lines = lines_of(small, f"EXPLAIN ANALYZE {write} WHERE level = 3 AND what LIKE '%8'")
    assert "        Rows Removed by Filter: 200" in lines
    assert "            Rows Filtered: 1600" in lines


def test_a_column_that_another_node_needs_is_projected(small: Connection) -> None:
    joined = shape(
        lines_of(
            small,
            "EXPLAIN SELECT o.* FROM owned o"
            " WHERE o.owner IN (SELECT id FROM few WHERE name = 'v1')",
        )
    )
    at = next(n for n, line in enumerate(joined) if line.endswith("Scan using few_pkey on few"))
    assert joined[at + 2].strip() == "Projections: id"
    subquery = "SELECT (SELECT name FROM few f WHERE f.id = o.owner) FROM owned o WHERE o.id = 4"
    assert shape(lines_of(small, f"EXPLAIN {subquery}"))[:4] == [
        "Index Only Scan using owned_pkey on owned o",
        "  Index Cond: (id = 4)",
        "  -> Storage Scan on owned_pkey",
        "      Projections: owner",
    ]


def test_a_row_that_is_taken_as_one_value_is_projected_whole(small: Connection) -> None:
    for taken in ("json_agg(f)", "count(DISTINCT f)", "max(f::text)"):
        lines = shape(lines_of(small, f"EXPLAIN SELECT {taken} FROM few f WHERE id < 3"))
        assert any(line.strip() == "Projections: id, name, amount" for line in lines)
    lines = shape(lines_of(small, "EXPLAIN SELECT name FROM few f WHERE name <> 'f.*'"))
    assert any(line.strip() == "Projections: name" for line in lines)


def test_rows_that_the_index_dropped_are_told_from_those_of_the_look_up(small: Connection) -> None:
    lines = lines_of(
        small,
        "EXPLAIN ANALYZE SELECT id, note FROM turned"
        " WHERE kind = 1 AND state <> 'open' AND note > 'n2' AND amount > 100",
    )
    assert shape(lines)[:-2] == [
        "Index Scan using by_kind on turned",
        "  Index Cond: (kind = 1)",
        "  Filter: (amount > '100'::numeric)",
        "  Rows Removed by Filter: 1",
        "  -> Storage Scan on by_kind",
        "      Filters: (state <> 'open'::text)",
        "      Rows Filtered: 10",
        "      -> B-Tree Scan on by_kind",
        "          Index Cond: (kind = 1)",
        "  -> Storage Lookup on turned",
        "      Projections: id, note, amount",
        "      Filters: (note > 'n2'::text)",
        "      Rows Filtered: 20",
        "      -> B-Tree Lookup on turned",
    ]
    rows = [
        int(line.split("actual rows=")[1].split()[0]) for line in lines if "actual rows" in line
    ]
    assert rows == [40, 50, 20, 40]


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT * FROM few EXCEPT SELECT * FROM few", "id, name, amount"),
        ("WITH a AS MATERIALIZED (SELECT * FROM few) SELECT id FROM a", "id, name, amount"),
        ("SELECT id FROM (SELECT * FROM few OFFSET 0) AS f", "id"),
        ("SELECT id FROM few UNION ALL SELECT id FROM few WHERE amount > 3", "id"),
        ("SELECT count(amount) FROM few", "amount"),
        ("SELECT name, count(*) FROM few GROUP BY name", "name"),
        ("SELECT id, rank() OVER (ORDER BY amount) FROM few", "id, amount"),
        ("INSERT INTO few SELECT * FROM few", "id, name, amount"),
        ("SELECT f.name FROM few f JOIN few g ON g.id = f.id + 1", "id, name"),
    ],
)
def test_what_the_nodes_above_use_is_projected(small: Connection, sql: str, columns: str) -> None:
    lines = shape(lines_of(small, f"EXPLAIN {sql}"))
    assert (
        next(line for line in lines if "Projections" in line).strip() == f"Projections: {columns}"
    )


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE owned o SET note = f.name FROM few f WHERE f.id = o.id AND o.owner = 3",
        "DELETE FROM owned o USING few f WHERE f.id = o.owner",
        "SELECT * FROM few WHERE id = 1 FOR UPDATE",
    ],
)
def test_no_node_gives_up_where_postgresql_stores_a_row(small: Connection, sql: str) -> None:
    text = "\n".join(lines_of(small, f"EXPLAIN (VERBOSE) {sql}"))
    assert "ctid" not in text
    assert "Output:\n" not in text


@pytest.mark.parametrize("where", ["", " WHERE x > 10", """ WHERE "k 1" = 'k1'"""])
def test_a_delete_reads_what_a_select_would(small: Connection, where: str) -> None:
    explain = "EXPLAIN (ANALYZE, VERBOSE) "
    read = dpu(lines_of(small, f"{explain}SELECT * FROM two{where}"), "Read")
    with small.transaction(force_rollback=True):
        deleted = dpu(lines_of(small, f"{explain}DELETE FROM two{where}"), "Read")
        assert deleted == (read if where else dpu_of_rows(20))
    assert read > dpu_of_rows(1)


def dpu_of_rows(rows: int) -> Decimal:
    """What so many reads of the smallest size cost."""
    return round(rows * 128 * Decimal("0.001875") / 1024, 5)

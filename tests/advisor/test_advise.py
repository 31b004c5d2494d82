"""The advice on plans of DSQL, within DSQL's limits and beside the indexes there are."""

from dataclasses import replace

import pytest

from dsqlkit.advisor.statistics import ColumnStatistics
from dsqlkit.plans.catalog import Index
from tests.advisor.made import advice, facts, table

FULL = """Full Scan (btree-table) on public.t  (cost=100.00..900.00 rows=60 width=8) \
(actual time=1.0..9.0 rows=60 loops=1)
  Filter: (t.n = 1)
  Rows Removed by Filter: 9940
Planning Time: 0.1 ms
Execution Time: 9.1 ms
"""
LOOKUPS = """Index Scan using t_n on public.t  (cost=100.00..900.00 rows=400 width=8) \
(actual time=1.0..9.0 rows=400 loops=1)
  Index Cond: (t.n = 1)
  ->  Storage Scan on t_n  (cost=100.00..900.00 rows=400 width=8) (actual rows=400 loops=1)
        Projections: id, n
        ->  B-Tree Scan on t_n  (cost=100.00..900.00 rows=400 width=8) (actual rows=400 loops=1)
              Index Cond: (t.n = 1)
  ->  Storage Lookup on t  (cost=100.00..900.00 rows=400 width=8) (actual rows=400 loops=1)
        Projections: price
        ->  B-Tree Lookup on t  (cost=100.00..900.00 rows=400 width=8) (actual rows=400 loops=1)
Planning Time: 0.1 ms
Execution Time: 9.1 ms
"""
SQL = "SELECT price FROM t WHERE n = 1"
FEW = {name: ColumnStatistics(distinct=3) for name in ("n", "name", "on_sale")}
"""Columns of few values: each further one in a key narrows what is read."""


def _ddl(*found: object) -> list[str]:
    return [str(getattr(each, "ddl", each)).partition(" ON ")[2] for each in found]


def test_a_full_scan_of_dsql_gets_an_index_that_answers_alone() -> None:
    found = advice(SQL, FULL, facts(table()))
    assert _ddl(*found.proposals) == ["t (n) INCLUDE (price)"]
    assert _ddl(*found.alternatives) == ["t (n)"]
    assert "About 60 rows of t would be read; 10,000 are now" in found.proposals[0].reason


def test_storage_lookups_of_an_index_that_narrows_are_saved_by_an_include() -> None:
    found = advice(SQL, LOOKUPS, facts(table(Index("t_n", ("n",)))))
    (proposal,) = found.proposals
    assert _ddl(proposal) == ["t (n) INCLUDE (price)"]
    assert "400 rows are looked up in the table now, and not then" in proposal.reason
    assert proposal.redundant == ("t_n",)


@pytest.mark.parametrize(
    ("index", "proposed", "redundant"),
    [
        (Index("t_n", ("n", "id"), ("price",)), False, ()),
        (Index("t_n", ("n",), ("price", "name")), False, ()),
        (Index("t_n", ("n",)), False, ()),
        (Index("t_n", ("n",), valid=False), True, ("t_n",)),
        (Index("t_n", ("id", "n")), True, ()),
        (Index("t_n", (None, "n")), True, ()),
        (Index("t_n", ("n",), condition="price > 5"), True, ()),
        (Index("t_n", ("n",), condition="(n = 1)"), False, ()),
        (Index("t_n", ("name",), unique=True), True, ()),
    ],
)
def test_what_an_index_gives_already_is_not_proposed_again(
    index: Index, proposed: bool, redundant: tuple[str, ...]
) -> None:
    found = advice(SQL, FULL, facts(table(index)))
    assert bool(found.proposals) == proposed
    if proposed:
        assert found.proposals[0].redundant == redundant
    else:
        assert "t_n of t gives what an index on n would give" in found.notes[0]
        assert "ANALYZE" in found.notes[0]


def test_an_index_that_is_a_beginning_of_the_new_one_is_redundant() -> None:
    known = table(Index("t_n", ("n", "name")))
    sql = "SELECT price FROM t WHERE n = 1 AND name = 'x' AND on_sale"
    (proposal,) = advice(sql, FULL, facts(known, known=FEW)).proposals
    assert _ddl(proposal) == ["t (n, name, on_sale) INCLUDE (price)"]
    assert proposal.redundant == ("t_n",)


def test_the_row_that_a_unique_index_finds_needs_no_other_index() -> None:
    known = table(Index("t_u", ("n",), unique=True))
    assert advice("SELECT price FROM t WHERE n = 1 AND on_sale", FULL, facts(known)).proposals == ()


def test_a_key_has_at_most_eight_columns_and_the_rest_is_included() -> None:
    names = [f"c{number}" for number in range(1, 11)]
    few = {name: ColumnStatistics(distinct=2) for name in names}
    known = facts(table(columns=("id", *names)), known=few)
    sql = f"SELECT id FROM t WHERE {' AND '.join(f'{name} = 1' for name in names)}"
    (proposal,) = advice(sql, FULL, known).proposals
    assert _ddl(proposal) == ["t (c1, c2, c3, c4, c5, c6, c7, c8) INCLUDE (id, c9, c10)"]


def test_a_key_stays_within_the_bytes_that_dsql_takes() -> None:
    wide = ColumnStatistics(declared_bytes=1200, average_bytes=20, distinct=1000)
    known = facts(table(), known={"name": wide, "code": wide})
    sql = "SELECT id FROM t WHERE name = 'a' AND code = 'b'"
    plan = FULL.replace("t.n = 1", "t.name = 'a'::text")
    (proposal,) = advice(sql, plan, known).proposals
    assert _ddl(proposal) == ["t (name) INCLUDE (id, code)"]
    broad = facts(table(), known={"name": ColumnStatistics(average_bytes=2000, distinct=1000)})
    assert advice("SELECT id FROM t WHERE name = 'a'", plan, broad).proposals == ()


def test_documents_and_wide_columns_are_not_included() -> None:
    (proposal,) = advice("SELECT document FROM t WHERE n = 1", FULL, facts(table())).proposals
    assert _ddl(proposal) == ["t (n)"]
    wide = facts(table(), known={"name": ColumnStatistics(average_bytes=900)})
    (proposal,) = advice("SELECT name FROM t WHERE n = 1", FULL, wide).proposals
    assert _ddl(proposal) == ["t (n)"]
    assert "completed from the table" in proposal.reason


def test_a_table_with_24_indexes_gets_no_more() -> None:
    many = [Index(f"t_{number}", ("name",)) for number in range(23)]
    found = advice(SQL, FULL, facts(table(*many)))
    assert found.proposals == ()
    assert "t has 24 indexes, the most that DSQL allows" in found.notes[0]


def test_each_write_pays_for_the_entrys_bytes() -> None:
    known = {name: ColumnStatistics(average_bytes=10, distinct=1000) for name in ("n", "price")}
    id_of_eight = {"id": ColumnStatistics(average_bytes=8)}
    (proposal,) = advice(SQL, FULL, facts(table(), known=known | id_of_eight)).proposals
    assert proposal.write_cost == (
        "One more entry of about 46 bytes, 0.00625 DPU, for each INSERT and DELETE; two for each "
        "UPDATE of n, price; about 460.0 KB for the 10,000 rows that are there."
    )


def test_names_are_quoted_where_sql_wants_it_and_never_taken_twice() -> None:
    known = table(
        Index("idx_Order_n_covering", ("name",)), name="Order", columns=("id", "n", "user")
    )
    plan = FULL.replace("public.t ", 'public."Order" ').replace("t.n", "n")
    (proposal,) = advice('SELECT "user" FROM "Order" WHERE n = 1', plan, facts(known)).proposals
    assert proposal.name == "idx_Order_n_covering_2"
    assert proposal.ddl == (
        'CREATE INDEX ASYNC "idx_Order_n_covering_2" ON "Order" (n) INCLUDE ("user")'
    )
    long = table(name="t" * 60, columns=("id", "n", "price"))
    plan = FULL.replace("public.t ", f"public.{'t' * 60} ")
    sql = f"SELECT price FROM {'t' * 60} WHERE n = 1"
    found = advice(sql, plan, facts(long))
    names = [each.name for each in (*found.proposals, *found.alternatives)]
    assert len(set(names)) == 2
    assert all(len(name) <= 63 for name in names)


def test_an_invalid_index_is_pointed_at() -> None:
    found = advice(SQL, FULL, facts(table(Index("t_n", ("n",), valid=False))))
    assert any("t_n of t is not valid" in note for note in found.notes)


def test_a_table_without_statistics_is_said_to_be_one() -> None:
    found = advice(SQL, FULL, facts(replace(table(), rows=None)))
    assert _ddl(*found.proposals) == ["t (n) INCLUDE (price)"]
    assert any("run ANALYZE t first" in note for note in found.notes)

"""Findings that know the statement: each names the index that is proposed, or why there is none."""

import pytest

from dsqlkit.advisor.advise import advise
from dsqlkit.advisor.facts_reader import Facts
from dsqlkit.advisor.judging import judge
from dsqlkit.advisor.statistics import ColumnStatistics
from dsqlkit.advisor.syntax import parse
from dsqlkit.plans.catalog import Catalog, ForeignKey, Index, Table
from dsqlkit.plans.diagnose import diagnose
from dsqlkit.plans.findings import Finding
from dsqlkit.plans.parse import parse_plan
from dsqlkit.plans.result import ExplainResult
from tests.advisor.made import advice, facts, table

COST = "(cost=1.00..2.00 rows={} width=8)"


def _scan(rows: int, condition: str = "", of: str = "t", read: int = 10_000) -> str:
    text = (
        f"Seq Scan on public.{of}  {COST.format(rows)} (actual time=1.0..9.0 rows={rows} loops=1)\n"
    )
    if condition:
        text += f"  Filter: ({condition})\n  Rows Removed by Filter: {read - rows}\n"
    return text


def _judged(sql: str, plan: str, *of: Table) -> tuple[Finding, ...]:
    tables = of or (table(),)
    parsed = parse_plan(plan)
    result = ExplainResult(plan, parsed, diagnose(parsed, Catalog(tables)))
    return judge(result, parse(sql, {}), Facts(tuple(map(facts, tables))))


@pytest.mark.parametrize(
    ("condition", "filtered", "words"),
    [
        ("n = 1", "n = 1", "ON t (n)"),
        ("on_sale IS TRUE", "on_sale IS TRUE", "ON t (on_sale)"),
        ("NOT on_sale", "NOT on_sale", "ON t (on_sale)"),
        ("name IS NULL", "name IS NULL", "ON t (name)"),
        ("(at, id) > (now(), 5)", "ROW(at, id) > ROW(now(), 5)", "ON t (at)"),
        ("starts_with(name, 'a')", "starts_with(name, 'a'::text)", "ON t (name)"),
        ("lower(name) = 'x'", "lower(name) = 'x'::text", "ON t (lower(name))"),
        ("name LIKE '%x'", "name ~~ '%x'::text", "begins with a wildcard"),
        ("n = 1 OR name = 'x'", "(n = 1) OR (name = 'x'::text)", "write a UNION"),
        ("n = 1.5", "(n)::numeric = 1.5", "is compared as numeric"),
    ],
)
def test_a_full_scan_names_the_index_or_why_there_is_none(
    condition: str, filtered: str, words: str
) -> None:
    found = _judged(f"SELECT id FROM t WHERE {condition}", _scan(5, filtered))
    [finding] = [each for each in found if each.code == "full_scan"]
    assert words in finding.advice


def test_a_key_that_is_cast_gets_one_finding_and_no_index() -> None:
    found = _judged("SELECT n FROM t WHERE id::text = '3'", _scan(1, "(id)::text = '3'::text"))
    assert [each.code for each in found] == ["unusable_index"]
    assert "CREATE INDEX" not in found[0].advice


def test_what_no_index_and_no_other_words_would_save_is_no_finding() -> None:
    assert (
        _judged("SELECT n FROM t WHERE document @> '{}'", _scan(5, "document @> '{}'::jsonb")) == ()
    )


JOIN = """\
Hash Join  (cost=1.00..2.00 rows=20 width=8) (actual time=1.0..9.0 rows=20 loops=1)
  Hash Cond: (b.n = a.id)
  ->  Seq Scan on public.b  (cost=1.00..2.00 rows=10000 width=8) (actual time=1.0..9.0 rows=10000 loops=1)
  ->  Hash  (cost=1.00..2.00 rows=2 width=8) (actual time=1.0..9.0 rows=2 loops=1)
        ->  Index Scan using a_pkey on public.a  (cost=1.00..2.00 rows=2 width=8) (actual time=1.0..9.0 rows=2 loops=1)
              Index Cond: (id < 3)
"""  # noqa: E501


def test_the_side_of_a_hash_join_that_is_read_for_few_partners_is_found() -> None:
    tables = (table(name="a"), table(name="b"))
    found = _judged("SELECT b.price FROM a JOIN b ON b.n = a.id WHERE a.id < 3", JOIN, *tables)
    [finding] = [each for each in found if each.code == "full_scan"]
    assert finding.node.relation == "b"
    assert "ON b (n)" in finding.advice
    assert "Few of the rows find a partner" in finding.why


DELETE = """\
Delete on public.t  (cost=1.00..2.00 rows=0 width=0) (actual time=1.0..1.0 rows=0 loops=1)
  ->  Index Scan using t_pkey on public.t  (cost=1.00..2.00 rows=1 width=8) (actual time=1.0..1.0 rows=1 loops=1)
        Index Cond: (id = 5)
Planning Time: 0.1 ms
Trigger for constraint child_t_fk: time=44.0 calls=1
Execution Time: 46.0 ms
"""  # noqa: E501


@pytest.mark.parametrize(
    ("index", "proposed"),
    [
        ((), ["CREATE INDEX ASYNC idx_child_n ON child (n)"]),
        ((Index("child_n", ("n", "at")),), []),
        ((Index("child_n", ("at", "n")),), ["CREATE INDEX ASYNC idx_child_n ON child (n)"]),
        (
            (Index("child_n", ("n",), condition="on_sale"),),
            ["CREATE INDEX ASYNC idx_child_n ON child (n)"],
        ),
    ],
)
def test_a_foreign_key_whose_child_is_searched_gets_an_index(
    index: tuple[Index, ...], proposed: list[str]
) -> None:

    child = table(*index, name="child")
    key = ForeignKey("child_t_fk", ("public", "t"), ("public", "child"), ("n",))
    known = Facts((facts(table()), facts(child)), foreign_keys=(key,))
    found = advise(parse("DELETE FROM t WHERE id = 5", {}), parse_plan(DELETE), known)
    assert [each.ddl for each in found.proposals] == proposed
    assert all("took 44.0 ms" in each.reason for each in found.proposals)


def test_columns_that_depend_on_each_other_are_named_with_their_statistics() -> None:
    few = {name: ColumnStatistics(distinct=100) for name in ("n", "name")}
    plan = _scan(900, "(n = 1) AND (name = 'x'::text)").replace("rows=900 width", "rows=1 width")
    found = advice("SELECT id FROM t WHERE n = 1 AND name = 'x'", plan, facts(table(), known=few))
    [note] = [each for each in found.notes if "CREATE STATISTICS" in each]
    assert "1 rows were expected, and 900 came" in note
    assert "(dependencies, mcv) ON n, name FROM t" in note
    few_rows = _scan(20, "(n = 1) AND (name = 'x'::text)")
    found = advice("SELECT id FROM t WHERE n = 1 AND name = 'x'", few_rows, facts(table()))
    assert not any("CREATE STATISTICS" in each for each in found.notes)

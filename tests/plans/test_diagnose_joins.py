"""Findings about joins: loops that run too often, and joins without a condition."""

import pytest

from dsqlkit.plans.diagnose import diagnose
from dsqlkit.plans.findings import Severity
from dsqlkit.plans.parse import parse_plan

COST = "(cost=1.00..2.00 rows=5 width=4)"
HIGH = Severity.HIGH


def _loop(runs: int, inner_ms: float, variant: str = "", outer_rows: int = 1) -> str:
    whole = inner_ms * runs + 1.1
    return (
        f"Nested Loop{variant}  {COST} (actual time=0.1..{whole:.3f} rows=5 loops=1)\n"
        f"  ->  Index Only Scan using a_pkey on a  (cost=1.00..2.00 rows={outer_rows} width=4)"
        f" (actual time=0.0..1.0 rows={runs} loops=1)\n"
        f"        Index Cond: (k = 1)\n"
        f"  ->  Index Scan using b_k on b  (cost=1.00..2.00 rows=1 width=4)"
        f" (actual time=0.0..{inner_ms} rows=1 loops={runs})\n"
        f"        Index Cond: (k = a.k)\n"
    )


STORED = (
    "        -> Storage Scan on b_k (cost=1.00..2.00 rows=1 width=4) (actual rows=1 loops=5000)\n"
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (_loop(5_000, 0.01, outer_rows=5), True),
        (_loop(5_000, 0.01, outer_rows=5_000), False),
        (_loop(20, 1.0, outer_rows=20), False),
        (_loop(5_000, 0.01, " (Batched Join)", outer_rows=5), False),
        (_loop(5_000, 0.01, outer_rows=5_000) + STORED, True),
    ],
    ids=["more runs than expected", "as expected", "few runs", "batched", "a trip for each"],
)
def test_a_nested_loop_matters_when_its_runs_are_many_and_dear(text: str, found: bool) -> None:
    assert ("nested_loop" in {finding.code for finding in diagnose(parse_plan(text))}) is found


def _again(runs: int, rows: int, *, timed: bool = True) -> str:
    """A loop that scans a whole table in each run."""
    whole, once = ("time=0.1..9.0 ", "time=0.0..0.5 ") if timed else ("", "")
    return (
        f"Nested Loop  {COST} (actual {whole}rows=5 loops=1)\n"
        f"  Join Filter: (a.k = b.k)\n"
        f"  ->  Seq Scan on a  (cost=1.00..2.00 rows={runs} width=4)"
        f" (actual {once}rows={runs} loops=1)\n"
        f"  ->  Seq Scan on b  (cost=1.00..2.00 rows={rows} width=4)"
        f" (actual {once}rows={rows} loops={runs})\n"
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (_again(10, 5_000), True),
        (_again(10, 5_000, timed=False), True),
        (_again(10, 20), False),
        (_again(2, 5_000), False),
    ],
    ids=["whole table each time", "without times", "small table", "two runs"],
)
def test_a_nested_loop_matters_when_each_run_reads_much_again(text: str, found: bool) -> None:
    findings = [finding for finding in diagnose(parse_plan(text)) if finding.code == "nested_loop"]
    assert [finding.severity for finding in findings] == [HIGH] * found
    assert all("key begins with the column that is joined on" in f.advice for f in findings)


def test_a_nested_loop_after_a_wrong_estimate_is_blamed_on_the_estimate() -> None:
    found = diagnose(parse_plan(_loop(5_000, 0.01, outer_rows=2)))
    assert {finding.code for finding in found} == {"nested_loop", "estimate_off"}
    [loop] = [finding for finding in found if finding.code == "nested_loop"]
    assert "ANALYZE" in loop.advice


def _product(inner: str, *, left: int = 40, right: int = 50, lines: str = "") -> str:
    return (
        f"Nested Loop  {COST} (actual time=0.1..9.0 rows={left * right} loops=1)\n{lines}"
        f"  ->  Seq Scan on a  (cost=1.00..2.00 rows={left} width=4)"
        f" (actual time=0.0..0.5 rows={left} loops=1)\n"
        f"        Filter: (a.kind = 7)\n"
        f"  ->  {inner}  (cost=1.00..2.00 rows={right} width=4)"
        f" (actual time=0.0..0.5 rows={right} loops={left})\n"
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (_product("Seq Scan on b"), True),
        (_product("Materialize") + "        ->  Seq Scan on b" + f"  {COST}\n", True),
        (_product("Seq Scan on b", lines="  Join Filter: (a.x < b.y)\n"), False),
        (_product("Index Scan using i on b") + "        Index Cond: (x = a.x)\n", False),
        (_product("Index Scan using i on b") + "        Index Cond: (b.x = 7)\n", False),
        (_product("Index Scan using i on b") + "        Index Cond: (b.x = 8)\n", True),
        (_product("Seq Scan on b", left=1), False),
    ],
    ids=["plain", "kept", "a join filter", "looked up", "one constant", "two", "one row"],
)
def test_a_join_without_a_condition_is_called_that(text: str, found: bool) -> None:
    codes = [finding.code for finding in diagnose(parse_plan(text))]
    assert ("cross_join" in codes) is found


def test_a_table_that_is_joined_with_itself_is_told_by_its_aliases() -> None:
    text = (
        f"Nested Loop  {COST} (actual time=0.0..1.0 rows=100 loops=1)\n"
        f"  ->  Seq Scan on public.t a  {COST} (actual time=0.0..1.0 rows=10 loops=1)\n"
        f"  ->  Seq Scan on public.t  {COST} (actual time=0.0..1.0 rows=10 loops=1)\n"
    )
    (said,) = [each for each in diagnose(parse_plan(text)) if each.code == "cross_join"]
    assert said.observed.startswith("t a and t are joined without a condition")

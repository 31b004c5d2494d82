"""Findings: what is said of a plan, how severe it is, and what is left unsaid."""

import re

import pytest

from dsqlkit.plans.diagnose import diagnose
from dsqlkit.plans.findings import Severity
from dsqlkit.plans.parse import parse_plan
from tests.plans.samples import dsql, postgres, recorded

LOW, MEDIUM, HIGH = Severity.LOW, Severity.MEDIUM, Severity.HIGH


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("01", [("full_scan", MEDIUM), ("late_filter", MEDIUM)]),
        ("02", [("late_filter", LOW)]),
        ("03", [("estimate_off", MEDIUM)]),
        ("04", []),
        ("05", []),
        ("06", [("storage_lookup", LOW)]),
        ("07", []),
    ],
)
def test_findings_about_the_recorded_dsql_plans(
    number: str, expected: list[tuple[str, Severity]]
) -> None:
    assert [(finding.code, finding.severity) for finding in diagnose(dsql(number))] == expected


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("select_1", []),
        ("index_only_scan", []),
        ("hash_join_aggregate", []),
        ("lock_rows", []),
        ("values", []),
        ("function_scans", []),
        ("one_time_filter", []),
        ("costs_off", []),
        ("seq_scan_filter", ["full_scan"]),
        ("never_executed", ["full_scan"]),
        ("semi_anti", ["rows_removed"]),
        ("full_join", ["estimate_off"]),
        ("jit", ["full_scan", "estimate_off", "unusable_index"]),
        ("disk_sort", []),  # an index cannot give one column down and one up
    ],
)
def test_findings_about_plans_of_postgres(name: str, codes: list[str]) -> None:
    found = {finding.code for finding in diagnose(postgres(name)) if finding.severity is not LOW}
    found |= {finding.code for finding in diagnose(postgres(name)) if finding.code in codes}
    assert found == set(codes)


COST = "(cost=1.00..2.00 rows=5 width=4)"


def _scan(head: str, rows: int, read: int, *lines: str, others: int = 0, ms: float = 9.0) -> str:
    """A scan beside another one that reads `others`."""
    return "\n".join(
        [
            f"Append  {COST} (actual time=0.0..10.0 rows=5 loops=1)",
            f"  ->  Seq Scan on other  (cost=1.00..2.00 rows={others} width=4)"
            f" (actual time=0.0..1.0 rows={others} loops=1)",
            f"  ->  {head}  (cost=1.00..2.00 rows={rows} width=4)"
            f" (actual time=0.0..{ms} rows={rows} loops=1)",
            *(f"        {line}" for line in lines),
            f"        Rows Removed by Filter: {read - rows}",
        ]
    )


@pytest.mark.parametrize(
    ("rows", "read", "others", "severity"),
    [
        (180, 5_000, 0, HIGH),
        (180, 5_000, 8_000, MEDIUM),
        (180, 5_000, 99_000, LOW),
        (2_000, 5_000, 0, None),  # it keeps too much for an index to save much
        (1, 60, 0, None),  # too few rows to matter
        (5_000, 5_000, 0, None),
    ],
)
def test_a_full_scan_matters_by_what_it_keeps_and_by_its_share_of_the_rows_read(
    rows: int, read: int, others: int, severity: Severity | None
) -> None:
    text = _scan("Seq Scan on t", rows, read, "Filter: (a = 1)", others=others)
    found = [finding.severity for finding in diagnose(parse_plan(text))]
    assert found == ([] if severity is None else [severity])


def _text_of(name: str) -> str:
    [text] = [case.text for case in recorded() if (case.name, case.version) == (name, 16)]
    return text


def test_no_severity_depends_on_a_time() -> None:
    for name in ("append_partitions", "hash_join_aggregate", "semi_anti", "jit"):
        plan = postgres(name)
        fast = parse_plan(re.sub(r"time=[\d.]+\.\.[\d.]+", "time=0.001..0.002", _text_of(name)))
        said = [(found.code, found.severity, found.observed) for found in diagnose(plan)]
        assert [(found.code, found.severity, found.observed) for found in diagnose(fast)] == said


def test_a_finding_says_what_was_seen_why_it_matters_and_what_to_do() -> None:
    text = _scan(
        "Full Scan (btree-table) on accounts7",
        180,
        5_000,
        "Filter: (((region)::text = 'US'::text) AND (created_at > now()) AND (kind = 'x'::text))",
    )
    [finding] = diagnose(parse_plan(text))
    assert finding.observed == (
        "Full Scan (btree-table) on accounts7 read 5,000 rows and kept 180 (3.6%) by "
        "region::text = 'US' AND created_at > now() AND kind = 'x'."
    )
    assert "DPU" in finding.why
    assert finding.advice == (
        "An index on accounts7 (region, kind, created_at) would read fewer rows. "
        "Put the column that leaves the fewest rows first."
    )
    assert finding.node.relation == "accounts7"


def test_no_index_is_advised_where_none_can_help() -> None:
    text = _scan("Seq Scan on t", 180, 5_000, "Filter: (note ~~ '%x'::text)")
    [finding] = diagnose(parse_plan(text))
    assert finding.advice.startswith("No index condition can take this filter")


def test_an_index_that_lets_too_much_through_is_to_be_longer() -> None:
    text = _scan(
        "Index Scan using i on t", 10, 4_000, "Index Cond: (a = 1)", "Filter: ((b > 2) AND (c = 3))"
    )
    [finding] = diagnose(parse_plan(text))
    assert (finding.code, finding.severity) == ("rows_removed", HIGH)
    assert "(a, c, b)" in finding.advice


def test_a_primary_key_that_is_read_whole_is_a_full_scan() -> None:
    text = _scan("Index Only Scan using t_pkey on t", 10, 4_000, "Filter: (b = 2)")
    [finding] = diagnose(parse_plan(text))
    assert finding.code == "full_scan"


STORAGE = """\
Index Scan using i on t  (cost=1.00..2.00 rows=9 width=4) (actual time=0.1..9 rows={given} loops=1)
  Index Cond: (a = 1)
  Filter: (b = 2)
  Rows Removed by Filter: {late}
  -> Storage Scan on i (cost=1.00..2.00 rows=9 width=4) (actual rows={sent} loops=1)
      Filters: (c = 3)
      Rows Filtered: {early}
      -> B-Tree Scan on i (cost=1.00..2.00 rows=9 width=4) (actual rows={read} loops=1)
          Index Cond: (a = 1)
"""


@pytest.mark.parametrize(
    ("given", "late", "early", "codes"),
    [
        (1_000, 0, 0, ["estimate_off"]),
        (100, 900, 0, ["late_filter", "estimate_off"]),
        (100, 0, 900, ["rows_removed", "estimate_off"]),
        (100, 100, 800, ["rows_removed", "late_filter", "estimate_off"]),
    ],
)
def test_the_layer_that_threw_rows_away_is_named(
    given: int, late: int, early: int, codes: list[str]
) -> None:
    text = STORAGE.format(
        given=given, late=late, early=early, sent=given + late, read=given + late + early
    )
    assert {finding.code for finding in diagnose(parse_plan(text))} == set(codes)


def _sort(key: str, above: str = "", rows: int = 5_000) -> str:
    figures = f"(cost=1.00..2.00 rows={rows} width=4) (actual time=0.1..{{}} rows={rows} loops=1)"
    lines = [f"{above}  {COST} (actual time=0.1..9.1 rows=5 loops=1)"] if above else []
    lines += ["->  Sort  " + figures.format(9.0), f"      Sort Key: {key}"]
    lines += ["      ->  Seq Scan on t  " + figures.format(4.0)]
    return "\n".join(lines[:1] + [("  " if above else "") + line for line in lines[1:]])


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        (_sort("a"), None),  # all rows are asked for: sorting them is the least of it
        (_sort("a", "Limit"), "then a, gives"),
        (_sort("t.a DESC, t.b DESC", "Limit"), "then a, b, gives"),
        (_sort("a DESC, b", "Limit"), None),
        (_sort("(lower(a))", "Limit"), None),
        (_sort("a NULLS FIRST", "Limit"), None),
        (_sort("a", "Limit", rows=20), None),
    ],
)
def test_a_sort_matters_when_an_index_can_give_its_order(text: str, columns: str | None) -> None:
    advice = [finding.advice for finding in diagnose(parse_plan(text)) if finding.code == "sort"]
    assert [columns in words for words in advice if columns] == ([True] if columns else [])
    assert len(advice) == (1 if columns else 0)


def _estimate(expected: int, found: int, loops: int = 1) -> str:
    return (
        f"Seq Scan on t  (cost=1.00..2.00 rows={expected} width=4)"
        f" (actual time=0.1..1.0 rows={found} loops={loops})\n"
    )


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        (_estimate(100, 499), None),
        (_estimate(100, 500), LOW),
        (_estimate(500, 100), LOW),
        (_estimate(100, 5_000), MEDIUM),
        (_estimate(5_000, 0), MEDIUM),
        (_estimate(1, 60), None),
        (_estimate(1, 60, loops=10), MEDIUM),
    ],
)
def test_an_estimate_matters_from_five_times_on(text: str, severity: Severity | None) -> None:
    found = [finding.severity for finding in diagnose(parse_plan(text))]
    assert found == ([] if severity is None else [severity])


def test_below_a_limit_fewer_rows_than_expected_are_no_error() -> None:
    limit = f"Limit  {COST} (actual time=0.1..1.0 rows=5 loops=1)\n"
    assert diagnose(parse_plan(limit + "  ->  " + _estimate(5_000, 5))) == ()
    assert diagnose(parse_plan(limit + "  ->  " + _estimate(5, 5_000))) != ()


def test_only_the_lowest_wrong_estimate_is_told() -> None:
    text = (
        f"Hash Join  {COST} (actual time=0.1..3.0 rows=9000 loops=1)\n"
        f"  ->  {_estimate(5, 9_000)}"
        f"  ->  Hash  {COST} (actual time=0.1..1.0 rows=5 loops=1)\n"
    )
    [finding] = diagnose(parse_plan(text))
    assert finding.node.relation == "t"
    assert finding.advice.startswith("Run ANALYZE t.")


def test_the_most_severe_come_first() -> None:
    found = [finding.severity for finding in diagnose(postgres("append_partitions"))]
    assert found == sorted(found, key=[HIGH, MEDIUM, LOW].index)
    assert len(found) == 2


@pytest.mark.parametrize(("rows", "found"), [(3_000, False), (3_001, True)])
def test_a_statement_that_changes_more_rows_than_one_transaction_may_is_told(
    rows: int, found: bool
) -> None:
    text = (
        f"Update on t  {COST} (actual time=9.0..9.0 rows=0 loops=1)\n"
        f"  ->  Seq Scan on t  (cost=1.00..2.00 rows={rows} width=4)"
        f" (actual time=0.0..0.5 rows={rows} loops=1)\n"
    )
    said = [each for each in diagnose(parse_plan(text)) if each.code == "row_limit"]
    assert [each.severity for each in said] == [HIGH] * found
    assert all("changes 3,001 rows of t" in each.observed for each in said)

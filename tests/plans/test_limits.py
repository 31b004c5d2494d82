"""Where a rule begins to hold, to the row; and how long a number may be."""

from decimal import Decimal

import pytest

from dsqlkit.plans.diagnose import diagnose
from dsqlkit.plans.findings import Severity
from dsqlkit.plans.parse import parse_plan

COST = "(cost=1.00..2.00 rows=5 width=4)"


def codes_of(text: str) -> set[str]:
    return {finding.code for finding in diagnose(parse_plan(text))} - {"estimate_off"}


def scan(*, read: int, sent: int, given: int, narrowed: bool) -> str:
    """A scan whose storage reads rows, sends some of them, of which some are given on."""
    head = "Index Only Scan using i on t" if narrowed else "Full Scan (btree-table) on t"
    condition = ["      Index Cond: (b = 2)"] if narrowed else []
    return "\n".join(
        [
            f"{head}  {COST} (actual time=0.1..9.0 rows={given} loops=1)",
            "  Filter: (a = 1)",
            f"  Rows Removed by Filter: {sent - given}",
            f"  -> Storage Scan on t {COST} (actual rows={sent} loops=1)",
            "      Filters: (c = 3)",
            f"      -> B-Tree Scan on t {COST} (actual rows={read} loops=1)",
            *[" " * 6 + line for line in condition],
        ]
    )


@pytest.mark.parametrize(
    ("read", "given", "found"),
    [
        (600, 200, True),  # a third
        (600, 201, False),
        (149, 49, True),  # a hundred rows in vain
        (148, 49, False),
    ],
)
def test_a_full_scan_is_told_from_a_third_kept_and_a_hundred_rows_dropped_on(
    read: int, given: int, found: bool
) -> None:
    text = scan(read=read, sent=given, given=given, narrowed=False)
    assert ("full_scan" in codes_of(text)) == found


@pytest.mark.parametrize(("given", "found"), [(100, True), (101, False)])
def test_an_index_scan_is_told_from_half_of_its_rows_kept_on(given: int, found: bool) -> None:
    text = scan(read=200 + (given == 101), sent=given, given=given, narrowed=True)
    assert ("rows_removed" in codes_of(text)) == found


@pytest.mark.parametrize(
    ("sent", "codes"),
    [
        (100, {"late_filter", "rows_removed"}),
        (200, {"late_filter", "rows_removed"}),  # half of what is dropped
        (201, {"late_filter"}),
        (400, {"late_filter"}),
    ],
)
def test_rows_that_were_dropped_late_are_not_told_of_twice(sent: int, codes: set[str]) -> None:
    assert codes_of(scan(read=400, sent=sent, given=0, narrowed=True)) == codes


def test_a_full_scan_is_told_beside_all_that_it_dropped_late() -> None:
    text = scan(read=400, sent=400, given=0, narrowed=False)
    assert codes_of(text) == {"full_scan", "late_filter"}


@pytest.mark.parametrize(
    ("share", "rows", "severity"),
    [
        (1.0, 99, Severity.LOW),
        (1.0, 100, Severity.HIGH),
        (0.5, 100, Severity.HIGH),
        (0.499, 100, Severity.MEDIUM),
        (0.1, 100, Severity.MEDIUM),
        (0.099, 100, Severity.LOW),
        (None, 100, Severity.MEDIUM),
        (None, 99, Severity.LOW),
    ],
)
def test_severity_is_of_the_share_and_the_rows(
    share: float | None, rows: int, severity: Severity
) -> None:
    assert Severity.of(share, rows) is severity


@pytest.mark.parametrize("rows", [10**15 - 1, 10**15, 123_456_789_012_345_678, 10**18 - 1])
def test_a_number_of_up_to_eighteen_digits_is_read(rows: int) -> None:
    plan = parse_plan(
        f"Seq Scan on t  (cost={rows}.00..{rows}.25 rows={rows} width={rows})"
        f" (actual time=0.1..0.2 rows={rows} loops={rows})\n"
        f"  Rows Removed by Filter: {rows}"
    )
    assert plan.root.cost is not None
    assert (plan.root.cost.rows, plan.root.cost.width) == (rows, rows)
    assert plan.root.actual is not None
    assert (plan.root.actual.rows, plan.root.actual.loops) == (float(rows), rows)
    assert plan.root.value("Rows Removed by Filter") == str(rows)


def test_a_statements_dpu_is_read_to_the_last_of_eighteen_decimals() -> None:
    plan = parse_plan(
        f"Result  {COST} (actual time=0.1..0.2 rows=1 loops=1)\n"
        "Statement DPU Estimate:\n"
        "  Compute: 0.00607 DPU\n"
        "  Total: 123456789012345678.123456789012345678 DPU"
    )
    assert plan.dpu is not None
    assert plan.dpu.total == Decimal("123456789012345678.123456789012345678")

"""Estimates of joins that nobody would run: read to the last digit, and said in a few."""

import pytest

from dsqlkit.cli.plan_words import cost_of, short
from dsqlkit.plans.findings import count
from dsqlkit.plans.node_line import parse_node


@pytest.mark.parametrize(
    ("rows", "words", "in_a_finding"),
    [
        (99_999, "99,999", "99,999 rows"),
        (99_999.6, "100k", "100,000 rows"),
        (999.4e12, "999T", "999,400,000,000,000 rows"),
        (1e15, "1e+15", "1e+15 rows"),
        (1e100, "1e+100", "1e+100 rows"),
    ],
)
def test_rows_are_said_with_no_more_digits_than_are_known(
    rows: float, words: str, in_a_finding: str
) -> None:
    assert short(rows) == words
    assert count(rows) == in_a_finding


@pytest.mark.parametrize(
    ("cost", "words"), [(43.3, "43.30"), (2.25e22, "2.25e+22"), (1.5e300, "1.5e+300")]
)
def test_a_cost_is_read_however_large_and_said_in_few_digits(cost: float, words: str) -> None:
    node = parse_node(f"Result  (cost=0.00..{cost:.2f} rows={10**100} width=8)")
    assert node.cost is not None
    assert (node.cost.total, node.cost.rows) == (cost, 10**100)
    assert cost_of(node) == words

"""Text that is not the plan of one statement is an error that says so."""

import pytest

from dsqlkit.errors import ExitCode
from dsqlkit.plans.parse import PlanError, parse_plan


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n\n",
        "hello",
        "Seq Scan is slow",
        "SELECT * FROM accounts WHERE id = 1;",
        '[{"Plan": {"Node Type": "Result"}}]',
        "- Plan: \n    Node Type: Result\n",
        '<explain xmlns="http://www.postgresql.org/2009/explain">',
        " id | balance\n----+---------\n  1 |     100\n(1 row)\n",
        " QUERY PLAN \n------------\n(0 rows)\n",
        'ERROR:  relation "t" does not exist\nLINE 1: EXPLAIN SELECT * FROM t;',
        "Filter: (a = 1)\n",
        "Planning Time: 0.1 ms\nExecution Time: 0.2 ms\n",
        "Utility statements have no plan structure",
        "->",
        "\x00\x01\x02",
        "cost=0.00..1.00 rows=1 width=4",
        ".\n.",
        "…\n\n…",
    ],
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(PlanError) as error:
        parse_plan(text)
    assert error.value.code == "not_a_plan"
    assert error.value.exit_code is ExitCode.REFUSED
    assert error.value.hint is not None


@pytest.mark.parametrize("arrow", ["", "->  "])
def test_two_plans_are_refused_rather_than_mixed(arrow: str) -> None:
    one = "Result  (cost=0.00..0.01 rows=1 width=4)"
    with pytest.raises(PlanError, match="a second plan begins"):
        parse_plan(f"{one}\nPlanning Time: 0.1 ms\n{arrow}{one}")


def test_a_long_first_line_is_shortened_in_the_message() -> None:
    with pytest.raises(PlanError) as error:
        parse_plan("x" * 10_000)
    assert len(error.value.message) < 200


def test_a_plan_of_absurd_depth_is_refused_rather_than_a_crash() -> None:
    lines = [" " * (6 * depth) + "->  Limit" for depth in range(1_000)]
    with pytest.raises(PlanError, match="nodes deep"):
        parse_plan("\n".join(lines))


@pytest.mark.parametrize(
    "text",
    [
        "Sort",
        "->  Seq Scan on t",
        "Seq Scan on t (actual rows=1 loops=1)",
        "Anything At All  (cost=0.00..0.01 rows=1 width=4)",
        "Limit (never executed)",
    ],
)
def test_a_single_node_is_a_plan(text: str) -> None:
    assert len(list(parse_plan(text).walk())) == 1

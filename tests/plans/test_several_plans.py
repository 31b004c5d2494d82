"""A paste may hold the plans of several statements."""

import pytest

from dsqlkit.plans.parse import PlanError, parse_plan, parse_plans
from tests.plans.samples import POSTGRES_VERSIONS, Recorded, dsql_text, recorded


def _relations(text: str) -> list[str | None]:
    return [next(n.relation for n in plan.walk() if n.relation) for plan in parse_plans(text)]


def test_a_session_of_psql_is_read_plan_by_plan() -> None:
    one, two = (f"{dsql_text(number).rstrip()}\n(9 rows)\n\n" for number in ("05", "01"))
    text = f"postgres=> EXPLAIN SELECT 1;\n{one}Time: 3.0 ms\npostgres=> EXPLAIN SELECT 2;\n{two}"
    assert _relations(text) == ["transactions", "transaction"]
    assert parse_plans(text) == (parse_plan(dsql_text("05")), parse_plan(dsql_text("01")))


@pytest.mark.parametrize("version", POSTGRES_VERSIONS)
def test_bare_plans_one_after_another_are_told_apart(version: int) -> None:
    cases = [case for case in recorded() if case.version == version]
    together = "\n".join(case.text for case in cases)
    assert parse_plans(together) == tuple(parse_plan(case.text) for case in cases)


def test_what_a_rule_made_of_one_statement_is_several_plans() -> None:
    text = (
        "Insert on log  (cost=0.00..0.01 rows=0 width=0)\n"
        "  ->  Result  (cost=0.00..0.01 rows=1 width=4)\n"
        "\n"
        "Update on t  (cost=0.00..1.00 rows=0 width=0)\n"
        "  ->  Seq Scan on t  (cost=0.00..1.00 rows=1 width=4)\n"
        "Planning Time: 0.1 ms\n"
    )
    assert _relations(text) == ["log", "t"]


def test_plans_in_the_log_of_auto_explain_are_found() -> None:
    text = (
        "2025-01-01 10:00:00 UTC [1] LOG:  duration: 3.651 ms  plan:\n"
        "\tQuery Text: SELECT count(*)\n\t  FROM pg_class\n"
        "\tAggregate  (cost=16.79..16.80 rows=1 width=0)\n"
        "\t  ->  Seq Scan on pg_class  (cost=0.00..16.79 rows=2 width=0)\n"
        "\t        Filter: (oid = 1)\n"
    )
    assert [len(list(plan.walk())) for plan in parse_plans(text * 2)] == [2, 2]
    [scan] = parse_plans(text)[0].root.children
    assert scan.value("Filter") == "(oid = 1)"


def test_a_result_that_is_no_plan_spoils_the_paste_rather_than_being_left_out() -> None:
    text = f"{dsql_text('05')}(9 rows)\n QUERY PLAN\n------\n [ {{}} ]\n(1 row)\n"
    with pytest.raises(PlanError, match=r"it begins with '\[ \{\} \]'"):
        parse_plans(text)


def test_where_one_plan_is_wanted_two_are_refused() -> None:
    [case] = [c for c in recorded() if (c.name, c.version) == ("select_1", 16)]
    assert isinstance(case, Recorded)
    with pytest.raises(PlanError, match="a second plan begins with 'Result'"):
        parse_plan(f"{case.text}\n{case.text}")

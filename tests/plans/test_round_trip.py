"""A plan that is printed and read again is the same plan."""

from hypothesis import given, settings
from hypothesis import strategies as st

from dsqlkit.plans.model import Plan
from dsqlkit.plans.parse import parse_plan
from tests.plans.printing import print_plan
from tests.plans.strategies import plans


@settings(max_examples=50, deadline=None)
@given(plans, st.sampled_from([4, 5, 6]))
def test_a_printed_plan_reads_as_the_same_plan(plan: Plan, storage_indent: int) -> None:
    assert parse_plan(print_plan(plan, storage_indent=storage_indent)) == plan


@settings(max_examples=20, deadline=None)
@given(plans)
def test_a_plan_that_lost_the_space_before_its_first_line_reads_the_same(plan: Plan) -> None:
    text = "\n".join(" " + line for line in print_plan(plan).split("\n")).strip()
    assert _outline(parse_plan(text)) == _outline(plan)


def _outline(plan: Plan) -> tuple[list[tuple[str, int, int]], list[str]]:
    nodes = [(node.title, len(node.properties), len(node.children)) for node in plan.walk()]
    return nodes, [line.label for line in plan.footer]

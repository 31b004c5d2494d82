"""Whatever the text, it is a plan or a clear error; and what is a plan can be judged and drawn."""

import io

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from dsqlkit.cli.plan_page import plan_page
from dsqlkit.cli.plan_view import plans_view
from dsqlkit.plans.model import Plan
from dsqlkit.plans.parse import PlanError
from dsqlkit.plans.result import read_results
from dsqlkit.plans.to_dict import to_dict
from tests.plans.printing import print_plan
from tests.plans.samples import dsql_text, recorded
from tests.plans.strategies import plans

_TEXTS = [case.text for case in recorded()] + [dsql_text(f"0{n}") for n in range(1, 8)]


def _read_and_show(text: str) -> None:
    try:
        results = read_results(text)
    except PlanError:
        return
    for result in results:
        to_dict(result)
    plan_page(results)
    Console(file=io.StringIO(), width=80).print(plans_view(results))


def test_numbers_of_absurd_length_are_no_numbers() -> None:
    many = "9" * 5_000
    _read_and_show(f"Seq Scan on t  (cost=0.00..{many} rows=1 width=4)")
    _read_and_show(f"Limit\n  Rows Removed by Filter: {many}\nPlanning Time: {many} ms")
    _read_and_show(f"Limit (actual rows={many} loops={many})\nTrigger t: calls={many}")
    _read_and_show(f"Limit\nStatement DPU Estimate:\n  Total: {many} DPU\n")


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300))
def test_any_text(text: str) -> None:
    _read_and_show(text)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(_TEXTS),
    st.lists(st.tuples(st.integers(0, 5_000), st.sampled_from("\n ()'\"->:=.0+|x")), max_size=6),
    st.integers(0, 40),
    st.integers(0, 40),
)
def test_a_recorded_plan_that_was_damaged(
    text: str, edits: list[tuple[int, str]], first: int, last: int
) -> None:
    lines = text.split("\n")
    damaged = "\n".join(lines[: len(lines) - last][first % 3 :]) if last % 2 else text
    for place, put in edits:
        at = place % (len(damaged) + 1)
        damaged = damaged[:at] + put + damaged[at + place % 2 :]
    _read_and_show(damaged)


@settings(max_examples=50, deadline=None)
@given(plans)
def test_any_tree(plan: Plan) -> None:
    _read_and_show(print_plan(plan))

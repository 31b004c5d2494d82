"""A plan with all that is made of it: what `explain` gives back."""

from dataclasses import dataclass, field

from dsqlkit.plans.catalog import Catalog
from dsqlkit.plans.diagnose import diagnose
from dsqlkit.plans.findings import Finding
from dsqlkit.plans.model import Plan
from dsqlkit.plans.parse import parse_plan, parse_plans


@dataclass(frozen=True, slots=True)
class ExplainResult:
    """The plan of one statement.

    `text` is the plan as it was printed, `sql` the statement where it is known. `rolled_back`
    says that the statement writes and was run, so that its changes were undone. `catalog` holds the
    tables that the plan reads, as far as they are known.
    """

    text: str
    plan: Plan
    findings: tuple[Finding, ...]
    sql: str | None = None
    rolled_back: bool = False
    catalog: Catalog = field(default_factory=Catalog)


def read_result(text: str) -> ExplainResult:
    """Read and judge a plan that was made elsewhere. Raises PlanError if the text is not one."""
    plan = parse_plan(text)
    return ExplainResult(text, plan, diagnose(plan))


def read_results(text: str) -> tuple[ExplainResult, ...]:
    """Read and judge all plans of a text, at least one; each keeps the whole text.

    Raises PlanError as `parse_plans` does.
    """
    return tuple(ExplainResult(text, plan, diagnose(plan)) for plan in parse_plans(text))

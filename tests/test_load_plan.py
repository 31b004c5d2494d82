"""What a bulk load may be."""

import pytest

from dsqlkit.errors import UsageError
from dsqlkit.loading import LoadPlan


@pytest.mark.parametrize("plan", [LoadPlan(), LoadPlan(1, 1, 1), LoadPlan(10**9, 3000, 64)])
def test_a_plan_within_dsqls_limits_is_accepted(plan: LoadPlan) -> None:
    assert plan.transactions >= 1


@pytest.mark.parametrize(
    ("transactions", "rows", "threads", "complaint"),
    [
        (1, 1, 0, "threads must be from 1 to 64"),
        (1, 1, 65, "threads must be from 1 to 64"),
        (0, 1, 1, "At least one transaction"),
        (-1, 1, 1, "At least one transaction"),
        (1, 0, 1, "1 to 3,000 rows"),
        (1, 3001, 1, "1 to 3,000 rows"),
    ],
)
def test_a_plan_beyond_them_is_a_usage_error(
    transactions: int, rows: int, threads: int, complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        LoadPlan(transactions, rows, threads)

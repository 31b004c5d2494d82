"""What is a conflict, and how long a retry waits."""

import random

import pytest

from dsqlkit.errors import UsageError
from dsqlkit.sql_errors import Conflict, conflict_of
from dsqlkit.transaction import RetryPolicy


@pytest.mark.parametrize(
    ("sqlstate", "message", "conflict"),
    [
        ("40001", "change conflicts with another transaction (OC000)", Conflict.DATA),
        ("40001", "schema has been updated by another transaction (OC001)", Conflict.SCHEMA),
        ("40001", "could not serialize access due to concurrent update", Conflict.DATA),
        ("OC000", "mutation conflicts with another transaction, retry as needed", Conflict.DATA),
        ("OC001", "schema has been updated by another transaction", Conflict.SCHEMA),
        ("40P01", "deadlock detected", None),
        ("23505", "duplicate key value (OC000)", None),
        ("23503", "violates foreign key constraint", None),
        ("54000", "transaction row limit exceeded", None),
        ("0A000", "unsupported statement: Truncate", None),
        ("25P02", "current transaction is aborted", None),
        ("08006", "connection failure 40001", None),
        ("XX000", "server unavailable", None),
        (None, "SSL SYSCALL error: EOF detected (OC001)", None),
    ],
)
def test_only_40001_and_its_older_names_are_conflicts(
    sqlstate: str | None, message: str, conflict: Conflict | None
) -> None:
    assert conflict_of(sqlstate, message) == conflict


def test_the_longest_wait_doubles_up_to_the_cap() -> None:
    policy = RetryPolicy(base_s=0.01, cap_s=1.0)
    waits = [policy.longest_wait_s(attempt) for attempt in range(1, 10)]
    assert waits == [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0, 1.0]
    assert policy.longest_wait_s(1_000_000) == 1.0


def test_a_wait_is_drawn_from_the_whole_range() -> None:
    policy = RetryPolicy(base_s=0.01, cap_s=1.0)
    assert policy.wait_s(3, lambda low, high: low) == 0.0
    assert policy.wait_s(3, lambda low, high: high) == 0.04
    drawn = [policy.wait_s(3, random.Random(7).uniform) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert 0 < drawn[0] < 0.04


@pytest.mark.parametrize("max_attempts", [0, -1])
def test_a_policy_without_an_attempt_is_a_usage_error(max_attempts: int) -> None:
    with pytest.raises(UsageError, match="At least one attempt"):
        RetryPolicy(max_attempts=max_attempts)


@pytest.mark.parametrize("deadline_s", [0, -1, float("nan"), float("inf"), 3601])
def test_a_deadline_that_is_none_is_a_usage_error(deadline_s: float) -> None:
    with pytest.raises(UsageError, match="deadline"):
        RetryPolicy(deadline_s=deadline_s)

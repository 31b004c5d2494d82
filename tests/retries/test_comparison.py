"""The retry policy of dsqlkit wins by the rule in the guide, which shows the figures."""

import random

import pytest

from dsqlkit.transaction import RetryPolicy
from tests.retries.__main__ import GUIDE, written
from tests.retries.comparison import LEAST_SUCCESS, rows
from tests.retries.policies import POLICIES
from tests.retries.simulation import Scenario, simulate


def never(failed: int, spent_s: float, chance: random.Random) -> None:
    return None


def test_the_default_wins_by_the_rule() -> None:
    best, *others = rows()
    assert best.policy == "dsqlkit"
    assert best.worst_success >= LEAST_SUCCESS
    for other in others:
        assert other.worst_success < LEAST_SUCCESS or other.cost > best.cost


def test_the_guide_shows_the_figures_and_the_defaults() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    assert guide == written(guide), "run `make retries`"
    policy = RetryPolicy()
    assert f"{policy.base_s * 1000:.0f} ms x 2^(n-1), at most {policy.cap_s:.0f} s" in guide
    assert f"{policy.max_attempts} attempts and {policy.deadline_s:.0f} seconds" in guide


def test_of_two_that_overlap_on_a_row_the_first_to_commit_wins() -> None:
    both = simulate(Scenario(clients=2, rows=2, commit_ms=50, transfers=1), never, seed=1)
    assert (both.made, both.given_up, both.attempts) == (1, 1, 2)


def test_those_who_share_no_row_never_conflict() -> None:
    alone = simulate(Scenario(clients=1, rows=2, commit_ms=5, transfers=50), never, seed=1)
    assert (alone.made, alone.given_up, alone.attempts) == (50, 0, 50)
    assert alone.fairness == 1


@pytest.mark.parametrize("policy", POLICIES)
def test_every_transfer_is_made_or_given_up_and_the_same_again_from_one_seed(policy: str) -> None:
    scenario = Scenario(clients=16, rows=2, commit_ms=5)
    result = simulate(scenario, POLICIES[policy], seed=3)
    assert result.made + result.given_up == 16 * 3
    assert result.attempts >= result.made + result.given_up
    assert result == simulate(scenario, POLICIES[policy], seed=3)
    assert result.slowest_s <= result.done_s

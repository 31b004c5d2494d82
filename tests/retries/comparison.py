"""Every policy in every scenario, the rule by which one wins, and the tables of the guide."""

import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tests.retries.policies import POLICIES
from tests.retries.simulation import Result, Scenario, simulate

CLIENTS = (2, 8, 32, 128, 256)
SCENARIOS = tuple(
    Scenario(clients, rows, commit_ms)
    for clients in CLIENTS
    for rows in (2, 10)
    for commit_ms in (1.0, 5.0, 20.0)
)
SEEDS = (1, 2)

LEAST_SUCCESS = 0.99
"""What a policy must let through in each scenario to be a choice at all."""


@dataclass(frozen=True)
class Row:
    """A policy over all scenarios; means are geometric where ratios count.

    `cost` is attempts for each transfer times seconds to done: what is paid and what is waited for
    weigh the same.
    """

    policy: str
    worst_success: float
    attempts_each: float
    done_s: float
    wasted: float
    slowest_s: float
    fairness: float

    @property
    def cost(self) -> float:
        return self.attempts_each * self.done_s


@cache
def results(policy: str) -> dict[Scenario, tuple[Result, ...]]:
    return {
        scenario: tuple(simulate(scenario, POLICIES[policy], seed) for seed in SEEDS)
        for scenario in SCENARIOS
    }


def rows() -> list[Row]:
    """The best first, by the rule: those that let enough through, by their cost; then the rest."""
    found = [_row(policy) for policy in POLICIES]
    return sorted(found, key=lambda row: (row.worst_success < LEAST_SUCCESS, row.cost))


def _row(policy: str) -> Row:
    runs = [run for some in results(policy).values() for run in some]
    return Row(
        policy,
        min(run.success for run in runs),
        _geometric(run.attempts_each for run in runs),
        _geometric(run.done_s for run in runs),
        statistics.mean(run.wasted for run in runs),
        max(run.slowest_s for run in runs),
        statistics.mean(run.fairness for run in runs),
    )


def _geometric(values: Iterator[float]) -> float:
    return math.exp(statistics.mean(math.log(value) for value in values))


def tables() -> str:
    """The comparison in Markdown."""
    lines = [
        "| policy | made, at worst | attempts each | time to done | wasted | slowest transfer "
        "| fairness | cost |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows():
        out = row.worst_success < LEAST_SUCCESS
        lines.append(
            f"| {row.policy} | {row.worst_success:.1%} | {row.attempts_each:.1f} "
            f"| {row.done_s:.2f} s | {row.wasted:.0%} | {row.slowest_s:.1f} s "
            f"| {row.fairness:.2f} | {'out' if out else f'{row.cost:.1f}'} |"
        )
    head = " | ".join(f"{clients} clients" for clients in CLIENTS)
    lines += ["", f"| made, by clients | {head} |", "|---|" + "---|" * len(CLIENTS)]
    for row in rows():
        shares = " | ".join(f"{_success(row.policy, clients):.0%}" for clients in CLIENTS)
        lines.append(f"| {row.policy} | {shares} |")
    return "\n".join(lines) + "\n"


def _success(policy: str, clients: int) -> float:
    runs = [
        run
        for scenario, some in results(policy).items()
        if scenario.clients == clients
        for run in some
    ]
    return statistics.mean(run.success for run in runs)

"""The policies that are compared, each as its makers describe it."""

import random

from dsqlkit.transaction import RetryPolicy
from tests.retries.simulation import Wait

DEFAULT = RetryPolicy()


def dsqlkits(failed: int, spent_s: float, chance: random.Random) -> float | None:
    """`dsqlkit.transaction.RetryPolicy` with its defaults."""
    wait_s = DEFAULT.wait_s(failed, chance.uniform)
    if failed >= DEFAULT.max_attempts or spent_s + wait_s > DEFAULT.deadline_s:
        return None
    return wait_s


def connectors(failed: int, spent_s: float, chance: random.Random) -> float | None:
    """AWS's connector: 3 retries, 1 ms doubling up to 100 ms, 25 % jitter."""
    if failed > 3:
        return None
    return min(0.1, 0.001 * 2.0 ** (failed - 1)) * chance.uniform(0.75, 1.25)


def skills(failed: int, spent_s: float, chance: random.Random) -> float | None:
    """AWS's skill for DSQL: 5 retries, 50 ms doubling up to 5 s, with jitter."""
    if failed > 5:
        return None
    return min(5.0, 0.05 * 2.0 ** (failed - 1)) * chance.uniform(0.5, 1.0)


def originals(failed: int, spent_s: float, chance: random.Random) -> float | None:
    """The workshop's own functions: at once, for ever."""
    return 0.0


POLICIES: dict[str, Wait] = {
    "dsqlkit": dsqlkits,
    "AWS connector": connectors,
    "AWS skill": skills,
    "at once, for ever": originals,
}

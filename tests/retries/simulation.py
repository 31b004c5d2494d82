"""Clients that change the same few rows, in virtual time: what a retry policy makes of it.

The model is that of DSQL. A transaction reads as of its start, waits for nobody, and is decided at
its COMMIT: of those that changed one row the first to commit wins, and each that had started by
then fails. Each client makes its transfers one after the other; one that fails is tried again as
its policy says, or given up. Work costs nothing but time, and the cluster never tires: a policy
that floods it is charged for that in attempts alone.
"""

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Wait = Callable[[int, float, random.Random], float | None]
"""After so many failed attempts, so many seconds from the start of the transfer: how long to wait
before the next, or None to give up."""


@dataclass(frozen=True)
class Scenario:
    """How many clients make `transfers` each between `rows` accounts; how long a COMMIT takes."""

    clients: int
    rows: int
    commit_ms: float
    transfers: int = 3


@dataclass(frozen=True)
class Result:
    """What came of it.

    `done_s` is when the last client had ended; `slowest_s` and `median_s` are the times of
    transfers that were made, from their first attempt.
    """

    made: int
    given_up: int
    attempts: int
    done_s: float
    median_s: float
    slowest_s: float
    fairness: float

    @property
    def success(self) -> float:
        return self.made / (self.made + self.given_up)

    @property
    def attempts_each(self) -> float:
        """Attempts for each transfer that was made, those that were given up included."""
        return self.attempts / self.made if self.made else float("inf")

    @property
    def wasted(self) -> float:
        """The share of attempts that came to nothing."""
        return 1 - self.made / self.attempts


_STATEMENTS_MS = 2.0
"""From BEGIN to the COMMIT's sending: one round trip, the statements in a pipeline."""


def simulate(scenario: Scenario, wait: Wait, seed: int) -> Result:
    """Run a scenario to its end."""
    chance = random.Random(seed)
    committed = [-1.0] * scenario.rows
    started = [0.0] * scenario.clients
    failed = [0] * scenario.clients
    left = [scenario.transfers] * scenario.clients
    ended = [0.0] * scenario.clients
    pairs: list[Sequence[int]] = [()] * scenario.clients
    times: list[float] = []
    attempts = given_up = 0
    due: list[tuple[float, int, float]] = []

    def attempt(client: int, at: float) -> None:
        length_ms = (_STATEMENTS_MS + scenario.commit_ms) * chance.uniform(0.8, 1.2)
        heapq.heappush(due, (at + length_ms / 1000, client, at))

    def begin(client: int, at: float) -> None:
        started[client], failed[client] = at, 0
        pairs[client] = chance.sample(range(scenario.rows), 2)
        attempt(client, at)

    for client in range(scenario.clients):
        begin(client, chance.uniform(0, 0.01))
    while due:
        now, client, began = heapq.heappop(due)
        attempts += 1
        if all(committed[row] <= began for row in pairs[client]):
            for row in pairs[client]:
                committed[row] = now
            times.append(now - started[client])
        else:
            failed[client] += 1
            pause = wait(failed[client], now - started[client], chance)
            if pause is not None:
                attempt(client, now + pause)
                continue
            given_up += 1
        left[client] -= 1
        ended[client] = now
        if left[client]:
            begin(client, now)
    times.sort()
    return Result(
        made=len(times),
        given_up=given_up,
        attempts=attempts,
        done_s=max(ended),
        median_s=times[len(times) // 2] if times else 0.0,
        slowest_s=times[-1] if times else 0.0,
        fairness=sum(ended) ** 2 / (len(ended) * sum(each * each for each in ended)),
    )

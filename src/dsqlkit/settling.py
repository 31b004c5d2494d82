"""Learn what became of a COMMIT whose answer got lost, by doing the same work again.

Only for work that a key in the database lets happen once, however often it is run. That is what
makes the answer certain: to look the key up would not tell whether a lost COMMIT is still under
way. Run again, the work either finds that it was done, or does it; and of two transactions with one
key the database commits one.
"""

import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Final, TypeVar

from dsqlkit.connection import Connection, Connections
from dsqlkit.errors import (
    ConflictLimitReached,
    ConnectionFailed,
    DsqlkitError,
    Interrupted,
    OutcomeUnknown,
    SqlError,
)
from dsqlkit.pausing import pause
from dsqlkit.transaction import Outcome, Retry, RetryPolicy, run

T = TypeVar("T")

LEAST_LOOK_S: Final = 2.0
"""What the first look may take when the deadline is over by the time that an answer is lost."""

_ANY_NUMBER: Final = 1_000_000_000


def run_settled(
    connections: Connections,
    work: Callable[[Connection], T],
    policy: RetryPolicy,
    on_retry: Callable[[Retry], None] | None = None,
    on_doubt: Callable[[OutcomeUnknown], None] | None = None,
    *,
    work_begins: bool = False,
) -> Outcome[T]:
    """As `transaction.run`, for work that has a key: a lost answer to COMMIT is found out.

    `work` raises an error of its own where its key says that it was done before, and where it
    refuses: that ends a doubt too, as it must then have read, of what the lost transaction changed,
    something that others have changed since, with which that one can no longer be committed.

    From a lost answer on the deadline alone is the limit, and `on_doubt` is called with each; a
    connection that cannot be made is tried again. The outcome tells of the run that was committed
    and answered.

    Raises what `transaction.run` raises; OutcomeUnknown where the deadline passed first, or where
    the wait for the COMMIT was interrupted.
    """
    started = time.monotonic()
    doubt: OutcomeUnknown | None = None
    looks = 0
    while True:
        latest: DsqlkitError
        try:
            return run(connections, work, policy, on_retry, work_begins=work_begins)
        except OutcomeUnknown as error:
            if not isinstance(error.__cause__, Exception):
                raise
            latest = doubt = error
            if on_doubt is not None:
                on_doubt(error)
        except (ConnectionFailed, ConflictLimitReached, SqlError) as error:
            # Of a lost COMMIT these say nothing; only what the work itself says ends the doubt.
            if doubt is None:
                raise
            latest = error
        except (KeyboardInterrupt, Interrupted) as stopped:
            if doubt is None:
                raise
            raise doubt from stopped
        if looks == 0:
            deadline = max(started + policy.deadline_s, time.monotonic() + LEAST_LOOK_S)
            connections = _Within(connections, deadline)
        wait_s = policy.wait_s(looks, random.uniform) if looks else 0.0
        left_s = deadline - time.monotonic() - wait_s
        if left_s <= 0:
            raise doubt from latest
        pause(wait_s)
        policy = replace(policy, max_attempts=_ANY_NUMBER, deadline_s=left_s)
        looks += 1


class _Within:
    """Connections that are waited for no longer than until a moment."""

    def __init__(self, connections: Connections, deadline: float) -> None:
        self._connections = connections
        self._deadline = deadline

    def connection(self, timeout: float | None = None) -> AbstractContextManager[Connection]:
        left_s = max(self._deadline - time.monotonic(), 0.1)
        return self._connections.connection(left_s if timeout is None else min(timeout, left_s))

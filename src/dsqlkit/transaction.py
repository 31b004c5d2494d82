"""Run one unit of work as a transaction; retry it when it conflicts; say what happened.

DSQL checks conflicts at COMMIT and holds no locks, so a conflict is answered by running the whole
work again, from its first read on. `RetryPolicy` is pure; `run` is the loop. What is a conflict,
and of which kind, sql_errors.py says.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

from dsqlkit import interruption, round_trips
from dsqlkit.connection import Connection, Connections
from dsqlkit.errors import (
    ConnectionLost,
    OutcomeUnknown,
    SqlError,
    UsageError,
)
from dsqlkit.pausing import pause
from dsqlkit.sql_errors import (
    Conflict,
    conflict_of,
    ends_session,
    gave_up,
    is_on_purpose,
    sql_error,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long to retry conflicts.

    The wait before attempt n+1 is random within 0 and `base_s * 2**(n-1)`, at most `cap_s`
    (exponential backoff with full jitter). `max_attempts` counts the first one; `deadline_s`
    bounds the whole, from the first BEGIN: no wait is started that would pass it.
    """

    max_attempts: int = 100
    deadline_s: float = 30.0
    base_s: float = 0.01
    cap_s: float = 1.0

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise UsageError("At least one attempt is needed.", hint="Give `max_attempts` 1 or up.")
        if not 0 < self.deadline_s <= 3600:
            raise UsageError(
                "The deadline must be more than 0 and at most 3600 seconds.",
                hint="Give `deadline_s` in seconds.",
            )

    def longest_wait_s(self, attempt: int) -> float:
        """The upper bound of the wait after failed attempt number `attempt` (from 1)."""
        # 2.0**1023 is the largest power a float holds; the cap is far below.
        return min(self.cap_s, self.base_s * 2.0 ** min(attempt - 1, 1000))

    def wait_s(self, attempt: int, uniform: Callable[[float, float], float]) -> float:
        """The wait after failed attempt number `attempt`, drawn with `uniform(low, high)`."""
        return uniform(0.0, self.longest_wait_s(attempt))


@dataclass(frozen=True, slots=True)
class Retry:
    """One conflict that is about to be retried."""

    attempt: int
    conflict: Conflict
    wait_s: float


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What a committed transaction returned and what it took.

    `waited_s` is time spent in backoff, `elapsed_s` the whole from the first BEGIN to the answer
    of the last COMMIT; `conflicts` has one entry for each attempt that failed.
    """

    value: T
    attempts: int
    waited_s: float
    elapsed_s: float
    conflicts: tuple[Conflict, ...]


def run(
    connections: Connections,
    work: Callable[[Connection], T],
    policy: RetryPolicy | None = None,
    on_retry: Callable[[Retry], None] | None = None,
    *,
    work_begins: bool = False,
) -> Outcome[T]:
    """Run `work` in a transaction and commit it, again from the start after each conflict.

    `work` gets a connection inside a transaction and must not end it, nor open nested ones: DSQL
    has no savepoints. It may run several times, so it must have no effect outside the database.
    With `work_begins` it sends BEGIN itself, which can then go with its first statements.

    Raises whatever `work` raises, after a rollback; SqlError for a refusal by the database;
    ConflictLimitReached past the policy's limits; ConnectionFailed when there is no connection,
    ConnectionLost when it breaks before COMMIT was sent, OutcomeUnknown when it breaks while COMMIT
    is under way. Nothing but a conflict is ever retried. A signal that comes during COMMIT, or
    after it, waits until the next `run` or the program's end, so that what was done is told
    (`interruption`).
    """
    attempt = partial(_attempt, work=work, work_begins=work_begins)
    return _retried(connections, attempt, policy or RetryPolicy(), on_retry)


def run_alone(
    connections: Connections,
    work: Callable[[Connection], T],
    policy: RetryPolicy | None = None,
    on_retry: Callable[[Retry], None] | None = None,
) -> Outcome[T]:
    """As `run`, for a `work` that is one statement: it is a transaction by itself, in one round
    trip.

    A connection that breaks leaves it in doubt at any moment: OutcomeUnknown.
    """
    return _retried(connections, partial(_alone, work=work), policy or RetryPolicy(), on_retry)


def read_alone(connections: Connections, work: Callable[[Connection], T]) -> T:
    """What `work` finds, which is one statement that changes nothing: a transaction by itself, in
    one round trip.

    Raises what `run` raises, OutcomeUnknown excepted.
    """
    return _retried(connections, partial(_reading, work=work), RetryPolicy(), None).value


def _retried(
    connections: Connections,
    attempt_once: Callable[[Connection], T],
    policy: RetryPolicy,
    on_retry: Callable[[Retry], None] | None,
) -> Outcome[T]:
    started = time.monotonic()
    conflicts: list[Conflict] = []
    made = 0
    waited_s = 0.0
    while True:
        interruption.checkpoint()
        attempt = len(conflicts) + 1
        try:
            with connections.connection() as connection:
                if attempt == 1:
                    started = time.monotonic()  # making a connection is no part of it
                value = attempt_once(connection)
                elapsed_s = time.monotonic() - started
            return Outcome(value, attempt, waited_s, elapsed_s, tuple(conflicts))
        except psycopg.Error as error:
            conflict = conflict_of(error.sqlstate, str(error))
            if conflict is None:
                raise sql_error(error) from error
            conflicts.append(conflict)
            made += is_on_purpose(error)
            wait_s = policy.wait_s(attempt, random.uniform)
            spent_s = time.monotonic() - started
            if attempt >= policy.max_attempts or spent_s + wait_s > policy.deadline_s:
                raise gave_up(attempt, made, spent_s, conflict, error) from error
        if on_retry is not None:
            on_retry(Retry(attempt, conflict, wait_s))
        pause(wait_s)
        waited_s += wait_s


def _attempt(connection: Connection, work: Callable[[Connection], T], work_begins: bool) -> T:
    try:
        if not work_begins:
            connection.execute("BEGIN", prepare=False)
        value = work(connection)
    except BaseException as error:
        _roll_back(connection)
        if isinstance(error, psycopg.OperationalError) and _is_over(connection, error):
            raise _lost() from error
        raise
    status = _alone(connection, round_trips.commit)
    if status != "COMMIT":
        raise SqlError(
            "The transaction was rolled back: an error inside it had been passed over.",
            hint="Let errors of statements leave the work.",
        )
    return value


def _lost() -> ConnectionLost:
    return ConnectionLost(
        "The connection was lost in the middle of a transaction; nothing changed.",
        hint="Run it again.",
    )


def _reading(connection: Connection, work: Callable[[Connection], T]) -> T:
    try:
        return work(connection)
    except psycopg.OperationalError as error:
        if _is_over(connection, error):
            raise _lost() from error
        raise


def _is_over(connection: Connection, error: psycopg.Error) -> bool:
    return connection.closed or ends_session(error)


def _alone(connection: Connection, work: Callable[[Connection], T]) -> T:
    """Do what commits: its end is an answer, a refusal or a doubt."""
    with interruption.held():
        try:
            value = work(connection)
            interruption.hold_on()
        except BaseException as error:
            # A refusal is an answer. Anything else, an impatient interrupt included, is a doubt.
            if (
                isinstance(error, psycopg.Error)
                and error.sqlstate
                and not (connection.broken or ends_session(error))
            ):
                raise
            connection.close()
            raise OutcomeUnknown(
                "The connection broke while the COMMIT was under way: "
                "it may or may not have happened.",
                hint="Look at the data before you run it again.",
            ) from error
    return value


def _roll_back(connection: Connection) -> None:
    """Leave the connection outside any transaction, or closed."""
    if connection.closed or connection.info.transaction_status is TransactionStatus.IDLE:
        return
    try:
        connection.execute("ROLLBACK", prepare=False)
    except psycopg.Error:
        # A connection that cannot even roll back is of no further use; closing it does the same.
        connection.close()

"""Bulk loading of `accounts2` (chapter 6): small transactions, many workers, ids known beforehand.

Each worker repeats: choose the ids of one transaction, insert them, commit, hand the ids over. As
the ids are chosen here and are the primary key, a batch whose COMMIT got lost can be sent again:
either it goes in now, or the key says that it was in already. No row is ever loaded twice.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID, uuid4

from dsqlkit.connection import Connection, Connections
from dsqlkit.errors import ConnectionLost, DsqlkitError, OutcomeUnknown, UsageError
from dsqlkit.queries import statement
from dsqlkit.quotas import MAX_ROWS
from dsqlkit.transaction import RetryPolicy, run

OPENING_BALANCE: Final = Decimal(100)
MAX_THREADS: Final = 64

_UNIQUE_VIOLATION = "23505"
_SENDS_OF_ONE_BATCH = 5
_TICK_S = 0.2


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """How much to load and how. Raises UsageError for what cannot work."""

    transactions: int = 1000
    rows: int = 1000
    threads: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.threads <= MAX_THREADS:
            raise UsageError(f"The number of threads must be from 1 to {MAX_THREADS}.")
        if self.transactions < 1:
            raise UsageError("At least one transaction is needed.")
        if not 1 <= self.rows <= MAX_ROWS:
            raise UsageError(
                f"A transaction can hold 1 to {MAX_ROWS:,} rows.",
                hint="DSQL limits each transaction to 3,000 changed rows.",
            )


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was committed: `accounts` rows in `transactions`, after `retries` of conflicts.

    `complete` is False when the load was stopped before its end.
    """

    accounts: int
    transactions: int
    retries: int
    elapsed_ms: float
    complete: bool

    @property
    def rows_per_second(self) -> float:
        return self.accounts / self.elapsed_ms * 1000 if self.elapsed_ms else 0.0


@dataclass(frozen=True, slots=True)
class _Batch:
    ids: tuple[UUID, ...]
    retries: int


class Loader:
    """One load. `run` does it; `stop` ends it early, from any thread or a signal handler."""

    def __init__(
        self, connections: Connections, plan: LoadPlan, policy: RetryPolicy | None = None
    ) -> None:
        self._connections = connections
        self._plan = plan
        self._policy = policy or RetryPolicy(deadline_s=120.0)
        self._stopping = threading.Event()
        self._committed: queue.SimpleQueue[_Batch] = queue.SimpleQueue()
        self._left = plan.transactions
        self._left_lock = threading.Lock()
        self._accounts = self._transactions = self._retries = 0

    def stop(self) -> None:
        """Let each worker finish the transaction it is in, and start no other."""
        self._stopping.set()

    def run(self, on_commit: Callable[[Sequence[UUID]], None]) -> Loaded:
        """Load until done or stopped; `on_commit` gets each batch's ids after their COMMIT, in the
        caller's thread.

        Raises the first error that a worker met, after all workers have ended and everything that
        was committed has been handed over. A KeyboardInterrupt may come between a COMMIT and its
        handing over: to lose no id at Ctrl-C, let the handler of SIGINT call `stop`.
        """
        started = time.monotonic()
        with ThreadPoolExecutor(self._plan.threads, thread_name_prefix="load") as executor:
            workers = [executor.submit(self._work) for _ in range(self._plan.threads)]
            try:
                self._collect(workers, on_commit)
            finally:
                self.stop()
        for worker in workers:
            worker.result()
        return Loaded(
            accounts=self._accounts,
            transactions=self._transactions,
            retries=self._retries,
            elapsed_ms=(time.monotonic() - started) * 1000,
            complete=self._transactions == self._plan.transactions,
        )

    def _collect(
        self, workers: list["Future[None]"], on_commit: Callable[[Sequence[UUID]], None]
    ) -> None:
        while True:
            ended = all(worker.done() for worker in workers)
            try:
                batch = self._committed.get(timeout=0 if ended else _TICK_S)
            except queue.Empty:
                if ended:
                    return
                continue
            self._accounts += len(batch.ids)
            self._transactions += 1
            self._retries += batch.retries
            on_commit(batch.ids)

    def _work(self) -> None:
        try:
            while not self._stopping.is_set() and self._take():
                ids = tuple(uuid4() for _ in range(self._plan.rows))
                retries = send(self._connections, ids, self._policy)
                self._committed.put(_Batch(ids, retries))
        except BaseException:
            # The others end after their transaction: more of a load that fails helps nobody.
            self.stop()
            raise

    def _take(self) -> bool:
        with self._left_lock:
            self._left -= 1
            return self._left >= 0


def send(connections: Connections, ids: Sequence[UUID], policy: RetryPolicy) -> int:
    """Insert one batch exactly once, whatever happens to the connection; the retries it took.

    Raises what `transaction.run` raises when the batch could not be sent several times over, which
    is OutcomeUnknown if a COMMIT of it was in doubt.
    """
    values = {"ids": list(ids), "balance": OPENING_BALANCE}

    def insert(connection: Connection) -> None:
        connection.execute(statement("accounts2/fill.sql"), values)

    doubt: OutcomeUnknown | None = None
    for sending in range(_SENDS_OF_ONE_BATCH):
        if sending:
            time.sleep(policy.longest_wait_s(sending))
        try:
            return run(connections, insert, policy).attempts - 1 + sending
        except OutcomeUnknown as error:
            doubt = error
        except ConnectionLost as error:
            lost = error
        except DsqlkitError as error:
            if doubt is None:
                raise
            # Random ids of our own clash with nothing but an earlier sending of this very batch.
            if error.sqlstate == _UNIQUE_VIOLATION:
                return sending
            raise doubt from error
    raise doubt or lost

"""Many workers that send batches, and one thread that hears of each after its COMMIT."""

import os
import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from dsqlkit.connection import Connections
from dsqlkit.errors import OutcomeUnknown
from dsqlkit.loading import batch
from dsqlkit.loading.batch import Batch
from dsqlkit.loading.plan import LoadPlan
from dsqlkit.loading.sending import send
from dsqlkit.transaction import Retry, RetryPolicy

STOP_LIMIT_S: Final = 5.0
"""How long a load that is stopped waits for the transactions that are under way."""

_TICK_S: Final = 0.1
_AHEAD: Final = 2


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was committed: `accounts` rows in `transactions`, after `retries`.

    `complete` is False when the load was stopped before its end. `in_doubt` are transactions that
    were sent, and not answered when the load was given up.
    """

    accounts: int
    transactions: int
    retries: int
    elapsed_ms: float
    complete: bool
    in_doubt: int = 0

    @property
    def rows_per_second(self) -> float:
        return self.accounts / self.elapsed_ms * 1000 if self.elapsed_ms else 0.0


class _Stopped(Exception):
    """A worker gives up a batch that is not in, as the load was stopped."""


class Loader:
    """One load of a table that is there. `run` does it; `stop` ends it early, from any thread or a
    signal handler.

    `seed` and `numbers` say which batches are sent, `table_id` to which table alone; all batches of
    the plan from a seed of its own to whichever table is there, if they are not given. `resumed`
    says that an earlier process may have sent any of them.
    """

    def __init__(
        self,
        connections: Connections,
        plan: LoadPlan,
        policy: RetryPolicy | None = None,
        *,
        seed: bytes | None = None,
        numbers: Iterable[int] | None = None,
        table_id: int | None = None,
        resumed: bool = False,
    ) -> None:
        self._connections = connections
        self._plan = plan
        self._policy = policy or RetryPolicy(deadline_s=120.0)
        self._seed = seed or os.urandom(batch.SEED_BYTES)
        self._numbers = iter(range(plan.transactions) if numbers is None else numbers)
        self._table_id = table_id
        self._resumed = resumed
        self._stopping = threading.Event()
        self._stopped_at = 0.0
        self._lock = threading.Lock()
        self._under_way: set[int] = set()
        self._is_done = False
        self._error: BaseException | None = None
        # So that a slow consumer slows the load down, and memory does not grow.
        self._committed: queue.Queue[tuple[Batch, int]] = queue.Queue(_AHEAD * plan.threads)
        self._accounts = self._transactions = self._retries = 0

    def stop(self) -> None:
        """Let each worker finish the transaction it is in, and start no other."""
        self._stopped_at = time.monotonic()
        self._stopping.set()

    def run(self, on_commit: Callable[[Batch], None]) -> Loaded:
        """Load until done or stopped; `on_commit` gets each batch after its COMMIT, in the caller's
        thread.

        Raises the first error that a worker or `on_commit` met, after all workers have ended and
        everything that was committed has been handed over. A stopped load waits for what is under
        way, at most `STOP_LIMIT_S`, and not at all once KeyboardInterrupt was raised: `in_doubt`
        counts the rest. To lose no batch at Ctrl-C, let it call `stop`.
        """
        started = time.monotonic()
        workers = [
            threading.Thread(target=self._work, name=f"load-{number}", daemon=True)
            for number in range(self._plan.threads)
        ]
        for worker in workers:
            worker.start()
        try:
            self._collect(workers, on_commit)
        except KeyboardInterrupt:
            if not self._stopping.is_set():
                raise  # nobody asked for an end in good order
        finally:
            self.stop()
        if self._error is not None:
            raise self._error
        return Loaded(
            accounts=self._accounts,
            transactions=self._transactions,
            retries=self._retries,
            elapsed_ms=(time.monotonic() - started) * 1000,
            complete=self._is_done and not self._under_way,
            in_doubt=self.in_doubt,
        )

    @property
    def accounts(self) -> int:
        """How many accounts were handed over so far."""
        return self._accounts

    @property
    def in_doubt(self) -> int:
        """How many transactions are sent and not answered."""
        return len(self._under_way)

    def _collect(self, workers: list[threading.Thread], on_commit: Callable[[Batch], None]) -> None:
        while True:
            ended = not any(worker.is_alive() for worker in workers)
            try:
                done, retries = self._committed.get(timeout=0 if ended else _TICK_S)
            except queue.Empty:
                if ended or self._is_given_up():
                    return
                continue
            self._under_way.discard(done.number)
            self._accounts += len(done)
            self._transactions += 1
            self._retries += retries
            try:
                on_commit(done)
            except Exception as error:
                self._fail(error)

    def _is_given_up(self) -> bool:
        return self._stopping.is_set() and time.monotonic() > self._stopped_at + STOP_LIMIT_S

    def _work(self) -> None:
        number = -1
        try:
            while not self._stopping.is_set() and (number := self._take()) >= 0:
                made = batch.make(self._seed, number, self._plan.rows)
                retries = send(
                    self._connections,
                    made,
                    self._policy,
                    table_id=self._table_id,
                    may_be_in=self._resumed,
                    on_retry=self._unless_stopped,
                )
                self._committed.put((made, retries))
        except _Stopped:
            self._under_way.discard(number)
        except BaseException as error:
            if not isinstance(error, OutcomeUnknown):
                self._under_way.discard(number)
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """Let the others end after their transaction: more of a load that fails helps nobody."""
        with self._lock:
            self._error = self._error or error
        self.stop()

    def _take(self) -> int:
        """The next batch's number, -1 when there is none."""
        with self._lock:
            number = next(self._numbers, -1)
            if number < 0:
                self._is_done = True
            else:
                self._under_way.add(number)
            return number

    def _unless_stopped(self, _: Retry) -> None:
        if self._stopping.is_set():
            raise _Stopped

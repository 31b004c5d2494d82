"""What conflicts cost on the local cluster: on a small table and on large ones, and how many
transfers get through where eight clients want the same four rows.

The latter is held against the same loop at the PostgreSQL behind the endpoint at REPEATABLE READ,
where conflicts and deadlocks are retried too.
"""

import multiprocessing
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.queues import Queue

import psycopg

from dsqlkit.connection import parameters
from dsqlkit.endpoint import ADMIN, DATABASE, Endpoint
from dsqlkit.local.state import StateFolder
from dsqlkit.token import TokenSigner
from tests.bench.endpoint import LIMIT_S, LOADED_ROWS, Parameters

SMALL, LARGE, LARGEST = 1_000, 300_000, 1_000_000
ROUNDS = 15
CLIENTS = 8
HOT_ROWS = 4
SECONDS = 5.0
PAIRS = 3

BATCH = "INSERT INTO {table} SELECT id, 100 FROM generate_series(%s::int, %s::int) AS id"
BUSY = {
    "pg_sleep(2)": "SELECT pg_sleep(2)",
    "a SELECT of some 2 s": "SELECT count(*) FROM {large} a JOIN {large} b"
    " ON a.id % 700 = b.id % 701",
    "an UPDATE of some 0.5 s": "UPDATE {large} SET balance = balance + 1 FROM pg_sleep(0.5)"
    " WHERE id BETWEEN 100 AND 600",
}


@dataclass(frozen=True)
class Hot:
    """What eight clients did on four rows: transfers a second, the 99th percentile of their
    milliseconds, the fewest and the most of one client."""

    rate: float
    p99_ms: float
    fewest: int
    most: int


class ConflictBench:
    """Tables of three sizes on the running local cluster of this user."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.through: Parameters = parameters(endpoint, TokenSigner(endpoint))
        self.past: Parameters = {
            "host": str(StateFolder.default().server.resolve()),
            "user": ADMIN,
            "dbname": DATABASE,
        }
        with psycopg.connect(**self.through, autocommit=True) as connection:
            for size in (SMALL, LARGE, LARGEST):
                name = table(size)
                connection.execute(
                    f"CREATE TABLE {name} (id int PRIMARY KEY, balance numeric)".encode()
                )
                for first in range(0, size, LOADED_ROWS):
                    last = min(first + LOADED_ROWS, size) - 1
                    connection.execute(BATCH.format(table=name).encode(), [first, last])

    def slowest_step_ms(self, size: int) -> float:
        """The slowest step of a conflict: a write of what another has open, that one's next
        write, its COMMIT, a write of what was changed since; median of several."""
        update = f"UPDATE {table(size)} SET balance = balance + 1 WHERE id = %s".encode()
        slowest = []
        with self._sessions(2) as (one, two):
            for row in range(ROUNDS):
                one.execute("BEGIN")
                one.execute(update, [row])
                two.execute("BEGIN")
                steps = [
                    _milliseconds(partial(two.execute, update, [row])),
                    _milliseconds(partial(one.execute, update, [row + 1])),
                    _milliseconds(partial(one.execute, "COMMIT")),
                    _milliseconds(partial(two.execute, update, [row + 1])),
                ]
                two.execute("ROLLBACK")
                slowest.append(max(steps))
        return statistics.median(slowest)

    def write_beside_busy_ms(self, statement: str) -> float:
        """A write of a row that a transaction holds which is busy with this; median of three."""
        update = f"UPDATE {table(SMALL)} SET balance = balance + 1 WHERE id = 1".encode()
        sql = statement.format(large=table(LARGE)).encode()
        taken = []
        with self._sessions(2) as (holder, writer):
            for _ in range(3):
                holder.execute("BEGIN")
                holder.execute(update)
                thread = threading.Thread(target=holder.execute, args=(sql,))
                thread.start()
                time.sleep(0.1)
                taken.append(_milliseconds(partial(writer.execute, update)))
                thread.join(LIMIT_S)
                holder.execute("ROLLBACK")
        return statistics.median(taken)

    def hot(self, size: int, *, past: bool = False) -> Hot:
        """Transfers of eight clients among four rows of a table, each retried until it is done."""
        done: Queue[list[float]] = multiprocessing.Queue()
        to = self.past if past else self.through
        workers = [
            multiprocessing.Process(target=_play, args=(to, table(size), seed, done))
            for seed in range(CLIENTS)
        ]
        for worker in workers:
            worker.start()
        results = [done.get(timeout=LIMIT_S) for _ in workers]
        for worker in workers:
            worker.join(LIMIT_S)
        taken = sorted(each for result in results for each in result)
        counts = [len(result) for result in results]
        p99_ms = taken[int(len(taken) * 0.99)] * 1000
        return Hot(len(taken) / SECONDS, p99_ms, min(counts), max(counts))

    @contextmanager
    def _sessions(self, count: int) -> Iterator[list["psycopg.Connection[tuple[object, ...]]"]]:
        opened = [psycopg.connect(**self.through, autocommit=True) for _ in range(count)]
        try:
            yield opened
        finally:
            for connection in opened:
                connection.close()


def report(endpoint: Endpoint) -> Iterator[str]:
    """The figures, a line each, as they are measured."""
    bench = ConflictBench(endpoint)
    small = bench.slowest_step_ms(SMALL)
    yield f"{small:9.1f} ms, the slowest step of a conflict at {SMALL:,} rows"
    for size in (LARGE, LARGEST):
        step = bench.slowest_step_ms(size)
        ratio = step / small
        yield f"{step:9.1f} ms at {size:,} rows, {ratio:.2f} times that; targets 15 ms, 2.00"
    for name, statement in BUSY.items():
        taken = bench.write_beside_busy_ms(statement)
        yield f"{taken:9.1f} ms, a write of a row held beside {name}; target 30 ms"
    pairs = [
        (bench.hot(SMALL), bench.hot(SMALL, past=True), bench.hot(LARGEST)) for _ in range(PAIRS)
    ]
    ours, theirs, largest = (
        statistics.median(each.rate for each in side) for side in zip(*pairs, strict=True)
    )
    past = statistics.median(one.rate / other.rate for one, other, _ in pairs)
    by_size = statistics.median(other.rate / one.rate for one, _, other in pairs)
    p99_ms = statistics.median(one.p99_ms for one, _, _ in pairs)
    fewest = min(one.fewest / one.most for one, _, _ in pairs)
    yield (
        f"{ours:9.1f} transfers/s, {CLIENTS} clients on {HOT_ROWS} rows of {SMALL:,}; past the"
        f" endpoint {theirs:.1f}, ratio {past:.2f}, target 0.40"
    )
    yield f"{p99_ms:9.1f} ms, their 99th percentile; target 100 ms"
    yield f"{fewest:9.2f} of what the luckiest client did the unluckiest did"
    yield f"{largest:9.1f} transfers/s on {LARGEST:,} rows, ratio {by_size:.2f}, target 0.90"


def table(size: int) -> str:
    return f"bench_of_{size}"


def _milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def _play(to: Parameters, name: str, seed: int, done: "Queue[list[float]]") -> None:
    chance = random.Random(seed)
    debit = f"UPDATE {name} SET balance = balance - 1 WHERE id = %s RETURNING balance".encode()
    credit = f"UPDATE {name} SET balance = balance + 1 WHERE id = %s".encode()
    taken = []
    with psycopg.connect(**to, autocommit=True) as connection:
        end = time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            started = time.perf_counter()
            payer, payee = chance.sample(range(HOT_ROWS), 2)
            for attempt in range(1000):
                try:
                    with connection.transaction():
                        connection.execute(debit, [payer])
                        connection.execute(credit, [payee])
                    break
                except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected):
                    time.sleep(chance.uniform(0, 0.005 * min(attempt + 1, 4)))
            taken.append(time.perf_counter() - started)
    done.put(taken)

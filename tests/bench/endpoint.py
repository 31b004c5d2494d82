"""What the local cluster's endpoint costs: the same work through it, and past it.

Clients are processes that use psycopg, as programs do. Through the endpoint they speak TLS; past it
they use the unix socket of the same PostgreSQL. Pairs alternate, so that what else the machine does
falls on both; the figure is the median of the pairs' ratios.
"""

import multiprocessing
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Any

import psycopg

from dsqlkit import local
from dsqlkit.connection import parameters
from dsqlkit.endpoint import ADMIN, DATABASE, Endpoint
from dsqlkit.local.state import StateFolder
from dsqlkit.token import TokenSigner

PAIRS = 7
SECONDS = 1.5
STARTS = 7
LIMIT_S = 60.0
ACCOUNTS = 21_000
COPIED_ROWS = 300_000
LOADED_ROWS = 3_000  # what one transaction may change
LOADS = 20
MEGABYTE = 1_000_000

BATCH = "INSERT INTO bench_accounts SELECT id, 100 FROM generate_series(%s::int, %s::int) AS id"
DEBIT = "UPDATE bench_accounts SET balance = balance - %s WHERE id = %s RETURNING balance"
CREDIT = "UPDATE bench_accounts SET balance = balance + %s WHERE id = %s"
COPY_OUT = f"COPY (SELECT n, n * 7, 'row ' || n FROM generate_series(1, {COPIED_ROWS}) n) TO STDOUT"

Parameters = dict[str, Any]
Rate = Callable[[Parameters], float]


@dataclass(frozen=True)
class Through:
    """Rates through the endpoint and past it, and the ratio that the first should reach."""

    title: str
    ours: float
    theirs: float
    ratio: float
    target: float


def compare(endpoint: Endpoint) -> list[Through]:
    """Measure everything that has a target, on the running local cluster of this user."""
    ours = parameters(endpoint, TokenSigner(endpoint))
    theirs: Parameters = {
        "host": str(StateFolder.default().server.resolve()),
        "user": ADMIN,
        "dbname": DATABASE,
    }
    with psycopg.connect(**ours, autocommit=True) as connection:
        connection.execute("CREATE TABLE bench_accounts (id int PRIMARY KEY, balance numeric)")
        connection.execute("CREATE TABLE bench_loaded (id bigint, content text)")
        for first in range(1, ACCOUNTS, LOADED_ROWS):
            connection.execute(BATCH, [first, first + LOADED_ROWS - 1])
    return [
        _compared("transfers/s, 1 client", lambda to: transfers(to, 1), ours, theirs, 0.4),
        _compared("transfers/s, 8 clients", lambda to: transfers(to, 8), ours, theirs, 0.35),
        _compared("MB/s of COPY TO STDOUT", copied_out, ours, theirs, 0.85),
        _compared("MB/s of COPY FROM STDIN", copied_in, ours, theirs, 0.85),
    ]


def start_seconds() -> float:
    """Median seconds to start the stopped cluster of this user, whose data is there already."""
    taken = []
    for _ in range(STARTS):
        local.stop()
        started = time.perf_counter()
        local.start()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def transfers(to: Parameters, clients: int) -> float:
    """Committed transfers per second of so many clients at once."""
    done: Queue[int] = multiprocessing.Queue()
    ready = multiprocessing.Barrier(clients)
    workers = [
        multiprocessing.Process(target=_transfer, args=(to, ready, done)) for _ in range(clients)
    ]
    for worker in workers:
        worker.start()
    try:
        return sum(done.get(timeout=LIMIT_S) for _ in workers) / SECONDS
    finally:
        for worker in workers:
            worker.join(LIMIT_S)
            worker.kill()


def copied_out(to: Parameters) -> float:
    """Megabytes per second of one large COPY TO STDOUT."""
    with psycopg.connect(**to, autocommit=True) as connection, connection.cursor() as cursor:
        started = time.perf_counter()
        with cursor.copy(COPY_OUT) as copy:
            size = sum(len(data) for data in copy)
        return size / MEGABYTE / (time.perf_counter() - started)


def copied_in(to: Parameters) -> float:
    """Megabytes per second of COPY FROM STDIN, as many rows at a time as a transaction may have."""
    rows = b"".join(b"%d\t%s\n" % (n, b"x" * 1000) for n in range(LOADED_ROWS))
    with psycopg.connect(**to, autocommit=True) as connection, connection.cursor() as cursor:
        started = time.perf_counter()
        for _ in range(LOADS):
            with cursor.copy("COPY bench_loaded FROM STDIN") as copy:
                copy.write(rows)
        return LOADS * len(rows) / MEGABYTE / (time.perf_counter() - started)


def _compared(
    title: str, rate: Rate, ours: Parameters, theirs: Parameters, target: float
) -> Through:
    pairs = [(rate(ours), rate(theirs)) for _ in range(PAIRS)]
    return Through(
        title,
        statistics.median(our for our, _ in pairs),
        statistics.median(their for _, their in pairs),
        statistics.median(our / their for our, their in pairs),
        target,
    )


def _transfer(to: Parameters, ready: Barrier, done: "Queue[int]") -> None:
    """Transfer between random accounts for a while; report how many transfers were committed."""
    choice = random.Random()
    with psycopg.connect(**to, autocommit=True) as connection:

        def transfer() -> int:
            # In order of ids, so that past the endpoint nobody waits in a circle.
            payer, payee = sorted(choice.sample(range(1, ACCOUNTS + 1), 2))
            try:
                with connection.transaction():
                    connection.execute(DEBIT, [1, payer]).fetchone()
                    connection.execute(CREDIT, [1, payee])
            except psycopg.errors.SerializationFailure:
                return 0
            return 1

        for _ in range(20):
            transfer()
        ready.wait(LIMIT_S)
        end = time.perf_counter() + SECONDS
        count = 0
        while time.perf_counter() < end:
            count += transfer()
    done.put(count)

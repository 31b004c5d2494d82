"""Mixed clients for minutes on end, for `make soak`: at each rest the cluster is as it was."""

import contextlib
import os
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path

import psycopg
import pytest

from dsqlkit import accounts, local
from dsqlkit.connection import KeptConnection, connect, open_pool
from dsqlkit.endpoint import Endpoint
from dsqlkit.errors import DsqlkitError
from dsqlkit.local.backend.exchange import HELD_BYTES
from dsqlkit.token import TokenSigner
from tests.support.processes import backends, daemon, open_files, resident_bytes
from tests.support.soaking import DURATION_S, chance_of
from tests.support.waiting import eventually

pytestmark = [pytest.mark.soak, pytest.mark.timeout(DURATION_S + 600)]

ACCOUNTS = 10
ROUNDS = 6
GROWTH_BYTES = 8 * HELD_BYTES
"""How much more memory the daemon may have at any rest than before the first round: what is held
back for eight clients at once, at most. It is free again at a rest, but malloc gives little of it
back, and how much was held at once is up to chance. What leaks with each statement, session or
table comes to more than that in some hundred thousand of them."""

Job = Callable[[Endpoint, TokenSigner, random.Random], None]


@dataclass(frozen=True)
class Rest:
    """The cluster while its only client is the test."""

    files: int
    backends: int
    tasks: int
    memory_bytes: int

    def __str__(self) -> str:
        megabytes = self.memory_bytes / 1e6
        return (
            f"{self.files} files, {self.backends} backends, {self.tasks} tasks, {megabytes:.1f} MB"
        )


def at_rest() -> Rest:
    pid = daemon()
    assert eventually(lambda: len(backends()) == local.status().connections == 1)
    least = open_files(pid)
    for _ in range(20):
        # What was closed last may still be on its way out.
        time.sleep(0.1)
        least = min(least, open_files(pid))
    tasks = len(list(Path(f"/proc/{pid}/task").iterdir()))
    return Rest(least, len(backends()), tasks, resident_bytes(pid))


def transfer(endpoint: Endpoint, signer: TokenSigner, chance: random.Random) -> None:
    """A pool, for some hundred transfers between few accounts."""
    with open_pool(endpoint, size=2, signer=signer) as pool:
        for _ in range(100):
            payer, payee = chance.sample(range(1, ACCOUNTS + 1), 2)
            accounts.transfer(pool, payer, payee, Decimal("0.01"))


def copy(endpoint: Endpoint, signer: TokenSigner, chance: random.Random) -> None:
    with connect(endpoint, signer) as connection:
        cursor = connection.cursor()
        base = chance.randrange(1_000_000) * 1000
        with cursor.copy("COPY copied FROM STDIN") as rows:
            for each in range(chance.randrange(1000)):
                rows.write_row((base + each, "x" * chance.randrange(1000)))
        with cursor.copy("COPY copied TO STDOUT") as rows:
            for _ in rows:
                pass
        connection.execute("DELETE FROM copied WHERE id >= %s AND id < %s", (base, base + 1000))
        # A COPY that fails, and one that its client gives up.
        with contextlib.suppress(psycopg.Error), cursor.copy("COPY copied FROM STDIN") as rows:
            rows.write_row(("no number", "x"))
        with contextlib.suppress(ValueError), cursor.copy("COPY copied FROM STDIN") as rows:
            rows.write_row((base, "x"))
            raise ValueError("given up")


def cancel(endpoint: Endpoint, signer: TokenSigner, chance: random.Random) -> None:
    with connect(endpoint, signer) as connection:
        timer = threading.Timer(chance.random() / 10, connection.cancel_safe)
        timer.start()
        with contextlib.suppress(psycopg.errors.QueryCanceled):
            connection.execute("SELECT pg_sleep(5)")
        timer.join()


def vanish(endpoint: Endpoint, signer: TokenSigner, chance: random.Random) -> None:
    """A client that leaves in the middle of something, without a word."""
    connection = connect(endpoint, signer)
    try:
        with contextlib.suppress(psycopg.Error):
            connection.execute("BEGIN")
            connection.execute("UPDATE accounts SET balance = balance + 1 WHERE id = 1")
        last = chance.choice(
            [
                "SELECT pg_sleep(0.2)",
                "SELECT repeat('x', 1000) FROM generate_series(1, 20000)",
                "COPY copied FROM STDIN",
                "UPDATE accounts SET balance = balance + 1 WHERE id = 2",
            ]
        )
        connection.pgconn.send_query(last.encode())
    finally:
        if chance.random() < 0.5:
            # Below the driver, which would say goodbye.
            with socket.socket(fileno=os.dup(connection.fileno())) as raw:
                raw.shutdown(socket.SHUT_RDWR)
        connection.pgconn.finish()


def prepare(endpoint: Endpoint, signer: TokenSigner, chance: random.Random) -> None:
    """Many prepared statements and cursors on one connection."""
    with connect(endpoint, signer) as connection:
        connection.prepare_threshold = 0
        connection.prepared_max = 10
        for each in range(50):
            text = f"SELECT %s::int + {chance.randrange(1_000_000)}"
            connection.execute(text, (each,))
        for each in range(10):
            with connection.transaction(), connection.cursor(f"c{each}") as cursor:
                cursor.execute("SELECT n FROM generate_series(1, 50) n")
                cursor.fetchmany(10)


def index(endpoint: Endpoint, signer: TokenSigner, chance: random.Random) -> None:
    """A table that comes, gets an index beside other work, and goes."""
    name = f"passing_{chance.randrange(1_000_000)}"
    with connect(endpoint, signer) as connection:
        connection.execute(f"CREATE TABLE {name} (id int, v int)".encode())
        connection.execute(
            f"INSERT INTO {name} SELECT n, n FROM generate_series(1, 100) n".encode()
        )
        row = connection.execute(f"CREATE INDEX ASYNC ON {name} (v)".encode()).fetchone()
        assert row is not None
        connection.execute("CALL sys.wait_for_job(%s)", row)
        connection.execute(f"DROP TABLE {name}".encode())


JOBS: tuple[Job, ...] = (transfer, transfer, transfer, copy, cancel, vanish, prepare, index)


@pytest.fixture
def bank(endpoint: Endpoint) -> Iterator[KeptConnection]:
    with KeptConnection(endpoint) as kept:
        accounts.initialise(kept, ACCOUNTS)
        with kept.connection() as connection:
            connection.execute("DROP TABLE IF EXISTS copied")
            connection.execute("CREATE TABLE copied (id int PRIMARY KEY, note text)")
        yield kept
        with kept.connection() as connection:
            connection.execute("DROP TABLE copied")


def test_mixed_clients_leave_the_cluster_as_it_was(
    endpoint: Endpoint, bank: KeptConnection
) -> None:
    signer = TokenSigner(endpoint)
    done: Counter[str] = Counter()
    lock = threading.Lock()

    def work(turn: int, until: float, number: int) -> None:
        job, chance = JOBS[number], chance_of(f"{turn} {number}")
        while time.monotonic() < until:
            try:
                job(endpoint, signer, chance)
                outcome = job.__name__
            except (DsqlkitError, psycopg.Error) as error:
                outcome = f"{job.__name__}: {type(error).__name__} {str(error)[:60]}"
            with lock:
                done[outcome] += 1

    first = at_rest()
    rests = []
    for turn in range(ROUNDS):
        until = time.monotonic() + DURATION_S / ROUNDS
        with ThreadPoolExecutor(len(JOBS)) as executor:
            list(executor.map(partial(work, turn, until), range(len(JOBS))))
        rests.append(at_rest())
        print(f"round {turn + 1}: {rests[-1]}", flush=True)
    for outcome, count in sorted(done.items()):
        print(f"{count:8,} {outcome}")
    for job in JOBS:
        assert done[job.__name__] > 0
    assert all(rest.files <= rests[1].files for rest in rests[2:])
    assert all(rest.backends == 1 for rest in rests)
    assert max(rest.memory_bytes for rest in rests) - first.memory_bytes < GROWTH_BYTES
    held = sum(accounts.balance(bank, each).balance for each in range(1, ACCOUNTS + 1))
    assert held == ACCOUNTS * 100
    assert "Traceback" not in local.log_file().read_text()

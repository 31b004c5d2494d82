"""`dsqlkit load` against psql: the same rows into the same table through the same endpoint.

Whole processes are timed, from their start to their end, so that what Python takes to start is in
it. psql is given all it needs beforehand: a token, and the rows as files. Pairs alternate, so that
what else the machine does falls on both.
"""

import contextlib
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dsqlkit import tables
from dsqlkit.cli.main import run
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import Endpoint

THREADS: Final = 8
TRANSACTIONS: Final = 200
ROWS: Final = 1000
PAIRS: Final = 5
SINGLE_PAIRS: Final = 2
CPU_TARGET: Final = 0.4

_DSQLKIT: Final = str(Path(sys.executable).with_name("dsqlkit"))
_SIZE: Final = tuple(
    f"--{name}={value}"
    for name, value in (("threads", THREADS), ("transactions", TRANSACTIONS), ("rows", ROWS))
)
_PSQL: Final = ("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1")


@dataclass(frozen=True)
class Loading:
    """Our rate as a multiple of theirs, and the multiple that it should reach."""

    title: str
    ours_s: float
    theirs_s: float
    ratio: float
    target: float


def compare_loads(endpoint: Endpoint) -> tuple[list[Loading], float]:
    """The comparisons, and the client's CPU as a share of one core while it loads."""
    to = f"host={endpoint.host} port={endpoint.port} user=admin dbname=postgres"
    with tempfile.TemporaryDirectory() as scratch, KeptConnection(endpoint) as connections:
        folder = Path(scratch)
        arguments = ["load", "--output", str(folder / "ids.txt"), "--yes", *_SIZE]

        def ours() -> None:
            subprocess.run([_DSQLKIT, *arguments], check=True, capture_output=True)

        def eight_copies() -> None:
            _copy(connections, folder, to)

        def one_each() -> None:
            _psql_each(connections, folder, to)

        ours()
        _write_rows(folder)
        rows = f"{TRANSACTIONS * ROWS:,} rows, {THREADS} at a time"
        compared = [
            _compared(f"load of {rows} / eight psql with \\copy", ours, eight_copies, PAIRS, 0.9),
            _compared(
                f"load of {rows} / one psql per transaction", ours, one_each, SINGLE_PAIRS, 8.0
            ),
        ]
        return compared, statistics.median(_cpu_share(arguments) for _ in range(PAIRS))


def _compared(
    title: str, ours: Callable[[], None], theirs: Callable[[], None], pairs: int, target: float
) -> Loading:
    timed = [(_seconds(ours), _seconds(theirs)) for _ in range(pairs)]
    return Loading(
        title,
        statistics.median(our for our, _ in timed),
        statistics.median(their for _, their in timed),
        statistics.median(their / our for our, their in timed),
        target,
    )


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _cpu_share(arguments: list[str]) -> float:
    """The share of one core that the command takes in this process, which has loaded all of it."""
    started, used = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert run([*arguments, "--quiet"]) == 0
    return (time.process_time() - used) / (time.perf_counter() - started)


def _write_rows(folder: Path) -> None:
    """The rows of our load, a file for each transaction and a script for each psql."""
    ids = (folder / "ids.txt").read_text().splitlines()
    scripts: list[list[str]] = [[] for _ in range(THREADS)]
    for number in range(TRANSACTIONS):
        part = folder / f"part-{number}"
        own = ids[number * ROWS : (number + 1) * ROWS]
        part.write_text("".join(f"{each}\t100\n" for each in own))
        scripts[number % THREADS].append(f"\\copy accounts2 (id, balance) from '{part}'\n")
    for number, lines in enumerate(scripts):
        (folder / f"script-{number}").write_text("".join(lines))


def _anew(connections: KeptConnection) -> None:
    tables.drop(connections, "accounts2")
    tables.create(connections, "accounts2")


def _copy(connections: KeptConnection, folder: Path, to: str) -> None:
    _anew(connections)
    _all_at_once([[*_PSQL, "-f", str(folder / f"script-{each}"), to] for each in range(THREADS)])


def _psql_each(connections: KeptConnection, folder: Path, to: str) -> None:
    """As the original's script: each transaction is a psql, which signs in anew."""
    _anew(connections)
    loops = []
    for first in range(THREADS):
        parts = " ".join(f"{folder}/part-{each}" for each in range(first, TRANSACTIONS, THREADS))
        command = f"{' '.join(_PSQL)} -c \"\\copy accounts2 (id, balance) from '$part'\" '{to}'"
        loops.append(["sh", "-ec", f"for part in {parts}; do {command}; done"])
    _all_at_once(loops)


def _all_at_once(commands: list[list[str]]) -> None:
    environ = {**os.environ, "PGSSLMODE": "verify-full"}
    running = [subprocess.Popen(command, env=environ) for command in commands]
    assert [each.wait() for each in running] == [0] * len(commands)

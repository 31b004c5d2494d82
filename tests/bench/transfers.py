"""`dsqlkit bench` against pgbench: the same transaction, the same endpoint, eight clients, TLS.

pgbench sends statement by statement, as it does by itself, or the statements in a pipeline, as
dsqlkit does; it looks at no balance and proves nothing. Pairs alternate, so that
what else the machine does falls on both.
"""

import json
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dsqlkit.endpoint import Endpoint
from dsqlkit.queries import statement

CLIENTS: Final = 8
SECONDS: Final = 5
PAIRS: Final = 5

_DSQLKIT: Final = str(Path(sys.executable).with_name("dsqlkit"))
_RANDOM: Final = """\
\\set payer random(1, 1000)
\\set payee 1 + (:payer - 1 + random(1, 999)) % 1000
\\set amount random(1, 1000) / 100.0
"""
_TPS: Final = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)


@dataclass(frozen=True)
class Transferring:
    """Transfers per second of ours and theirs, their ratio and what it should reach."""

    title: str
    ours: float
    theirs: float
    ratio: float
    target: float


def compare_transfers(endpoint: Endpoint) -> list[Transferring]:
    """Both comparisons, on the running local cluster of this user."""
    with tempfile.TemporaryDirectory() as scratch:
        plain, pipeline = Path(scratch) / "plain.sql", Path(scratch) / "pipeline.sql"
        plain.write_text(f"{_RANDOM}BEGIN;\n{_statements()}COMMIT;\n")
        pipeline.write_text(
            f"{_RANDOM}\\startpipeline\nBEGIN;\n{_statements()}\\endpipeline\nCOMMIT;\n"
        )
        ours()
        return [
            _compared("bench / pgbench, statement by statement", lambda: pgbench(endpoint, plain)),
            _compared("bench / pgbench, in a pipeline", lambda: pgbench(endpoint, pipeline)),
        ]


def ours() -> float:
    command = [_DSQLKIT, "bench", f"--threads={CLIENTS}", f"--duration={SECONDS}", "--json"]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(ended.stdout)["per_second"])


def pgbench(endpoint: Endpoint, script: Path) -> float:
    """Its transactions per second; the password and the root certificate are in the environment."""
    to = f"host={endpoint.host} port={endpoint.port} user=admin dbname=postgres sslmode=verify-full"
    command = ["pgbench", "-n", "-M", "prepared", f"-c{CLIENTS}", "-j2", f"-T{SECONDS}"]
    command += ["--max-tries=100", "-f", str(script), to]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    found = _TPS.search(ended.stdout)
    assert found is not None, ended.stdout
    return float(found[1])


def _statements() -> str:
    """The statements of a transfer in pgbench's words; each with a new key."""
    texts = [statement(f"queries/accounts_{part}.sql") for part in ("ledger", "debit", "credit")]
    text = "".join(f"{' '.join(each.split())};\n" for each in texts)
    text = text.replace("%(key)s", "gen_random_uuid()")
    return re.sub(r"%\((\w+)\)s", r":\1", text)


def _compared(title: str, theirs: Callable[[], float]) -> Transferring:
    pairs = [(ours(), theirs()) for _ in range(PAIRS)]
    return Transferring(
        title,
        statistics.median(our for our, _ in pairs),
        statistics.median(their for _, their in pairs),
        statistics.median(our / their for our, their in pairs),
        0.8,
    )

"""What dsqlkit costs, as ratios: `python -m tests.bench`.

Commands as whole processes, each kind in turn, so that what else the machine does falls on all of
them; then the local cluster's endpoint against the PostgreSQL behind it. Nothing is judged here: a
target is printed beside its figure.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dsqlkit import accounts, local
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import Endpoint, LocalAddress, resolve
from dsqlkit.token import TokenSigner
from tests.bench import conflicts
from tests.bench.endpoint import compare, start_seconds
from tests.bench.load import CPU_TARGET, compare_loads
from tests.bench.plans import MORE_MS, compare_plans
from tests.bench.transfers import compare_transfers

HERE = Path(__file__).parent
DSQLKIT = str(Path(sys.executable).with_name("dsqlkit"))
ROUNDS = 15
TOKENS = 2000


@dataclass(frozen=True)
class Comparison:
    """Two commands, and the ratio of their times that the first should stay within."""

    title: str
    ours: Sequence[str]
    theirs: Sequence[str]
    target: float


TRANSFER = ["transfer", "--payer", "1", "--payee", "2", "--amount", "0.01", "--json"]
EXPLAINED = "SELECT * FROM accounts WHERE balance > 50 ORDER BY id"

_COMMANDS = (
    Comparison(
        "dsqlkit --help / import typer, rich.console",
        [DSQLKIT, "--help"],
        [sys.executable, "-c", "import typer, rich.console"],
        1.5,
    ),
    Comparison(
        "dsqlkit token / a boto3 client's token",
        [DSQLKIT, "token"],
        [sys.executable, str(HERE / "boto3_token.py")],
        0.6,
    ),
    Comparison(
        "dsqlkit transfer / a script with the same two updates",
        [DSQLKIT, *TRANSFER],
        [sys.executable, str(HERE / "plain_transfer.py")],
        1.3,
    ),
    Comparison(
        "dsqlkit transfer, with its key / import boto3",
        [DSQLKIT, *TRANSFER],
        [sys.executable, "-c", "import boto3"],
        1.2,
    ),
)


def comparisons(address: LocalAddress) -> tuple[Comparison, ...]:
    if shutil.which("psql") is None:
        print("psql is not installed: explain is not compared with it")
        return _COMMANDS
    to = f"host={address.host} port={address.port} user=admin dbname=postgres sslmode=verify-full"
    plan = ["-X", "-c", f"EXPLAIN (ANALYZE, VERBOSE) {EXPLAINED}"]
    return (
        *_COMMANDS,
        Comparison(
            "dsqlkit explain / psql's EXPLAIN, with a token at hand",
            [DSQLKIT, "explain", EXPLAINED],
            ["psql", *plan, to],
            2.0,
        ),
        Comparison(
            "dsqlkit explain / psql's EXPLAIN, its token made by `dsqlkit psql`",
            [DSQLKIT, "explain", EXPLAINED],
            [DSQLKIT, "psql", *plan],
            2.0,
        ),
    )


def seconds(command: Sequence[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def measure(comparison: Comparison) -> tuple[float, float]:
    """Median milliseconds of ours and theirs, run in turn after one run each to warm up."""
    seconds(comparison.ours)
    seconds(comparison.theirs)
    pairs = [(seconds(comparison.ours), seconds(comparison.theirs)) for _ in range(ROUNDS)]
    ours, theirs = (statistics.median(side) * 1000 for side in zip(*pairs, strict=True))
    return ours, theirs


def signing(endpoint: Endpoint) -> float:
    """Microseconds for one token, once the signer exists."""
    signer = TokenSigner(endpoint)
    signer.token()
    started = time.perf_counter()
    for _ in range(TOKENS):
        signer.token()
    return (time.perf_counter() - started) / TOKENS * 1_000_000


def print_loads(endpoint: Endpoint) -> None:
    compared, cpu = compare_loads(endpoint)
    print(f"{'ours s':>9} {'theirs s':>10} {'times':>6} {'target':>7}")
    for load in compared:
        print(
            f"{load.ours_s:9.2f} {load.theirs_s:10.2f} {load.ratio:6.2f} {load.target:7.2f}"
            f"  {load.title}"
        )
    print(f"{cpu:.0%} of one core for the client of a load; target {CPU_TARGET:.0%}")


def print_transfers(endpoint: Endpoint) -> None:
    print(f"{'ours /s':>9} {'theirs /s':>10} {'ratio':>6} {'target':>7}")
    for row in compare_transfers(endpoint):
        print(f"{row.ours:9.0f} {row.theirs:10.0f} {row.ratio:6.2f} {row.target:7.2f}  {row.title}")


def environment(address: LocalAddress) -> dict[str, str]:
    """What the scripts that are compared with need to know of the local cluster."""
    return {
        "AWS_ACCESS_KEY_ID": address.access_key_id,
        "AWS_SECRET_ACCESS_KEY": address.secret_access_key,
        "AWS_DEFAULT_REGION": address.region,
        "BENCH_HOST": address.host,
        "BENCH_PORT": str(address.port),
        "PGSSLROOTCERT": address.root_certificate,
    }


def main() -> None:
    # Programs that are installed are compiled once.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="dsqlkit-bench-") as folder:
        os.environ["XDG_DATA_HOME"] = folder
        address = local.ensure_running()
        try:
            endpoint = resolve(
                "local", environ={}, start_local=lambda: address, local_address=lambda: address
            )
            with KeptConnection(endpoint) as connections:
                accounts.initialise(connections)
            os.environ.update(environment(address))
            # For psql; dsqlkit signs its own.
            os.environ["PGPASSWORD"] = TokenSigner(endpoint).token().value
            print(f"{'ours ms':>9} {'theirs ms':>10} {'ratio':>6} {'target':>7}")
            for comparison in comparisons(address):
                ours, theirs = measure(comparison)
                print(
                    f"{ours:9.1f} {theirs:10.1f} {ours / theirs:6.2f} {comparison.target:7.2f}"
                    f"  {comparison.title}"
                )
            print(
                f"{signing(endpoint):.0f} microseconds a token, once the signer exists; target 1000"
            )
            print(f"{'through':>9} {'past it':>10} {'ratio':>6} {'target':>7}")
            for row in compare(endpoint):
                print(
                    f"{row.ours:9.1f} {row.theirs:10.1f} {row.ratio:6.2f} {row.target:7.2f}"
                    f"  {row.title}"
                )
            for plan in compare_plans(endpoint):
                print(
                    f"{plan.ours_ms:9.2f} {plan.theirs_ms:10.2f} ms an EXPLAIN {plan.options} of "
                    f"chapter 7's query; target {MORE_MS:.2f} ms more"
                )
            for line in conflicts.report(endpoint):
                print(line)
            if shutil.which("psql"):
                print_loads(endpoint)
            if shutil.which("pgbench"):
                print_transfers(endpoint)
            print(f"{start_seconds():.2f} seconds to start a stopped cluster; target 0.50")
        finally:
            local.reset()


if __name__ == "__main__":
    main()

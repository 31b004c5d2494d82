"""A bench under conflicts and cut connections, whose cluster is killed again and again.

At its end psql, which knows nothing of how it came about, is asked for ledger and balances.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dsqlkit import local
from tests.support.inside import connect_inside
from tests.support.loaded import wait_until
from tests.support.shell import shell
from tests.support.soaking import DURATION_S

pytestmark = pytest.mark.own_cluster

DSQLKIT = str(Path(sys.executable).with_name("dsqlkit"))
HARM = local.Faults(conflict_rate=0.2, cut_before_commit=31, cut_after_commit=29)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A local cluster of the test's own, which harms what is sent to it."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    local.set_faults(HARM)
    local.start()
    try:
        yield
    finally:
        local.reset()


def has_begun() -> bool:
    """Whether a transfer was made; before the first there is nothing that a kill could undo."""
    with connect_inside() as inside:
        there = inside.execute("SELECT to_regclass('public.transfers') IS NOT NULL").fetchone()
        return there == (True,) and inside.execute("SELECT FROM transfers").rowcount > 0


def bench_through(kills: int, every_s: float) -> dict[str, Any]:
    """What eight clients did while the cluster was killed so often, and started again at once."""
    duration = every_s * (kills + 1)
    command = [DSQLKIT, "bench", "--threads", "8", "--duration", str(duration), "--json", "--quiet"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as bench:
        wait_until(has_begun)
        for _ in range(kills):
            time.sleep(every_s)
            pid = local.status().pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            while local.status().running:
                time.sleep(0.01)
            local.start()
        out, err = bench.communicate(timeout=duration + 180)
    assert bench.returncode == 0, f"{err}\n{out}"
    document: dict[str, Any] = json.loads(out)
    return document


def asked(sql: str) -> str:
    """What psql answers, on a cluster that does no harm meanwhile."""
    local.set_faults(local.Faults())
    answer = shell(f'dsqlkit psql -X -At -c "{sql}"')
    local.set_faults(HARM)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()


def assert_adds_up(document: dict[str, Any], made_before: int) -> int:
    """The transfers in the ledger, by psql's count, once it is that of the bench."""
    made = int(asked("SELECT count(*) FROM transfers"))
    assert document["transfers"] == document["ledger"]["found"] == made - made_before
    assert document["ledger"]["unknown_resolved"] > 0
    assert document["conflicts"] > 0
    assert asked("SELECT sum(balance) = 100000, min(balance) >= 0 FROM accounts") == "t|t"
    return made


@pytest.mark.slow
def test_a_bench_whose_cluster_is_killed_makes_each_transfer_once(own: None) -> None:
    assert_adds_up(bench_through(kills=1, every_s=2.0), made_before=0)


@pytest.mark.soak
def test_benches_whose_cluster_is_killed_each_minute_make_each_transfer_once(own: None) -> None:
    made = 0
    for _ in range(2):
        kills = max(1, round(DURATION_S / 2 / 60) - 1)
        document = bench_through(kills, every_s=DURATION_S / 2 / (kills + 1))
        made = assert_adds_up(document, made)

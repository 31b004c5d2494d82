"""A load under conflicts and cut connections, whose loader and cluster are killed again and again.

At its end psql, which knows nothing of how it came about, is asked what is in the table.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsqlkit import local
from tests.support.shell import shell
from tests.support.soaking import DURATION_S, chance_of

DSQLKIT = str(Path(sys.executable).with_name("dsqlkit"))
HARM = local.Faults(conflict_rate=0.2, cut_before_commit=31, cut_after_commit=29)
LOADER, CLUSTER = "loader", "cluster"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A local cluster of the test's own, which harms what is sent to it; a file for ids."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    local.set_faults(HARM)
    local.start()
    try:
        yield tmp_path / "ids.txt"
    finally:
        local.reset()


def load_through(file: Path, kills: list[str], transactions: int, chance: random.Random) -> int:
    """One load of 50 rows a transaction, killed so often and resumed; how often a kill met it."""
    begin = ["--transactions", str(transactions), "--rows", "50", "--yes"]
    victims = iter(kills)
    met = 0
    while True:
        # One that was killed before it had made its table has left nothing to resume.
        load = start_load(file, ["--resume"] if journal_of(file).exists() else begin)
        if (victim := next(victims, None)) is not None:
            # From the journal on there is something to lose.
            while load.poll() is None and not journal_of(file).exists():
                time.sleep(0.005)
            time.sleep(chance.uniform(0, 0.4))
            if load.poll() is None:
                met += 1
            if victim == LOADER:
                load.kill()
            elif (pid := local.status().pid) is not None:
                os.kill(pid, signal.SIGKILL)
        load.communicate(timeout=120)
        if load.returncode == 0:
            return met


def start_load(file: Path, arguments: list[str]) -> "subprocess.Popen[str]":
    command = [DSQLKIT, "load", "--output", str(file), "--threads", "4", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def journal_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.journal")


def assert_equal(file: Path, accounts: int) -> None:
    """File and table hold so many ids, each once, and the same."""
    local.set_faults(local.Faults())
    copied = shell("dsqlkit psql -X -c 'COPY (SELECT id FROM accounts2) TO STDOUT'")
    counted = shell("dsqlkit psql -X -At -c 'SELECT count(*), count(DISTINCT id) FROM accounts2'")
    in_table, in_file = sorted(copied.stdout.split()), sorted(file.read_text().split())
    assert counted.stdout.strip() == f"{accounts}|{accounts}", counted.stderr
    assert in_table == in_file
    assert len(set(in_file)) == accounts
    local.set_faults(HARM)


@pytest.mark.slow
@pytest.mark.own_cluster
def test_a_load_whose_loader_and_cluster_are_killed_loads_each_id_once(own: Path) -> None:
    chance = chance_of("killed load")
    assert load_through(own, [LOADER, CLUSTER, LOADER], 400, chance) > 0
    assert_equal(own, 400 * 50)


@pytest.mark.soak
@pytest.mark.own_cluster
def test_loads_that_are_killed_for_a_long_time_load_each_id_once(own: Path) -> None:
    chance = chance_of("killed loads")
    deadline = time.monotonic() + DURATION_S
    met = 0
    while time.monotonic() < deadline:
        kills = [chance.choice([LOADER, LOADER, CLUSTER]) for _ in range(chance.randint(1, 8))]
        met += load_through(own, kills, 1000, chance)
        assert_equal(own, 1000 * 50)
    assert met > 0

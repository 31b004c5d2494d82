"""The local cluster killed with -9 in the middle of work, and started again."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsqlkit import accounts, local, tables
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import Endpoint, resolve
from tests.support.loaded import wait_until

pytestmark = pytest.mark.own_cluster

DSQLKIT = str(Path(sys.executable).with_name("dsqlkit"))


@pytest.fixture
def own(own_cluster: Path) -> Endpoint:
    """A local cluster of the test's own, to be killed."""
    return resolve(
        "local", environ={}, start_local=local.ensure_running, local_address=local.address
    )


@pytest.fixture
def connections(own: Endpoint) -> Iterator[KeptConnection]:
    with KeptConnection(own) as kept:
        yield kept


def kill_cluster() -> None:
    pid = local.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not local.status().running)


def test_what_was_committed_is_there_after_a_kill_and_the_next_command_starts_it_again(
    connections: KeptConnection,
) -> None:
    accounts.initialise(connections, 3)
    before = local.status()
    kill_cluster()
    ended = subprocess.run(
        [DSQLKIT, "balance", "--id", "3", "--json"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == {"id": 3, "balance": "100"}
    after = local.status()
    assert after.running
    assert after.pid != before.pid
    assert after.endpoint == before.endpoint


@pytest.mark.slow
def test_a_load_outlives_a_kill_and_its_file_still_has_the_ids_of_the_table(
    own: Endpoint, connections: KeptConnection, tmp_path: Path
) -> None:
    file = tmp_path / "ids.txt"
    size = ["--threads", "4", "--transactions", "400", "--rows", "100"]
    with subprocess.Popen(
        [DSQLKIT, "load", *size, "--output", str(file), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as load:
        wait_until(lambda: tables.has_rows(connections, "accounts2"))
        kill_cluster()
        local.start()
        out, err = load.communicate(timeout=90)
    assert load.returncode == 0, err
    assert json.loads(out)["accounts"] == 40_000
    with KeptConnection(own) as again, again.connection() as connection:
        there = [str(each) for (each,) in connection.execute("SELECT id FROM accounts2")]
    assert sorted(there) == sorted(file.read_text().splitlines())
    assert err == ""

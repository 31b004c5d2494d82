"""A cluster that was started from a shell which holds everything that could change it.

It is as any other; and it mends itself when its PostgreSQL is lost.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsqlkit import local
from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import resolve
from dsqlkit.errors import LocalClusterFailed
from dsqlkit.local.environment import FOR_POSTGRES, for_daemon
from dsqlkit.local.server.losses import Losses
from tests.support.waiting import eventually

PROGRAM = Path(sys.executable).with_name("dsqlkit")
HOSTILE = {
    "PGPORT": "5433",
    "PGHOST": "localhost",
    "PGUSER": "postgres",
    "PGDATA": "/nowhere",
    "PGSERVICE": "mine",
    "PGOPTIONS": "-c search_path=x",
    "PGTZ": "Mars",
    "PGSYSCONFDIR": "/nowhere",
    "PG_COLOR": "always",
    "TZ": "Asia/Tokyo",
    "LC_ALL": "xx_XX.ISO-8859-1",
    "LANG": "xx_XX",
    "OPENSSL_CONF": "/nowhere",
    "TMPDIR": "/nowhere",
    "PYTHONWARNINGS": "error",
    "PYTHONASYNCIODEBUG": "1",
}

pytestmark = pytest.mark.own_cluster


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the cluster of this module keeps its files."""
    home = tmp_path_factory.mktemp("data")
    before = os.environ.get("XDG_DATA_HOME")
    os.environ["XDG_DATA_HOME"] = str(home)
    try:
        ended = dsqlkit("local", "start")
        assert ended.returncode == 0, ended.stderr
        assert "Answers         yes\n" in ended.stdout
        yield home / "dsqlkit" / "local"
    finally:
        local.reset()
        if before is None:
            del os.environ["XDG_DATA_HOME"]
        else:
            os.environ["XDG_DATA_HOME"] = before


def dsqlkit(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [PROGRAM, *arguments],
        check=False,
        env=os.environ | HOSTILE,
        capture_output=True,
        text=True,
        timeout=60,
    )


def connected() -> Connection:
    return connect(
        resolve("local", environ={}, start_local=local.ensure_running, local_address=local.address)
    )


def postmaster(folder: Path) -> int:
    """Its process, or 0 while there is none."""
    try:
        words = (folder / "server" / "data" / "postmaster.pid").read_text().split()
    except FileNotFoundError:
        return 0
    return int(words[0]) if words else 0


def listens(folder: Path) -> bool:
    """Whether it has begun to, which it says before its own parts know PostgreSQL."""
    log = folder / "local.log"
    return log.exists() and "listening on port" in log.read_text()


def kill_and_see_another(folder: Path) -> None:
    held = postmaster(folder)
    os.kill(held, signal.SIGKILL)
    assert eventually(lambda: postmaster(folder) not in (0, held))


def daemon() -> int:
    pid = local.status().pid
    assert pid is not None
    return pid


def test_nothing_of_the_shell_changes_what_a_client_meets(folder: Path) -> None:
    with connected() as connection:
        row = connection.execute(
            "SELECT current_setting('timezone'), current_setting('search_path'),"
            " to_char(date '2026-01-01', 'TMMonth')"
        ).fetchone()
    assert row == ("UTC", '"$user", public', "January")


@pytest.mark.parametrize("harm", ["kill its PostgreSQL", "remove its socket"])
def test_a_cluster_that_loses_its_postgresql_starts_it_again(folder: Path, harm: str) -> None:
    with connected() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (id uuid DEFAULT gen_random_uuid())")
        (before,) = connection.execute("SELECT count(*) FROM kept").fetchone() or (None,)
        connection.execute("INSERT INTO kept DEFAULT VALUES")
        held, pid, port = postmaster(folder), daemon(), local.address()
        if harm == "kill its PostgreSQL":
            os.kill(held, signal.SIGKILL)
        else:
            next((folder / "server").resolve().glob(".s.PGSQL.*")).unlink()
        assert eventually(lambda: postmaster(folder) not in (0, held))
    # The port was open all the time: who comes now waits until the server is there again.
    with connected() as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (before + 1,)
    assert (daemon(), local.address()) == (pid, port)


def test_a_cluster_that_loses_its_postgresql_as_it_starts_starts_it_again(
    own_cluster: Path,
) -> None:
    with subprocess.Popen([PROGRAM, "local", "start"], stdout=subprocess.DEVNULL) as starting:
        assert eventually(lambda: listens(own_cluster))
        for _ in range(2):  # the second one has hardly begun to start
            kill_and_see_another(own_cluster)
    assert starting.returncode == 0
    with connected() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.slow
def test_a_cluster_that_does_not_answer_is_not_said_to_run_well(folder: Path) -> None:
    pid = daemon()
    os.kill(pid, signal.SIGSTOP)
    try:
        ended = dsqlkit("local", "status")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert ended.returncode == 3
    assert "Answers         no" in ended.stdout
    assert "did not answer within" in ended.stdout
    assert "`dsqlkit local stop`, then `dsqlkit local start`" in ended.stderr
    mended = dsqlkit("local", "status")
    assert (mended.returncode, "Answers         yes\n" in mended.stdout) == (0, True)


def test_what_is_lost_again_and_again_is_given_up() -> None:
    losses = Losses()
    for at in (0.0, 30.0, 59.0, 61.0, 95.0):
        losses.count(at)
    with pytest.raises(LocalClusterFailed, match="lost 4 times within 60 s"):
        losses.count(96.0)


def test_the_daemon_takes_over_where_things_are_and_nothing_else() -> None:
    shell = {"HOME": "/home/me", "XDG_DATA_HOME": "/data", "PATH": "/bin", "PYTHONPATH": "/src"}
    assert for_daemon(HOSTILE | shell | {"AWS_PROFILE": "work", "LD_PRELOAD": "x.so"}) == shell
    assert not [name for name in FOR_POSTGRES if name.startswith("PG")]

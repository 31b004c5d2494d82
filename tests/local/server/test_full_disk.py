"""A start without room on the disk says so and leaves nothing running; with room it works."""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dsqlkit import local
from dsqlkit.connection import connect
from dsqlkit.endpoint import resolve

DSQLKIT = str(Path(sys.executable).with_name("dsqlkit"))
LIMIT_BYTES = 100_000

pytestmark = pytest.mark.own_cluster


def assert_it_starts_once_there_is_room() -> None:
    assert not local.status().running
    endpoint = resolve(
        "local", environ={}, start_local=local.ensure_running, local_address=local.address
    )
    with connect(endpoint) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_files_that_may_not_grow(own_cluster: Path) -> None:
    ended = subprocess.run(
        [DSQLKIT, "local", "start"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, LIMIT_BYTES)),
    )
    assert ended.returncode == 3
    assert "The local cluster ended while starting" in ended.stderr
    assert "File too large" in ended.stderr
    assert_it_starts_once_there_is_room()


def can_mount() -> bool:
    """Whether we may have a small disk of our own, in a view of the files that only we have."""
    if os.getuid() != 0 or shutil.which("unshare") is None:
        return False
    tried = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
        check=False,
        capture_output=True,
    )
    return tried.returncode == 0


def assert_the_full_disk_is_named(script: str) -> None:
    ended = subprocess.run(
        ["unshare", "--mount", "bash", "-c", script],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 3
    assert "is full, or nearly" in ended.stderr


@pytest.mark.slow
@pytest.mark.skipif(not can_mount(), reason="only root with `unshare` can make a small disk")
@pytest.mark.parametrize("size", [pytest.param("100k", marks=pytest.mark.soak), "5m", "25m"])
def test_a_disk_that_gets_full_while_the_data_is_made(own_cluster: Path, size: str) -> None:
    # Root's clusters have their data in /var/lib: a private /var/lib of that size, for one command.
    script = f'mount -t tmpfs -o size={size} tmpfs /var/lib && exec "{DSQLKIT}" local start'
    assert_the_full_disk_is_named(script)
    assert_it_starts_once_there_is_room()


@pytest.mark.skipif(not can_mount(), reason="only root with `unshare` can make a small disk")
def test_a_state_folder_on_a_full_disk(own_cluster: Path) -> None:
    own_cluster.parents[1].mkdir(exist_ok=True)
    script = (
        'mount -t tmpfs -o size=8k tmpfs "$XDG_DATA_HOME"'
        ' && (head -c 100000 /dev/zero > "$XDG_DATA_HOME/filler" || true) 2>/dev/null;'
        f' exec "{DSQLKIT}" local start'
    )
    assert_the_full_disk_is_named(script)
    assert_it_starts_once_there_is_room()

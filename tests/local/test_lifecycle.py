"""Starting, stopping, killing and resetting local clusters, each in a state folder of its own."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from dsqlkit import local
from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import resolve
from dsqlkit.errors import LocalClusterFailed
from dsqlkit.local.server.home import ServerHome, remove_home
from dsqlkit.local.state import Credentials, StateFolder
from tests.support.inside import connect_inside
from tests.support.waiting import eventually

pytestmark = pytest.mark.own_cluster


def connected() -> Connection:
    return connect(
        resolve("local", environ={}, start_local=local.ensure_running, local_address=local.address)
    )


def reachable_by_others(path: Path) -> bool:
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)


def process_ends(pid: int) -> bool:
    def gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        # In a container nobody may collect it; a zombie has ended as well.
        status = Path(f"/proc/{pid}/stat")
        return status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z"

    return eventually(gone)


def test_from_nothing_to_stopped_and_back(own_cluster: Path) -> None:
    assert local.address() is None
    assert not local.status().running
    assert not local.stop().running
    first = local.ensure_running()
    # The sign-in by which the start was proven is gone a moment later.
    assert eventually(lambda: local.status().connections == 0)
    running = local.status()
    assert running.running
    assert running.endpoint == f"localhost:{first.port}"
    assert running.pid is not None
    assert running.data_dir == str(own_cluster)
    assert running.server_version == "16.15"
    assert local.start() == replace(running, answers=True)
    with connected() as connection:
        connection.execute("CREATE TABLE kept (id int)")
        connection.execute("INSERT INTO kept VALUES (1)")
        pid = running.pid
        stopped = local.stop()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert (stopped.running, stopped.pid, stopped.endpoint) == (False, None, None)
    assert process_ends(pid)
    assert local.address() == first
    assert local.ensure_running() == first, "port, credentials and CA are kept"
    with connected() as connection:
        assert connection.execute("SELECT id FROM kept").fetchone() == (1,)


def test_the_folder_and_its_secrets_are_private(own_cluster: Path) -> None:
    local.start()
    assert stat.S_IMODE(own_cluster.stat().st_mode) == 0o700
    for name in ("ca.key", "server.pem", "credentials.json", "endpoint.json", "local.log"):
        assert stat.S_IMODE((own_cluster / name).stat().st_mode) == 0o600, name
    server = (own_cluster / "server").resolve()
    assert stat.S_IMODE(server.stat().st_mode) == 0o700
    credentials = json.loads((own_cluster / "credentials.json").read_text())
    assert credentials["secret_access_key"] not in repr(Credentials(**credentials))
    assert credentials["secret_access_key"] not in repr(local.address())


def test_killed_it_keeps_what_was_committed(own_cluster: Path) -> None:
    connection = connected()
    connection.execute("CREATE TABLE kept (id int)")
    connection.execute("INSERT INTO kept SELECT generate_series(1, 1000)")
    connection.execute("BEGIN")
    connection.execute("INSERT INTO kept VALUES (0)")
    pid = local.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: not local.status().running)
    connection.close()
    with connected() as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1000,)


def test_a_server_that_outlived_its_cluster_is_stopped_first(own_cluster: Path) -> None:
    local.start()
    server = (own_cluster / "server").resolve()
    postmaster = int((server / "data" / "postmaster.pid").read_text().split()[0])
    pid = local.status().pid
    assert pid is not None
    # Stopped, it cannot follow its parent's death before the next start has found it.
    os.kill(postmaster, signal.SIGSTOP)
    os.kill(pid, signal.SIGKILL)
    assert process_ends(pid)
    again = subprocess.Popen([sys.executable, "-c", "from dsqlkit import local; local.start()"])
    try:
        assert again.poll() is None
    finally:
        os.kill(postmaster, signal.SIGCONT)
    assert again.wait(60) == 0
    assert process_ends(postmaster)
    with connected() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_killed_server_whose_number_another_process_has_is_no_obstacle(own_cluster: Path) -> None:
    local.start()
    server = (own_cluster / "server").resolve()
    notes = [server / "data" / "postmaster.pid", server / ".s.PGSQL.5432.lock"]
    left = [note.read_text().split("\n", 1)[1] for note in notes]
    local.stop()
    home = ServerHome(server)
    with home.spawn(["/bin/sleep", "60"]) as of_the_same_account:
        for note, rest in zip(notes, left, strict=True):
            note.write_text(f"{of_the_same_account.pid}\n{rest}")
        try:
            with connected() as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
            assert of_the_same_account.poll() is None
        finally:
            of_the_same_account.kill()


def test_simultaneous_starts_make_one_cluster(own_cluster: Path) -> None:
    code = "from dsqlkit import local; s = local.start(); print(s.pid, s.endpoint)"
    starters = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    answers = {starter.communicate(timeout=60)[0] for starter in starters}
    assert [starter.returncode for starter in starters] == [0] * 4
    running = local.status()
    assert answers == {f"{running.pid} {running.endpoint}\n"}


def test_a_taken_port_is_left_to_its_owner(own_cluster: Path) -> None:
    first = local.ensure_running()
    local.stop()
    with socket.create_server(("127.0.0.1", first.port)):
        second = local.ensure_running()
        assert second.port != first.port
        with connected() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_reset_removes_the_data_and_keeps_who_we_are(own_cluster: Path) -> None:
    first = local.ensure_running()
    with connected() as connection:
        connection.execute("CREATE TABLE gone (id int)")
    server = (own_cluster / "server").resolve()
    assert not local.reset().running
    assert not server.exists()
    assert local.ensure_running() == first
    with connected() as connection:
        assert connection.execute("SELECT to_regclass('gone')").fetchone() == (None,)


def test_data_of_another_version_get_this_ones_catalog(own_cluster: Path) -> None:
    with connected() as connection:
        connection.execute("CREATE TABLE kept (id int)")
    with connect_inside() as inside:
        inside.execute("DROP FUNCTION dsqlkit.show")
        inside.execute("CREATE FUNCTION dsqlkit.show(other text) RETURNS int RETURN 1")
    local.stop()
    (own_cluster / "server" / "catalog").write_text("that of another version")
    with connected() as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM sys.jobs").fetchone() == (0,)
        assert connection.execute("SHOW server_version").fetchone() == ("16.15",)


def test_without_clients_it_ends_by_itself(own_cluster: Path) -> None:
    command = [sys.executable, "-m", "dsqlkit.local", "--idle-limit", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as daemon:
        _, log = daemon.communicate(timeout=60)
    assert daemon.returncode == 0
    assert "no client for" in log
    assert not local.status().running


def test_a_file_in_the_way_of_the_folder(own_cluster: Path) -> None:
    own_cluster.parent.write_text("not a folder")
    for action in (local.start, local.ensure_running, local.status, local.address):
        with pytest.raises(LocalClusterFailed, match="cannot be used: a file is in its way"):
            action()
    own_cluster.parent.unlink()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(own_cluster: Path) -> None:
    own_cluster.parents[1].chmod(0o500)
    try:
        with pytest.raises(LocalClusterFailed, match="cannot be used: Permission denied"):
            local.start()
    finally:
        own_cluster.parents[1].chmod(0o700)


def test_a_damaged_file_is_named_as_such(own_cluster: Path) -> None:
    own_cluster.mkdir(parents=True)
    (own_cluster / "endpoint.json").write_text("{")
    with pytest.raises(LocalClusterFailed, match="is damaged"):
        local.address()
    (own_cluster / "endpoint.json").unlink()


def test_a_failed_start_shows_the_end_of_the_log(own_cluster: Path) -> None:
    local.start()
    local.stop()
    (own_cluster / "server" / "data" / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(LocalClusterFailed, match="PostgreSQL ended while starting"):
        local.start()
    assert not local.status().running


def test_a_long_path_gets_a_short_socket(
    own_cluster: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / ("long" * 30)))
    local.start()
    with connected() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    local.reset()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become someone else")
def test_a_normal_user_needs_nothing_from_root() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, 65534, 65534)
        code = (
            "from dsqlkit import local; local.start(); s = local.status(); local.reset();"
            "print(s.running, s.data_dir)"
        )
        if not reachable_by_others(Path(sys.executable)):
            pytest.skip("this Python is closed to other users")
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "XDG_DATA_HOME": folder, "HOME": folder},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            user=65534,
            group=65534,
            extra_groups=[],
        )
        assert done.stdout == f"True {folder}/dsqlkit/local\n", done.stderr
        assert not Path(folder, "dsqlkit", "local", "server").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root keeps the server's files elsewhere")
def test_server_files_whose_folder_was_removed_go_at_the_next_first_start(tmp_path: Path) -> None:
    folders = [StateFolder(tmp_path / name) for name in ("kept", "removed", "new")]
    for folder in folders:
        folder.create()
    kept, removed = (ServerHome.of(folder).path for folder in folders[:2])
    shutil.rmtree(folders[1].root)
    new = ServerHome.of(folders[2]).path
    # Another cluster's first start may be removing it at the same time.
    assert eventually(lambda: not removed.exists())
    assert (kept.exists(), new.exists()) == (True, True)
    assert ServerHome.of(folders[0]).path == kept
    for folder in (folders[0], folders[2]):
        remove_home(folder)
    assert not kept.exists()

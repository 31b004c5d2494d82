"""`own_cluster`: what a program gets that wants a cluster to itself."""

import socket
import tempfile
from pathlib import Path
from threading import Thread

import pytest

from dsqlkit.connection import connect
from dsqlkit.endpoint import Endpoint, StaticCredentials
from dsqlkit.errors import LocalClusterFailed
from dsqlkit.local import OwnCluster, own_cluster
from dsqlkit.local.lifecycle import own, process
from dsqlkit.local.server.home import ServerHome, remove_home
from dsqlkit.local.server.template import begin_data
from dsqlkit.local.state import StateFolder
from tests.support.waiting import eventually

pytestmark = pytest.mark.own_cluster


@pytest.fixture(autouse=True)
def _folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def endpoint_of(cluster: OwnCluster) -> Endpoint:
    address = cluster.address
    return Endpoint(
        host=address.host,
        port=address.port,
        region=address.region,
        user="admin",
        host_source="",
        region_source="",
        user_source="",
        root_certificate=address.root_certificate,
        credentials=StaticCredentials(address.access_key_id, address.secret_access_key),
    )


@pytest.mark.slow
def test_two_in_one_process_share_nothing_and_the_second_begins_from_the_template() -> None:
    with own_cluster() as one, own_cluster() as other:
        for cluster in (one, other):
            with connect(endpoint_of(cluster)) as connection:
                connection.execute(b"CREATE TABLE t (id int PRIMARY KEY)")
        assert one.address.port != other.address.port
    with own_cluster() as third, connect(endpoint_of(third)) as connection:
        connection.execute(b"CREATE TABLE t (id int PRIMARY KEY)")


@pytest.mark.slow
def test_a_template_of_another_version_is_brought_to_this_one_and_its_stale_copy_goes() -> None:
    with own_cluster():
        pass
    home = ServerHome(StateFolder(process.template()).server.resolve())
    ours = home.catalog.read_text()
    home.catalog.write_text("that of another version")
    (home.data / "postmaster.pid").write_text("1\n")
    for _ in range(2):
        with own_cluster() as cluster, connect(endpoint_of(cluster)) as connection:
            assert connection.execute(b"SELECT count(*) FROM sys.jobs").fetchone() == (0,)
    assert eventually(lambda: len([*home.path.glob("spare-*")]) == 1)
    assert home.catalog.read_text() == ours
    assert not (home.data / "postmaster.pid").exists()


@pytest.mark.slow
def test_a_template_is_left_to_a_program_that_outlived_who_ran_it(tmp_path: Path) -> None:
    with own_cluster():
        pass
    state = StateFolder(tmp_path / "new")
    state.create()
    home = ServerHome(StateFolder(process.template()).server.resolve())
    home.take()
    with home.spawn(["/bin/sleep", "60"]) as orphan:
        home.release()
        beginning = Thread(target=begin_data, args=[process.template(), state])
        beginning.start()
        beginning.join(0.3)
        assert not (state.server / "data").exists()
        orphan.kill()
        beginning.join(60)
    assert (state.server / "data").exists()
    remove_home(state)


def test_where_no_template_can_be_kept_it_starts_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    with own_cluster() as cluster, connect(endpoint_of(cluster)) as connection:
        connection.execute(b"CREATE TABLE t (id int PRIMARY KEY)")


def test_one_that_does_not_start_says_why_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LocalClusterFailed, match=f"port {port}"), own_cluster(port=port):
            pass
        # As when somebody takes it in the meantime.
        monkeypatch.setattr(own, "check_free", lambda _: None)
        with pytest.raises(LocalClusterFailed, match="in use"), own_cluster(port=port):
            pass
    assert [each.name for each in tmp_path.iterdir()] == ["cache"]

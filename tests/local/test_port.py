"""A port that somebody chose: listened on, kept, and never exchanged for another in silence."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsqlkit import local
from dsqlkit.connection import connect
from dsqlkit.endpoint import resolve
from dsqlkit.errors import LocalClusterFailed, UsageError

pytestmark = pytest.mark.own_cluster


@pytest.fixture(autouse=True)
def _own_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    yield
    local.reset()


@pytest.fixture
def free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def test_it_listens_there_and_stays_there(free: int) -> None:
    assert local.start(port=free).endpoint == f"localhost:{free}"
    local.stop()
    assert local.start().endpoint == f"localhost:{free}"
    local.reset()
    assert local.start().endpoint == f"localhost:{free}"


@pytest.mark.slow
def test_one_that_runs_elsewhere_moves_with_its_data_unless_it_has_clients(free: int) -> None:
    elsewhere = local.start().endpoint
    endpoint = resolve(
        "local", environ={}, start_local=local.ensure_running, local_address=local.address
    )
    with connect(endpoint) as connection:
        connection.execute(b"CREATE TABLE t (id int PRIMARY KEY)")
        with pytest.raises(LocalClusterFailed, match=r"has clients \(1\)"):
            local.start(port=free)
        assert local.status().endpoint == elsewhere
    assert local.start(port=free).endpoint == f"localhost:{free}"
    moved = resolve(
        "local", environ={}, start_local=local.ensure_running, local_address=local.address
    )
    with connect(moved) as connection:
        connection.execute(b"SELECT FROM t")


@pytest.mark.slow
def test_a_port_that_is_taken_is_said_to_be_and_no_other_is_taken(free: int) -> None:
    local.start(port=free)
    local.stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", free))
        other.listen()
        for wanted in (free, None):
            with pytest.raises(LocalClusterFailed, match=f"port {free}: something else listens"):
                local.start(port=wanted)
        assert not local.status().running
        assert local.start(port=0).running


@pytest.mark.parametrize("port", [-1, 65_536])
def test_what_is_no_port_is_refused_before_anything_is_made(port: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a port"):
        local.start(port=port)
    assert list(tmp_path.iterdir()) == []

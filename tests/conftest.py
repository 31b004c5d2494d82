"""One local cluster for each process of the run, in a state folder of its own, removed at the end.

Whatever the developer's shell names, no test ever reaches a real cluster or an AWS account.
"""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from dsqlkit import accounts, local, tables
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import Endpoint, LocalAddress, resolve
from dsqlkit.loading import Batch, send
from dsqlkit.local.lifecycle.process import template
from dsqlkit.local.server import home
from dsqlkit.local.server.home import remove_home
from dsqlkit.local.server.template import begin_data, sole_user
from dsqlkit.local.state import StateFolder
from dsqlkit.transaction import RetryPolicy

MEMORY = Path("/dev/shm")
ROOM_BYTES = 4_000_000_000
"""Far more than the suite's clusters come to: containers have 64 MB there."""


def pytest_configure(config: pytest.Config) -> None:
    """Let the run have what it needs of its machine, and nothing that was left there."""
    _be_as_a_users_process()
    if not hasattr(config, "workerinput"):
        # For all workers, where new clusters' data are copied from: that of no other version.
        os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="dsqlkit-test-cache-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what `pytest_configure` made."""
    if not hasattr(config, "workerinput"):
        with sole_user(template()):  # the last cluster may be leaving a copy still
            remove_home(StateFolder(template()))
        shutil.rmtree(os.environ.pop("XDG_CACHE_HOME"))


def _be_as_a_users_process() -> None:
    """Let the processes that tests start be as a user's are, whatever this run itself is to be.

    They heed signals: a shell's background jobs ignore Ctrl-C, `nohup` ignores SIGHUP, and who
    ignores a signal hands that down; a handler is not handed down. And they find the package
    compiled, which would take each of them longer than most commands do.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.fixture(autouse=True)
def _no_endpoint_and_no_account(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A machine where nothing is set up."""
    nowhere = tmp_path_factory.getbasetemp()
    for name in list(os.environ):
        if name.startswith(("AWS_", "PG", "CLUSTER_ENDPOINT")) or name == "REGION":
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(nowhere / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere / "no-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="session")
def local_cluster() -> Iterator[LocalAddress]:
    """The running local cluster. XDG_DATA_HOME names its folder, for commands run by tests too."""
    memory = MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES else None
    folder = Path(tempfile.mkdtemp(prefix="dsqlkit-test-", dir=memory))
    before = os.environ.get("XDG_DATA_HOME")
    os.environ["XDG_DATA_HOME"] = str(folder)
    try:
        # What it leaves is what first starts begin with, which takes a third of the time.
        with local.own_cluster():
            pass
        if memory is not None:
            _keep_server_in(memory)
        yield local.ensure_running()
    finally:
        local.reset()
        shutil.rmtree(folder)
        if before is None:
            del os.environ["XDG_DATA_HOME"]
        else:
            os.environ["XDG_DATA_HOME"] = before


def _keep_server_in(folder: Path) -> None:
    """Have the files of the server there although root runs it, which has them below /var/lib.

    Tests make thousands of tables and drop them, and a disk may look long for a place for each of
    their files: ext4 without a journal passes over all that were deleted within some minutes.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(home, "_FOLDERS_FOR_ROOT", (str(folder),))
        state = StateFolder.default()
        state.create()
        begin_data(template(), state)


@pytest.fixture
def own_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A state folder that no other test uses; its cluster is gone at the end."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    yield tmp_path / "dsqlkit" / "local"
    local.reset()


@pytest.fixture(scope="session")
def endpoint(local_cluster: LocalAddress) -> Endpoint:
    """The local cluster as role admin."""
    return resolve(
        "local",
        environ={},
        start_local=lambda: local_cluster,
        local_address=lambda: local_cluster,
    )


@pytest.fixture
def connections(endpoint: Endpoint) -> Iterator[KeptConnection]:
    """A connection of the test's own, to look at what others did."""
    with KeptConnection(endpoint) as kept:
        yield kept


@pytest.fixture
def bank(connections: KeptConnection) -> KeptConnection:
    """Accounts 1 to 10 with 100 each, anew."""
    accounts.initialise(connections, 10)
    return connections


@pytest.fixture
def two_uuids(connections: KeptConnection) -> tuple[UUID, UUID]:
    """The only accounts of `accounts2`, anew, with 100 each."""
    tables.drop(connections, "accounts2")
    tables.create(connections, "accounts2")
    pair = (uuid4(), uuid4())
    send(connections, Batch.of(pair), RetryPolicy())
    return pair

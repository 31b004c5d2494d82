"""A cluster for one purpose: empty at its beginning, gone with all its files at its end.

It shares nothing with the user's usual cluster, so there may be several at once. Its data is copied
from a template, which the first one makes.
"""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dsqlkit.endpoint import LocalAddress
from dsqlkit.errors import LocalClusterFailed
from dsqlkit.file_lock import is_locked
from dsqlkit.local.environment import FOLDER_VARIABLE
from dsqlkit.local.lifecycle import process
from dsqlkit.local.lifecycle.process import POLL_S
from dsqlkit.local.port import check_free, check_port
from dsqlkit.local.state import Listening, StateFolder

_END_LIMIT_S: Final = 20.0
_NO_IDLE_LIMIT_S: Final = "1e9"


@dataclass(frozen=True, slots=True)
class OwnCluster:
    """A cluster that runs. `variables` let a program that uses dsqlkit find it as `local`."""

    address: LocalAddress
    variables: dict[str, str]


@contextlib.contextmanager
def own_cluster(
    *, port: int | None = None, timeout_s: float = 60.0
) -> Generator[OwnCluster, None, None]:
    """A cluster of its own for the `with` block, on `port` or on one that is free.

    It is gone when the block ends, and when this process ends in any way. Raises UsageError for
    what is no port, and LocalClusterFailed when it cannot listen there or does not start.
    """
    check_port(port or 0)
    folder = Path(tempfile.mkdtemp(prefix="dsqlkit-"))
    state = StateFolder(folder / "local")
    # Nobody writes to it. It ends for the cluster when this process ends, or closes it.
    reader, writer = os.pipe()
    try:
        state.create()
        if port:
            check_free(port)
            state.save_listening(Listening(port, port_is_kept=True))
        options = ["--owner-fd", str(reader), "--idle-limit", _NO_IDLE_LIMIT_S]
        options += ["--template", str(process.template())]
        process.start(state, timeout_s, *options, pass_fds=(reader,))
        address = state.address()
        assert address is not None
        yield OwnCluster(address, {FOLDER_VARIABLE: str(state.root)})
    finally:
        os.close(reader)
        os.close(writer)
        _wait_until_gone(state)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_gone(state: StateFolder) -> None:
    """Wait for the cluster, which removes its files."""
    deadline = time.monotonic() + _END_LIMIT_S
    while is_locked(state.daemon_lock):
        if time.monotonic() > deadline:
            raise LocalClusterFailed(
                "The cluster did not end in time.", hint=f"Its log is {state.log}."
            )
        time.sleep(POLL_S / 2)

"""The cluster's process (`dsqlkit.local.daemon`) from outside: launched, asked, ended."""

import contextlib
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Final

import platformdirs

from dsqlkit.errors import LocalClusterFailed
from dsqlkit.file_lock import is_locked, take_lock
from dsqlkit.local.environment import FOLDER_VARIABLE, for_daemon
from dsqlkit.local.state import StateFolder

POLL_S: Final = 0.005
_LOG_LINES_SHOWN: Final = 5
_TOLD_BYTES: Final = 4096
"""More than it tells, and no more than a pipe passes on at once."""
_LITTLE_ROOM_BYTES: Final = 100_000_000
"""A new cluster has some 60 MB, most of it its data and its write-ahead log."""


def template() -> Path:
    """Where data to begin with are kept, for all of this user's clusters."""
    from dsqlkit.local.server.new_data import digest

    return Path(platformdirs.user_cache_dir("dsqlkit")) / f"template-{digest()}"


def is_ready(state: StateFolder) -> bool:
    """Whether the cluster runs and can be reached."""
    if not is_locked(state.daemon_lock):
        return False
    listening = state.listening()
    return listening is not None and listening.running


@contextlib.contextmanager
def readable(state: StateFolder) -> Generator[None, None, None]:
    """Turn what goes wrong while files of the folder are read into LocalClusterFailed."""
    try:
        with state.usable():
            yield
    except (ValueError, TypeError) as error:
        raise LocalClusterFailed(
            f"A file in the local cluster's folder {state.root} is damaged.",
            hint="Stop the cluster, remove the folder and start again: its data are lost.",
        ) from error


@contextlib.contextmanager
def sole_caretaker(state: StateFolder, deadline: float) -> Generator[None, None, None]:
    """Let one process at a time start, stop or reset the cluster; the others wait."""
    with state.usable():
        lock = take_lock(state.lifecycle_lock, timeout_s=max(0.0, deadline - time.monotonic()))
    if lock is None:
        raise LocalClusterFailed("Another process is starting or stopping the local cluster.")
    try:
        yield
    finally:
        os.close(lock)


def ask(state: StateFolder) -> None:
    """Have the running cluster look into its folder, and say what its sessions do."""
    listening = state.listening()
    if listening is not None and listening.pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(listening.pid, signal.SIGHUP)


def start(
    state: StateFolder, timeout_s: float, *options: str, pass_fds: tuple[int, ...] = ()
) -> None:
    """Have the process run and listen; nothing if it does. It is launched with these options.

    Raises LocalClusterFailed when it is not ready after `timeout_s` seconds, or ends before.
    """
    deadline = time.monotonic() + timeout_s
    launched = False
    while not is_ready(state):
        if not is_locked(state.daemon_lock):
            if launched:
                raise failed_to_start(state)
            state.forget_process()
            launch(state, deadline, *options, pass_fds=pass_fds)
            launched = True
        elif time.monotonic() > deadline:
            raise LocalClusterFailed(
                f"The local cluster was not ready after {timeout_s:g} s.",
                hint=f"Its log is {state.log}.",
            )
        time.sleep(POLL_S)


def launch(
    state: StateFolder, deadline: float, *options: str, pass_fds: tuple[int, ...] = ()
) -> None:
    """Start the daemon, detached, and wait until it is ready or has ended.

    It inherits the writing end of a pipe, which it closes when it is ready; the system closes it
    if it dies. Either way the reading end wakes up here. Raises LocalClusterFailed with what it
    has written there: why it cannot start, and what to do.
    """
    import subprocess

    from dsqlkit.local.log import opened_for_append

    with state.usable():
        log = opened_for_append(state.log)
    reader, writer = os.pipe()
    try:
        with log:
            # -P: a file named like a module, in the folder where the user stands, is not it.
            subprocess.run(  # noqa: S603 - our own interpreter and module
                [
                    *(sys.executable, "-P", "-m", "dsqlkit.local"),
                    *("--ready-fd", str(writer), *options),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={**for_daemon(os.environ), FOLDER_VARIABLE: str(state.root)},
                pass_fds=(writer, *pass_fds),
                start_new_session=True,
                check=True,
            )
        os.close(writer)
        if select.select([reader], [], [], max(0.0, deadline - time.monotonic()))[0]:
            _raise_told(os.read(reader, _TOLD_BYTES))
    except subprocess.CalledProcessError as error:
        raise failed_to_start(state) from error
    finally:
        os.close(reader)


def _raise_told(told: bytes) -> None:
    import json

    if told:
        message, hint = json.loads(told)
        raise LocalClusterFailed(message, hint=hint)


def end(state: StateFolder, deadline: float) -> None:
    """Have the process end, and a server that a killed one has left. Raises LocalClusterFailed."""
    from dsqlkit.local.server.postgres import stop_orphan

    while is_locked(state.daemon_lock):
        listening = state.listening()
        if listening is not None and listening.running and listening.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(listening.pid, signal.SIGTERM)
            wait_until_ended(state, listening.pid, deadline)
        elif time.monotonic() > deadline:
            raise LocalClusterFailed("The local cluster is still starting; it was not stopped.")
        time.sleep(POLL_S)
    stop_orphan(state, timeout_s=max(1.0, deadline - time.monotonic()))
    state.forget_process()


def wait_until_ended(state: StateFolder, pid: int, deadline: float) -> None:
    """Wait for the end of the cluster's process. Raises LocalClusterFailed at `deadline`, in
    time.monotonic()'s seconds."""
    while is_locked(state.daemon_lock):
        if time.monotonic() > deadline:
            raise LocalClusterFailed(
                f"The local cluster (process {pid}) did not stop in time.",
                hint=f"Its log is {state.log}.",
            )
        time.sleep(POLL_S)


def failed_to_start(state: StateFolder) -> LocalClusterFailed:
    """The error that says why, as far as log and disk tell."""
    from dsqlkit.local.log import last_lines

    lines = "\n".join(last_lines(state.log, _LOG_LINES_SHOWN))
    told = f"Its last words:\n{lines}" if lines else "It could write nothing to its log."
    hint = f"The whole log is {state.log}."
    # The server's files may lie elsewhere, behind a link.
    for folder in (state.root, state.server):
        if folder.exists() and (free := shutil.disk_usage(folder).free) < _LITTLE_ROOM_BYTES:
            hint = f"The disk of {folder} is full, or nearly: {free / 1e6:.1f} MB are free."
    return LocalClusterFailed(f"The local cluster ended while starting. {told}", hint=hint)

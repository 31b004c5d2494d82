"""Starting, stopping and looking at the local cluster, from any process of this user.

The cluster is a process of its own (`dsqlkit.local.daemon`). The functions here only start it,
signal it and read what it left in its state folder.
"""

import contextlib
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

from dsqlkit.endpoint import LOCAL_REGION, LocalAddress
from dsqlkit.errors import LocalClusterFailed
from dsqlkit.local.environment import for_daemon
from dsqlkit.local.faults import Faults
from dsqlkit.local.sessions import SessionStatus
from dsqlkit.local.state import HOST, StateFolder, is_locked, take_lock

HOW_TO_MEND = "`dsqlkit local stop`, then `dsqlkit local start`: the data stay."
"""What to do with a cluster that runs and does not answer."""

_POLL_S = 0.005
_KNOCK_LIMIT_S = 3.0
_KNOCK_PAUSE_S = 0.25
_MEND_LIMIT_S = 10.0
_LOG_LINES_SHOWN = 5
_LITTLE_ROOM_BYTES = 100_000_000
"""A new cluster has some 60 MB, most of it its data and its write-ahead log."""


@dataclass(frozen=True, slots=True)
class LocalStatus:
    """The local cluster at one moment. `started_at` is UTC; what only a running one has is None.

    `answers` says whether a client could sign in, and `problem` why not; both are None where nobody
    tried. `faults` are those it has when it runs.
    """

    running: bool
    answers: bool | None
    problem: str | None
    endpoint: str | None
    pid: int | None
    data_dir: str
    region: str
    server_version: str | None
    started_at: str | None
    connections: int | None
    log: str
    faults: Faults


def ensure_running(*, timeout_s: float = 60.0) -> LocalAddress:
    """Start the local cluster unless it runs, and say how to reach it.

    Raises LocalClusterFailed when it cannot be started within `timeout_s` seconds.
    """
    state = StateFolder.default()
    with _readable(state):
        known = state.address() if _is_ready(state) else None
    if known is None:
        start(timeout_s=timeout_s)
        known = state.address()
        assert known is not None
    return known


def address() -> LocalAddress | None:
    """How to reach the local cluster if it was ever started, running or not; else None."""
    state = StateFolder.default()
    with _readable(state):
        return state.address()


def status(*, knock: bool = False) -> LocalStatus:
    """The local cluster as it is now. Starts nothing; with `knock` it signs in once to a running
    one, which takes at most a few seconds."""
    state = StateFolder.default()
    with _readable(state):
        listening = state.listening() if _is_ready(state) else None
        count = None if listening is None else int(state.connection_count.read_text() or 0)
        faults = state.faults()
        known = state.address()
    found = LocalStatus(
        running=listening is not None,
        answers=None,
        problem=None,
        endpoint=None if listening is None else f"{HOST}:{listening.port}",
        pid=None if listening is None else listening.pid,
        data_dir=str(state.root),
        region=LOCAL_REGION,
        server_version=None if listening is None else listening.server_version,
        started_at=None if listening is None else listening.started_at,
        connections=count,
        log=str(state.log),
        faults=faults,
    )
    if not knock or known is None or not found.running:
        return found
    from dsqlkit.local.knock import why_not

    problem = why_not(known, timeout_s=_KNOCK_LIMIT_S)
    return replace(found, answers=problem is None, problem=problem)


def sessions(*, timeout_s: float = 10.0) -> tuple[SessionStatus, ...]:
    """Who is connected to the local cluster, and what each is doing; nobody if it does not run.

    Raises LocalClusterFailed when the cluster does not say so within `timeout_s` seconds.
    """
    state = StateFolder.default()
    deadline = time.monotonic() + timeout_s
    with _readable(state):
        if not _is_ready(state):
            return ()
        before = state.sessions_version()
        _signal(state)
        while state.sessions_version() == before:
            if not _is_ready(state):
                return ()
            if time.monotonic() > deadline:
                raise LocalClusterFailed(
                    f"The local cluster did not say within {timeout_s:g} s what its sessions do.",
                    hint=f"One that an older dsqlkit started cannot: {HOW_TO_MEND}",
                )
            time.sleep(_POLL_S)
        return state.sessions()


def start(*, timeout_s: float = 60.0, trace: bool = False) -> LocalStatus:
    """Start the local cluster unless it runs already, and sign in to it once.

    With `trace` its log has a line for each turn of each session, without data and secrets.

    Raises LocalClusterFailed when it runs already without the `trace` that is wanted, when its
    folder cannot be used, when it does not come up within `timeout_s` seconds, when it ends while
    starting (with the last lines of its log), or when it runs and no client can sign in.
    """
    state = StateFolder.default()
    deadline = time.monotonic() + timeout_s
    state.create()
    with _sole_caretaker(state, deadline):
        launched = False
        while not _is_ready(state):
            if not is_locked(state.daemon_lock):
                if launched:
                    raise _failed_to_start(state)
                state.forget_process()
                _launch(state, deadline, trace=trace)
                launched = True
            elif time.monotonic() > deadline:
                raise LocalClusterFailed(
                    f"The local cluster was not ready after {timeout_s:g} s.",
                    hint=f"Its log is {state.log}.",
                )
            time.sleep(_POLL_S)
        listening = state.listening()
        if trace and listening is not None and not listening.traces:
            raise LocalClusterFailed(
                "The local cluster runs already, without a trace.",
                hint="`dsqlkit local stop`, then `dsqlkit local start --trace`: the data stay.",
            )
        return _answering(min(deadline, time.monotonic() + _MEND_LIMIT_S))


def stop(*, timeout_s: float = 30.0) -> LocalStatus:
    """Stop the local cluster, closing its sessions; nothing if it does not run.

    Raises LocalClusterFailed when it has not ended after `timeout_s` seconds.
    """
    state = StateFolder.default()
    if state.root.is_dir():
        deadline = time.monotonic() + timeout_s
        with _sole_caretaker(state, deadline):
            _stop(state, deadline)
    return status()


def reset(*, timeout_s: float = 30.0) -> LocalStatus:
    """Stop the local cluster, remove its data, switch faults off; its port and keys stay.

    Raises LocalClusterFailed when it does not stop, or when its data cannot be removed.
    """
    from dsqlkit.local.server.home import remove_home

    state = StateFolder.default()
    if state.root.is_dir():
        deadline = time.monotonic() + timeout_s
        with _sole_caretaker(state, deadline), state.usable():
            _stop(state, deadline)
            remove_home(state)
            state.forget_faults()
    return status()


def set_faults(faults: Faults, *, timeout_s: float = 30.0) -> LocalStatus:
    """Have these faults and no others, from now on and after each start, until `reset`.

    A running cluster acts on them before this returns. Starts nothing. Raises LocalClusterFailed
    when the folder cannot be used, or when the cluster does not answer within `timeout_s` seconds.
    """
    state = StateFolder.default()
    state.create()
    deadline = time.monotonic() + timeout_s
    with _sole_caretaker(state, deadline), _readable(state):
        change = state.save_faults(faults)
        if _is_ready(state):
            _tell(state, change, deadline)
    return status()


def log_file() -> Path:
    """The log of the local cluster and of its PostgreSQL server. It may not exist yet."""
    return StateFolder.default().log


def _answering(deadline: float) -> LocalStatus:
    """The status of a cluster that answers. One that restarts its PostgreSQL gets time for it."""
    while True:
        found = status(knock=True)
        if found.answers:
            return found
        if not found.running or time.monotonic() + _KNOCK_PAUSE_S > deadline:
            raise LocalClusterFailed(
                f"The local cluster runs and does not answer: {found.problem or 'it ended'}.",
                hint=f"{HOW_TO_MEND} Its log is {found.log}.",
            )
        time.sleep(_KNOCK_PAUSE_S)


def _is_ready(state: StateFolder) -> bool:
    if not is_locked(state.daemon_lock):
        return False
    listening = state.listening()
    return listening is not None and listening.running


@contextlib.contextmanager
def _readable(state: StateFolder) -> Generator[None, None, None]:
    try:
        with state.usable():
            yield
    except (ValueError, TypeError) as error:
        raise LocalClusterFailed(
            f"A file in the local cluster's folder {state.root} is damaged.",
            hint="Stop the cluster, remove the folder and start again: its data are lost.",
        ) from error


@contextlib.contextmanager
def _sole_caretaker(state: StateFolder, deadline: float) -> Generator[None, None, None]:
    """Let one process at a time start, stop or reset the cluster; the others wait."""
    with state.usable():
        lock = take_lock(state.lifecycle_lock, timeout_s=max(0.0, deadline - time.monotonic()))
    if lock is None:
        raise LocalClusterFailed("Another process is starting or stopping the local cluster.")
    try:
        yield
    finally:
        os.close(lock)


def _tell(state: StateFolder, change: int, deadline: float) -> None:
    """Have the running cluster read its faults; wait until it has."""
    _signal(state)
    while _is_ready(state):
        listening = state.listening()
        if listening is not None and listening.faults_change == change:
            return
        if time.monotonic() > deadline:
            raise LocalClusterFailed(
                "The local cluster did not take notice of its faults in time.",
                hint=f"Its log is {state.log}.",
            )
        time.sleep(_POLL_S)


def _signal(state: StateFolder) -> None:
    """Have the running cluster look into its folder, and say what its sessions do."""
    listening = state.listening()
    if listening is not None and listening.pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(listening.pid, signal.SIGHUP)


def _launch(state: StateFolder, deadline: float, *, trace: bool) -> None:
    """Start the daemon, detached, and wait until it is ready or has ended.

    It inherits the writing end of a pipe, which it closes when it is ready; the system closes it
    if it dies. Either way the reading end wakes up here.
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
                    *(sys.executable, "-P", "-m", "dsqlkit.local", "--ready-fd", str(writer)),
                    *(["--trace"] if trace else []),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=for_daemon(os.environ),
                pass_fds=(writer,),
                start_new_session=True,
                check=True,
            )
        os.close(writer)
        select.select([reader], [], [], max(0.0, deadline - time.monotonic()))
    except subprocess.CalledProcessError as error:
        raise _failed_to_start(state) from error
    finally:
        os.close(reader)


def _stop(state: StateFolder, deadline: float) -> None:
    from dsqlkit.local.server.postgres import stop_orphan

    while is_locked(state.daemon_lock):
        listening = state.listening()
        if listening is not None and listening.running and listening.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(listening.pid, signal.SIGTERM)
            _wait_until_ended(state, listening.pid, deadline)
        elif time.monotonic() > deadline:
            raise LocalClusterFailed("The local cluster is still starting; it was not stopped.")
        time.sleep(_POLL_S)
    stop_orphan(state, timeout_s=max(1.0, deadline - time.monotonic()))
    state.forget_process()


def _wait_until_ended(state: StateFolder, pid: int, deadline: float) -> None:
    while is_locked(state.daemon_lock):
        if time.monotonic() > deadline:
            raise LocalClusterFailed(
                f"The local cluster (process {pid}) did not stop in time.",
                hint=f"Its log is {state.log}.",
            )
        time.sleep(_POLL_S)


def _failed_to_start(state: StateFolder) -> LocalClusterFailed:
    from dsqlkit.local.log import last_lines

    lines = "\n".join(last_lines(state.log, _LOG_LINES_SHOWN))
    told = f"Its last words:\n{lines}" if lines else "It could write nothing to its log."
    hint = f"The whole log is {state.log}."
    # The server's files may lie elsewhere, behind a link.
    for folder in (state.root, state.server):
        if folder.exists() and (free := shutil.disk_usage(folder).free) < _LITTLE_ROOM_BYTES:
            hint = f"The disk of {folder} is full, or nearly: {free / 1e6:.1f} MB are free."
    return LocalClusterFailed(f"The local cluster ended while starting. {told}", hint=hint)

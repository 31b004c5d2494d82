"""Starting, stopping and looking at the local cluster, from any process of this user.

The cluster is a process of its own (`dsqlkit.local.daemon`). The functions here only start it,
signal it and read what it left in its state folder.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path

from dsqlkit.endpoint import LOCAL_REGION, LocalAddress
from dsqlkit.errors import LocalClusterFailed
from dsqlkit.local import process
from dsqlkit.local.faults import Faults
from dsqlkit.local.port import check_free, check_port
from dsqlkit.local.process import POLL_S, ask, end, is_ready, readable, sole_caretaker
from dsqlkit.local.sessions import SessionStatus
from dsqlkit.local.state import HOST, Listening, StateFolder, is_locked

HOW_TO_MEND = "`dsqlkit local stop`, then `dsqlkit local start`: the data stay."
"""What to do with a cluster that runs and does not answer."""

_SHORT_POLL_S = 0.001
_LEAVING_LIMIT_S = 1.0
_KNOCK_LIMIT_S = 3.0
_KNOCK_PAUSE_S = 0.25
_MEND_LIMIT_S = 10.0


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
    with readable(state):
        known = state.address() if is_ready(state) else None
    if known is None:
        start(timeout_s=timeout_s)
        known = state.address()
        assert known is not None
    return known


def address() -> LocalAddress | None:
    """How to reach the local cluster if it was ever started, running or not; else None."""
    state = StateFolder.default()
    with readable(state):
        return state.address()


def status(*, knock: bool = False) -> LocalStatus:
    """The local cluster as it is now. Starts nothing; with `knock` it signs in once to a running
    one, which takes at most a few seconds."""
    state = StateFolder.default()
    with readable(state):
        listening = state.listening() if is_ready(state) else None
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
    with readable(state):
        if not is_ready(state):
            return ()
        before = state.sessions_version()
        ask(state)
        while state.sessions_version() == before:
            if not is_ready(state):
                return ()
            if time.monotonic() > deadline:
                raise LocalClusterFailed(
                    f"The local cluster did not say within {timeout_s:g} s what its sessions do.",
                    hint=f"One that an older dsqlkit started cannot: {HOW_TO_MEND}",
                )
            time.sleep(POLL_S)
        return state.sessions()


def start(*, timeout_s: float = 60.0, trace: bool = False, port: int | None = None) -> LocalStatus:
    """Start the local cluster unless it runs already, and sign in to it once.

    With `trace` its log has a line for each turn of each session, without data and secrets. With
    `port` it listens there, and nowhere else from then on; 0 is any port that is free. One that
    runs elsewhere moves there, unless it has clients.

    Raises UsageError for what is no port, and LocalClusterFailed when it cannot listen there, when
    it runs already without the `trace` that is wanted, when its folder cannot be used, when it does
    not come up within `timeout_s` seconds, when it ends while starting (with the last lines of its
    log), or when it runs and no client can sign in.
    """
    if port is not None:
        check_port(port)
    state = StateFolder.default()
    deadline = time.monotonic() + timeout_s
    state.create()
    with sole_caretaker(state, deadline):
        if port is not None:
            _choose_port(state, port, deadline)
        listening = state.listening()
        if listening is not None and listening.port_is_kept and not is_locked(state.daemon_lock):
            check_free(listening.port)
        process.start(state, timeout_s, *(["--trace"] if trace else []))
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
        with sole_caretaker(state, deadline):
            end(state, deadline)
    return status()


def reset(*, timeout_s: float = 30.0, keep_running: bool = False) -> LocalStatus:
    """Remove the local cluster's data, switch its faults off; its port and keys stay.

    It is stopped, unless it is to keep running: then its sessions are closed, and those who come
    meanwhile wait until it is empty.

    Raises LocalClusterFailed when it does not stop, or when its data cannot be removed.
    """
    from dsqlkit.local.server.home import remove_home

    state = StateFolder.default()
    if state.root.is_dir():
        deadline = time.monotonic() + timeout_s
        with sole_caretaker(state, deadline), state.usable():
            if keep_running and is_ready(state):
                _empty(state, deadline)
            else:
                end(state, deadline)
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
    with sole_caretaker(state, deadline), readable(state):
        change = state.save_faults(faults)
        if is_ready(state):
            _tell(state, change, deadline)
    return status()


def log_file() -> Path:
    """The log of the local cluster and of its PostgreSQL server. It may not exist yet."""
    return StateFolder.default().log


def _choose_port(state: StateFolder, port: int, deadline: float) -> None:
    """Write down where the cluster is to listen, and stop one that listens elsewhere."""
    listening = state.listening()
    if listening is not None and is_ready(state) and port not in (0, listening.port):
        clients = _clients_that_stay(state, time.monotonic() + _LEAVING_LIMIT_S)
        if clients:
            raise LocalClusterFailed(
                f"The local cluster runs on port {listening.port} and has clients ({clients}).",
                hint="Stop it first: `dsqlkit local stop`. The data stay.",
            )
        check_free(port)
        end(state, deadline)
        listening = state.listening()
    known = listening or Listening(port)
    state.save_listening(replace(known, port=port or known.port, port_is_kept=port != 0))


def _clients_that_stay(state: StateFolder, deadline: float) -> int:
    """How many clients there are; one that has hung up just now is not one."""
    while True:
        clients = int(state.connection_count.read_text() or 0)
        if not clients or time.monotonic() > deadline:
            return clients
        time.sleep(POLL_S)


def _empty(state: StateFolder, deadline: float) -> None:
    """Have the running cluster empty itself; wait until it has."""
    wanted = state.want_emptying()
    ask(state)
    while is_ready(state):
        listening = state.listening()
        if listening is not None and listening.emptied == wanted:
            return
        if time.monotonic() > deadline:
            raise LocalClusterFailed(
                "The local cluster did not empty itself in time.", hint=f"Its log is {state.log}."
            )
        time.sleep(_SHORT_POLL_S)
    raise LocalClusterFailed(
        "The local cluster ended while it was emptied.", hint=f"Its log is {state.log}."
    )


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


def _tell(state: StateFolder, change: int, deadline: float) -> None:
    """Have the running cluster read its faults; wait until it has."""
    ask(state)
    while is_ready(state):
        listening = state.listening()
        if listening is not None and listening.faults_change == change:
            return
        if time.monotonic() > deadline:
            raise LocalClusterFailed(
                "The local cluster did not take notice of its faults in time.",
                hint=f"Its log is {state.log}.",
            )
        time.sleep(POLL_S)

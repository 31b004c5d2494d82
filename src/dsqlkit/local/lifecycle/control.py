"""Starting, stopping and changing the local cluster, one caretaker at a time."""

import os
import time
from dataclasses import replace
from typing import Final

from dsqlkit.endpoint import LocalAddress
from dsqlkit.errors import LocalClusterFailed
from dsqlkit.file_lock import is_locked
from dsqlkit.local.faults import Faults
from dsqlkit.local.lifecycle import process
from dsqlkit.local.lifecycle.process import POLL_S, ask, end, is_ready, readable, sole_caretaker
from dsqlkit.local.lifecycle.status import LocalStatus, answering, status
from dsqlkit.local.port import check_free, check_port
from dsqlkit.local.state import Listening, StateFolder

_SHORT_POLL_S: Final = 0.001
_LEAVING_LIMIT_S: Final = 1.0
_MEND_LIMIT_S: Final = 10.0


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
        options = ["--trace"] if trace else []
        process.start(state, timeout_s, *options, *_data_to_begin_with(state))
        listening = state.listening()
        if trace and listening is not None and not listening.traces:
            raise LocalClusterFailed(
                "The local cluster runs already, without a trace.",
                hint="`dsqlkit local stop`, then `dsqlkit local start --trace`: the data stay.",
            )
        return answering(min(deadline, time.monotonic() + _MEND_LIMIT_S))


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


def _data_to_begin_with(state: StateFolder) -> list[str]:
    """The option that has a first start copy the data that `own_cluster` has left, if any."""
    if os.path.lexists(state.server):
        return []
    from dsqlkit.local.server.template import is_made

    template = process.template()
    return ["--template", str(template)] if is_made(template) else []


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

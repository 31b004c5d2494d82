"""Looking at the local cluster: whether it runs and answers, and what its sessions do."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from dsqlkit.endpoint import LOCAL_REGION, LocalAddress
from dsqlkit.errors import LocalClusterFailed
from dsqlkit.local.faults import Faults
from dsqlkit.local.lifecycle.process import POLL_S, ask, is_ready, readable
from dsqlkit.local.sessions import SessionStatus
from dsqlkit.local.state import HOST, StateFolder

HOW_TO_MEND: Final = "`dsqlkit local stop`, then `dsqlkit local start`: the data stay."
"""What to do with a cluster that runs and does not answer."""

_KNOCK_LIMIT_S: Final = 3.0
_KNOCK_PAUSE_S: Final = 0.25


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
    from dsqlkit.local.lifecycle.knock import why_not

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


def answering(deadline: float) -> LocalStatus:
    """The status of a cluster that answers. One that restarts its PostgreSQL gets time for it.

    Raises LocalClusterFailed when it still does not at `deadline`, in time.monotonic()'s seconds.
    """
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


def log_file() -> Path:
    """The log of the local cluster and of its PostgreSQL server. It may not exist yet."""
    return StateFolder.default().log

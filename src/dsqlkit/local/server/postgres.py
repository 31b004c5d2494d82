"""The embedded PostgreSQL server: starting it, stopping it.

It listens only on a unix socket in a private folder (see home.py).
"""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

from dsqlkit.errors import LocalClusterFailed
from dsqlkit.local.server import files
from dsqlkit.local.server.data import prepare
from dsqlkit.local.server.home import SOCKET_NAME, ServerHome
from dsqlkit.local.state import StateFolder
from dsqlkit.whole_file import write_whole

_POLL_S: Final = 0.005
_START_LIMIT_S: Final = 30.0
_QUIT_LIMIT_S: Final = 5.0


class Server:
    """A running server. The process that started it must stop it."""

    def __init__(self, process: "subprocess.Popen[bytes]", home: ServerHome) -> None:
        self.process = process
        self.socket_folder = home.socket_folder
        self.socket = home.socket_folder / SOCKET_NAME
        self._home = home

    def why_lost(self) -> str | None:
        """Why no new session can come to it any more, or None."""
        if self.process.poll() is not None:
            return "PostgreSQL ended by itself"
        if not self.socket.exists():
            return f"PostgreSQL's socket {self.socket} is gone"
        return None

    def stop(self, *, timeout_s: float = 10.0, at_once: bool = False) -> None:
        """Stop the server, ending its sessions; after `timeout_s` seconds without mercy.

        `at_once` is for one whose data is not needed any more.
        """
        gently = () if at_once else (signal.SIGINT,)
        for number in (*gently, signal.SIGQUIT, signal.SIGKILL):
            self.process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout_s if number != signal.SIGQUIT else _QUIT_LIMIT_S)
                break
        self._home.remove_socket_folder()
        self._home.release()


def start(state: StateFolder, template: Path | None = None) -> Server:
    """Start the server, making its data first if there are none.

    New data, and the programs, are those of the folder `template` where one is given.

    Raises LocalClusterFailed when the programs are missing or the server does not come up.
    """
    home = ServerHome.of(state)
    stop_orphan(state, timeout_s=_START_LIMIT_S)
    home.take()
    try:
        programs = prepare(home, template)
        home.make_socket_folder()
        for name, text in files.configuration(home.socket_folder).items():
            write_whole(home.data / name, text)
            home.give(home.data / name)
        process = home.spawn([str(programs / "postgres"), "-D", str(home.data)])
        _put_behind_endpoint(process.pid)
    except BaseException:
        home.release()
        raise
    server = Server(process, home)
    try:
        _wait_until_ready(process, home.data)
    except BaseException:
        server.stop()
        raise
    return server


def stop_orphan(state: StateFolder, *, timeout_s: float) -> None:
    """Stop a server whose parent was killed. It holds the lock of its home.

    Raises LocalClusterFailed when it does not end within `timeout_s` seconds.
    """
    if not state.server.is_dir():
        return
    home = ServerHome(state.server.resolve())
    deadline = time.monotonic() + timeout_s
    signalled = False
    while home.is_in_use:
        if time.monotonic() > deadline:
            raise LocalClusterFailed("A PostgreSQL server left by a killed cluster does not stop.")
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
            pid = int((home.data / "postmaster.pid").read_text().split("\n", 1)[0])
            if pid > 0 and not signalled:  # below 0 it is in single-user mode, and soon done
                os.kill(pid, signal.SIGINT)
                signalled = True
        time.sleep(_POLL_S)


def _put_behind_endpoint(pid: int) -> None:
    """Let a backend that wakes up wait for the end of the endpoint's turn on a processor.

    The endpoint, one process, hands all that waits for it what it has, and stops for each of them
    otherwise: with eight clients a fifth fewer transactions came of that.
    """
    if hasattr(os, "sched_setscheduler"):
        with contextlib.suppress(OSError):  # not everywhere is that allowed, and it only saves time
            os.sched_setscheduler(pid, os.SCHED_BATCH, os.sched_param(0))


def _wait_until_ready(process: "subprocess.Popen[bytes]", data: Path) -> None:
    deadline = time.monotonic() + _START_LIMIT_S
    while True:
        if process.poll() is not None:
            raise LocalClusterFailed("PostgreSQL ended while starting.")
        with contextlib.suppress(FileNotFoundError):
            # The postmaster's own status is the eighth line, padded; an old file has another pid.
            lines = (data / "postmaster.pid").read_text().split("\n")
            if lines[0] == str(process.pid) and lines[7:8] and lines[7].strip() == "ready":
                return
        if time.monotonic() > deadline:
            raise LocalClusterFailed(f"PostgreSQL was not ready after {_START_LIMIT_S:g} s.")
        time.sleep(_POLL_S)

"""The embedded PostgreSQL server: one folder, reached only through a unix socket inside it.

PostgreSQL refuses to run as root. Run by root (containers, CI), the server belongs to `nobody`,
who can enter neither a state folder below /root nor any other private one. Its files are then
in a private folder of their own below /var/lib, owned by that account, and `server` in the state
folder is a link to it; no folder of the user is opened up. Run by anyone else, `server` is a plain
folder inside the state folder.
"""

import contextlib
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from dsqlkit.errors import LocalClusterFailed
from dsqlkit.local import server_files
from dsqlkit.local.state import StateFolder, is_locked, take_lock, write_whole

SUPERUSER: Final = "dsqlkit"
"""The server's own superuser. No client can sign in as it."""

SOCKET_NAME: Final = ".s.PGSQL.5432"

_POLL_S = 0.005
_START_LIMIT_S = 30.0
_SOCKET_PATH_BYTES = 107
_FOLDERS_FOR_ROOT = ("/var/lib", "/var/db", "/tmp")  # noqa: S108 - made by mkdtemp, mode 0700
_PR_SET_PDEATHSIG = 1


class Server:
    """A running server, listening in `socket_folder`. The process that started it must stop it."""

    def __init__(self, process: "subprocess.Popen[bytes]", home: Path, lock: int) -> None:
        self.process = process
        self.socket_folder = home / "socket" if (home / "socket").is_symlink() else home
        self._home = home
        self._lock: int | None = lock

    def stop(self, *, timeout_s: float = 10.0) -> None:
        """Stop the server, ending its sessions; after `timeout_s` seconds without mercy."""
        if self._lock is None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(timeout_s)
        os.close(self._lock)
        self._lock = None
        _remove_linked(self._home / "socket")


def start(state: StateFolder) -> Server:
    """Start the server, making its data first if there are none.

    Raises LocalClusterFailed when the binaries are missing or the server does not come up.
    """
    home = _home(state)
    stop_orphan(state, timeout_s=_START_LIMIT_S)
    account = _Account.of(home)
    binaries = server_files.binaries(home, account.run, account.own)
    data = home / "data"
    if not data.exists():
        _make_data(binaries, data, account)
    _update_catalog(binaries, data, account)
    socket_folder = _socket_folder(home)
    account.own(socket_folder)
    for name, text in server_files.configuration(socket_folder).items():
        write_whole(data / name, text)
        account.own(data / name)
    lock = take_lock(home / "server.lock", timeout_s=1.0)
    if lock is None:
        raise LocalClusterFailed("Another PostgreSQL server is using the local cluster's data.")
    process = account.spawn([str(binaries / "postgres"), "-D", str(data)], lock)
    try:
        _wait_until_ready(process, data)
    except BaseException:
        process.kill()
        process.wait()
        os.close(lock)
        raise
    return Server(process, home, lock)


def stop_orphan(state: StateFolder, *, timeout_s: float) -> None:
    """Stop a server whose daemon was killed. It still holds the lock that it inherited.

    Raises LocalClusterFailed when it does not end within `timeout_s` seconds.
    """
    home = state.server.resolve()
    deadline = time.monotonic() + timeout_s
    signalled = False
    while is_locked(home / "server.lock"):
        if time.monotonic() > deadline:
            raise LocalClusterFailed("A PostgreSQL server left by a killed cluster does not stop.")
        if not signalled:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
                pid = int((home / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
                os.kill(pid, signal.SIGINT)
                signalled = True
        time.sleep(_POLL_S)


def remove_home(state: StateFolder) -> None:
    """Remove the server's files. The server must not run."""
    home = state.server.resolve()
    _remove_linked(home / "socket")
    if state.server.is_symlink():
        state.server.unlink()
    if home.exists():
        shutil.rmtree(home)


class _Account:
    """The account that runs the server: ourselves, or for root the owner of the server's folder."""

    def __init__(self, uid: int | None, gid: int | None) -> None:
        self._uid = uid
        self._gid = gid

    @classmethod
    def of(cls, home: Path) -> "_Account":
        if os.geteuid() != 0:
            return cls(None, None)
        found = home.stat()
        return cls(found.st_uid, found.st_gid)

    def own(self, path: Path) -> None:
        """Give the account a file or folder that we made for it."""
        if self._uid is not None and self._gid is not None:
            os.chown(path, self._uid, self._gid)

    def run(self, command: list[str], text: str = "") -> "subprocess.CompletedProcess[str]":
        """Run a short command to its end as the account."""
        return subprocess.run(  # noqa: S603 - PostgreSQL's own programs
            command,
            input=text,
            capture_output=True,
            text=True,
            cwd="/",
            timeout=_START_LIMIT_S,
            check=False,
            user=self._uid,
            group=self._gid,
            extra_groups=None if self._uid is None else [],
        )

    def run_or_fail(self, command: list[str], text: str) -> None:
        """The same, raising LocalClusterFailed with what the command said when it fails."""
        done = self.run(command, text)
        if done.returncode != 0:
            raise LocalClusterFailed(f"PostgreSQL could not make its data:\n{done.stderr.strip()}")

    def spawn(self, command: list[str], inherited: int) -> "subprocess.Popen[bytes]":
        """Start a long-lived command as the account; its output goes where ours goes."""
        return subprocess.Popen(  # noqa: S603 - PostgreSQL's own program
            command,
            stdin=subprocess.DEVNULL,
            cwd="/",
            pass_fds=(inherited,),
            start_new_session=True,
            preexec_fn=_end_with_parent(),  # noqa: PLW1509 - no thread has been started yet
            user=self._uid,
            group=self._gid,
            extra_groups=None if self._uid is None else [],
        )


def _home(state: StateFolder) -> Path:
    if not state.server.is_dir():
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            home = _private_folder(_FOLDERS_FOR_ROOT)
            os.chown(home, nobody.pw_uid, nobody.pw_gid)
            state.server.unlink(missing_ok=True)
            state.server.symlink_to(home)
        else:
            state.server.mkdir(mode=0o700)
    return state.server.resolve()


def _private_folder(parents: tuple[str, ...]) -> Path:
    """A new folder of mode 0700 in the first of these folders that will have it."""
    for parent in parents:
        with contextlib.suppress(OSError):
            return Path(tempfile.mkdtemp(prefix="dsqlkit-", dir=parent))
    raise LocalClusterFailed(f"No folder can be made in {', '.join(parents)}.")


def _socket_folder(home: Path) -> Path:
    """A private folder whose path leaves room for the socket's name within the system's limit.

    Where that is not the server's own folder, a link in there remembers it.
    """
    if len(os.fsencode(home / SOCKET_NAME)) <= _SOCKET_PATH_BYTES:
        return home
    link = home / "socket"
    _remove_linked(link)
    folder = _private_folder((tempfile.gettempdir(), "/tmp"))  # noqa: S108 - made by mkdtemp
    link.symlink_to(folder)
    return folder


def _remove_linked(link: Path) -> None:
    if link.is_symlink():
        shutil.rmtree(link.resolve(), ignore_errors=True)
        link.unlink()


def _make_data(binaries: Path, data: Path, account: _Account) -> None:
    """Make the data folder with its first role; it appears under its name when complete."""
    unfinished = data.with_name("data.new")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    initdb = [str(binaries / "initdb"), "-D", str(unfinished), *server_files.initdb_options()]
    account.run_or_fail(initdb, "")
    _run_script(binaries, unfinished, account, server_files.script("roles.sql"))
    unfinished.rename(data)


def _update_catalog(binaries: Path, data: Path, account: _Account) -> None:
    """Bring the system schema to this version of dsqlkit, if the data are new or of another."""
    catalog = server_files.script("catalog.sql") + server_files.script("adjudication.sql")
    digest = hashlib.sha256(catalog.encode()).hexdigest()
    known = data.with_name("catalog")
    if not known.exists() or known.read_text() != digest:
        _run_script(binaries, data, account, catalog)
        write_whole(known, digest)


def _run_script(binaries: Path, data: Path, account: _Account, text: str) -> None:
    single = [str(binaries / "postgres"), "--single", "-j", "-D", str(data)]
    account.run_or_fail([*single, "-c", "exit_on_error=on", "postgres"], text)


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


def _end_with_parent() -> Callable[[], None] | None:
    """On Linux, have the system stop the server when our process is killed."""
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT))

    return ask

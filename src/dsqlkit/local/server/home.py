"""Where the server's files are, and as whom it runs.

PostgreSQL refuses to run as root. Run by anyone else, it runs as that user and its home is the
folder `server` in the state folder. Run by root (containers, CI), it runs as `nobody`, who can
enter neither a state folder below /root nor any other private one: its home is then a private
folder below /var/lib, and `server` is a link to it. No folder of the user is opened up.
"""

import contextlib
import os
import pwd
import shutil
import tempfile
from pathlib import Path
from subprocess import DEVNULL, CompletedProcess, Popen, run
from typing import Final

from dsqlkit.errors import LocalClusterFailed
from dsqlkit.file_lock import is_locked, take_lock
from dsqlkit.local.environment import FOR_POSTGRES
from dsqlkit.local.server.pdeathsig import end_with_parent
from dsqlkit.local.state import StateFolder
from dsqlkit.whole_file import write_whole

SOCKET_NAME: Final = ".s.PGSQL.5432"

_FOLDERS_FOR_ROOT: Final = ("/var/lib", "/var/db", "/tmp")  # noqa: S108 - made by mkdtemp
_PREFIX: Final = "dsqlkit-"
_OF: Final = "of"
_LOCK: Final = "server.lock"
_SOCKET_PATH_BYTES: Final = 103  # of macOS; Linux takes 107
_RUN_LIMIT_S: Final = 60.0


class ServerHome:
    """The folder of the server's files, for the account that owns it.

    Programs run here inherit its lock: whoever finds it taken knows that one of them lives, even if
    the process that started it does not.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = path / "data"
        self.catalog = path / "catalog"
        """Says which version of the system schema the data have."""
        self._lock = path / _LOCK
        self._held: int | None = None
        self._socket_link = path / "socket"
        self._uid: int | None = None
        self._gid: int | None = None
        if os.geteuid() == 0:
            found = path.stat()
            self._uid, self._gid = found.st_uid, found.st_gid

    @classmethod
    def of(cls, state: StateFolder) -> "ServerHome":
        """The home of this state folder's server, made if there is none.

        Raises LocalClusterFailed when it cannot be made.
        """
        if not state.server.is_dir():
            if os.geteuid() == 0:
                _remove_abandoned()
                state.server.unlink(missing_ok=True)
                state.server.symlink_to(_new_home_for_nobody(state))
            else:
                state.server.mkdir(mode=0o700)
        return cls(state.server.resolve())

    @property
    def is_in_use(self) -> bool:
        """Whether the lock is held, by us or by another."""
        return bool(is_locked(self._lock))

    def take(self, *, timeout_s: float = 1.0) -> None:
        """Take the lock. Raises LocalClusterFailed when another holds it for all that time."""
        self._held = take_lock(self._lock, timeout_s=timeout_s)
        if self._held is None:
            raise LocalClusterFailed("Another PostgreSQL server is using the local cluster's data.")

    def release(self) -> None:
        """Let go of the lock; programs that still run hold it on."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def forget_killed(self) -> None:
        """Remove the notes of a server that was killed, for the holder of the lock.

        PostgreSQL would take it for alive where a process of the same account has its number now.
        """
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        (self.socket_folder / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)

    @property
    def socket_folder(self) -> Path:
        """Where the server listens."""
        return self._socket_link.resolve() if self._socket_link.is_symlink() else self.path

    def make_socket_folder(self) -> None:
        """See to it that the socket's path is within the system's limit.

        Where this folder's own path is too long, a private one with a short path is made, and a
        link in here remembers it.
        """
        self.remove_socket_folder()
        if len(os.fsencode(self.path / SOCKET_NAME)) > _SOCKET_PATH_BYTES:
            folder = _private_folder((tempfile.gettempdir(), "/tmp"))  # noqa: S108
            self.give(folder)
            self._socket_link.symlink_to(folder)

    def remove_socket_folder(self) -> None:
        """Undo `make_socket_folder`."""
        if self._socket_link.is_symlink():
            shutil.rmtree(self._socket_link.resolve(), ignore_errors=True)
            self._socket_link.unlink()

    def give(self, path: Path) -> None:
        """Make a file or folder the account's own."""
        if self._uid is not None and self._gid is not None:
            os.chown(path, self._uid, self._gid)

    def run(self, command: list[str], text: str = "") -> "CompletedProcess[str]":
        """Run a program to its end as the account, with `text` as its input."""
        return run(  # noqa: S603 - PostgreSQL's own programs
            command,
            input=text,
            capture_output=True,
            text=True,
            cwd="/",
            env=FOR_POSTGRES,
            timeout=_RUN_LIMIT_S,
            check=False,
            pass_fds=self._inherited(),
            user=self._uid,
            group=self._gid,
            extra_groups=None if self._uid is None else [],
        )

    def spawn(self, command: list[str]) -> "Popen[bytes]":
        """Start a program as the account, its output where ours goes, to end when we are killed."""
        return Popen(  # noqa: S603 - PostgreSQL's own program
            command,
            stdin=DEVNULL,
            cwd="/",
            env=FOR_POSTGRES,
            pass_fds=self._inherited(),
            start_new_session=True,
            preexec_fn=end_with_parent(),  # noqa: PLW1509 - no thread has been started yet
            user=self._uid,
            group=self._gid,
            extra_groups=None if self._uid is None else [],
        )

    def _inherited(self) -> tuple[int, ...]:
        return () if self._held is None else (self._held,)


def remove_home(state: StateFolder) -> None:
    """Remove the server's files. The server must not run."""
    if not state.server.is_dir():
        return
    home = ServerHome(state.server.resolve())
    home.remove_socket_folder()
    if state.server.is_symlink():
        state.server.unlink()
    shutil.rmtree(home.path)


def _new_home_for_nobody(state: StateFolder) -> Path:
    home = _private_folder(_FOLDERS_FOR_ROOT)
    write_whole(home / _OF, str(state.root))
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    return home


def _remove_abandoned() -> None:
    """Remove homes below /var/lib whose state folder was removed without a reset.

    Nothing can reach their data any more: how to get there, and the key pair, went with it.
    """
    for parent in _FOLDERS_FOR_ROOT:
        for home in Path(parent).glob(f"{_PREFIX}*"):
            with contextlib.suppress(OSError):
                owner = Path((home / _OF).read_text())
                if not os.path.lexists(owner) and not is_locked(home / _LOCK):
                    shutil.rmtree(home)


def _private_folder(parents: tuple[str, ...]) -> Path:
    """A new folder of mode 0700 in the first of these folders that will have it."""
    for parent in parents:
        with contextlib.suppress(OSError):
            return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    raise LocalClusterFailed(f"No folder can be made in {', '.join(parents)}.")

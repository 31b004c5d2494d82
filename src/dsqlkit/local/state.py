"""The state folder: what the local cluster keeps between runs, and the locks around it.

Everything lives in one private folder (mode 0700) under the user's data folder. Who holds
`daemon.lock` is running; `endpoint.json` says where, and is believed only while the lock is held.

Another version of dsqlkit may have written what is read here, or read what is written: a field that
is new has a default, and one that is not known is passed over.
"""

import contextlib
import errno
import json
import os
from collections.abc import Generator, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import platformdirs

from dsqlkit.endpoint import LOCAL_REGION, LocalAddress
from dsqlkit.errors import LocalClusterFailed, UsageError
from dsqlkit.local.environment import FOLDER_VARIABLE
from dsqlkit.local.faults import Faults
from dsqlkit.local.sessions import SessionStatus
from dsqlkit.whole_file import write_whole

HOST = "localhost"
_IN_THE_WAY = (FileExistsError, NotADirectoryError)


@dataclass(frozen=True, slots=True)
class Listening:
    """The content of `endpoint.json`. The port outlives the process that listened on it.

    `faults_change` is the number of the change of faults that it heard of last, `emptied` that of
    the wish to be emptied. `traces`: its log has a line for each turn of each session.
    `port_is_kept`: somebody chose the port, and it is not to listen on another.
    """

    port: int
    running: bool = False
    pid: int | None = None
    started_at: str | None = None
    server_version: str | None = None
    faults_change: int = 0
    traces: bool = False
    emptied: int = 0
    port_is_kept: bool = False


@dataclass(frozen=True, slots=True)
class Credentials:
    """The key pair that tokens for this cluster are signed with, random per state folder."""

    access_key_id: str
    secret_access_key: str

    def __repr__(self) -> str:
        return f"Credentials(access_key_id={self.access_key_id!r})"


_Content = TypeVar("_Content", Listening, Credentials, SessionStatus)


def _check_name(folder: Path) -> None:
    """Raise OSError for a name whose bytes are no text: the cluster's files have to say it."""
    try:
        str(folder).encode()
    except UnicodeEncodeError as error:
        raise OSError(errno.EILSEQ, "its name is not UTF-8 text") from error


class StateFolder:
    """The files of one local cluster. Making one touches nothing on disk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log = root / "local.log"
        self.certificate_authority = root / "ca.pem"
        self.certificate_authority_key = root / "ca.key"
        self.certificate = root / "server.pem"
        self.server = root / "server"
        self.daemon_lock = root / "daemon.lock"
        self.lifecycle_lock = root / "lifecycle.lock"
        self.connection_count = root / "connections"
        self._endpoint = root / "endpoint.json"
        self._credentials = root / "credentials.json"
        self._faults = root / "faults.json"
        self._sessions = root / "sessions.json"
        self._emptying = root / "emptying"

    @classmethod
    def default(cls) -> "StateFolder":
        """The folder of this user, or below XDG_DATA_HOME where that is set.

        In the processes of a cluster that is not the user's usual one, that cluster's folder.
        """
        if named := os.environ.get(FOLDER_VARIABLE):
            return cls(Path(named))
        return cls(Path(platformdirs.user_data_dir("dsqlkit")) / "local")

    def create(self) -> None:
        """Make the folder if it is missing. Raises LocalClusterFailed when that is impossible."""
        with self.usable():
            _check_name(self.root)
            self.root.parent.mkdir(parents=True, exist_ok=True)
            self.root.mkdir(mode=0o700, exist_ok=True)
            if self.root.stat().st_mode & 0o077:
                self.root.chmod(0o700)
            if not os.access(self.root, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    @contextlib.contextmanager
    def usable(self) -> Generator[None, None, None]:
        """Turn the system's refusals (no permission, no space, a file in the way) into ours."""
        try:
            yield
        except OSError as error:
            why = "a file is in its way" if isinstance(error, _IN_THE_WAY) else error.strerror
            raise LocalClusterFailed(
                f"The local cluster's folder {self.root} cannot be used: {why}.",
                hint="Make the folder writable, or set XDG_DATA_HOME to one that is.",
            ) from error

    def listening(self) -> Listening | None:
        """What `endpoint.json` says, or None before the first start."""
        known = _read_json(self._endpoint)
        return None if known is None else _of(Listening, known)

    def save_listening(self, listening: Listening) -> None:
        write_whole(self._endpoint, json.dumps(asdict(listening)))

    def forget_process(self) -> None:
        """Mark the cluster as stopped, keeping its port for the next start."""
        listening = self.listening()
        if listening is not None and listening.running:
            self.save_listening(replace(listening, running=False, pid=None, started_at=None))

    def credentials(self) -> Credentials | None:
        known = _read_json(self._credentials)
        return None if known is None else _of(Credentials, known)

    def save_credentials(self, credentials: Credentials) -> None:
        write_whole(self._credentials, json.dumps(asdict(credentials)))

    def faults(self) -> Faults:
        """The faults that are switched on."""
        return self._known_faults()[1]

    def faults_change(self) -> int:
        """How often they were changed."""
        return self._known_faults()[0]

    def save_faults(self, faults: Faults) -> int:
        """Change the faults; the number of this change."""
        change = self.faults_change() + 1
        write_whole(self._faults, json.dumps({"change": change, "faults": faults.on}))
        return change

    def forget_faults(self) -> None:
        """Switch all faults off."""
        self._faults.unlink(missing_ok=True)

    def want_emptying(self) -> int:
        """Say that all data are to go; the number of this wish."""
        number = self.wanted_emptying() + 1
        write_whole(self._emptying, str(number))
        return number

    def wanted_emptying(self) -> int:
        """How often it was to be emptied."""
        try:
            return int(self._emptying.read_text())
        except FileNotFoundError:
            return 0

    def save_sessions(self, sessions: Iterable[SessionStatus]) -> None:
        """Write down what the sessions are doing."""
        write_whole(self._sessions, json.dumps([asdict(each) for each in sessions]))

    def sessions(self) -> tuple[SessionStatus, ...]:
        """What was written down last of the sessions."""
        known = json.loads(self._sessions.read_text())
        return tuple(
            _of(SessionStatus, {**each, "holders": tuple(each["holders"])}) for each in known
        )

    def sessions_version(self) -> tuple[int, int] | None:
        """What changes whenever they are written down anew; None before the first time."""
        try:
            found = self._sessions.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns

    def _known_faults(self) -> tuple[int, Faults]:
        known = _read_json(self._faults)
        if known is None:
            return 0, Faults()
        try:
            return int(known["change"]), Faults(**known["faults"])
        except (KeyError, UsageError) as error:
            raise ValueError(f"{self._faults} is damaged") from error

    def address(self) -> LocalAddress | None:
        """How a client reaches this cluster, or None if it was never started."""
        listening, credentials = self.listening(), self.credentials()
        if listening is None or credentials is None:
            return None
        return LocalAddress(
            host=HOST,
            port=listening.port,
            region=LOCAL_REGION,
            root_certificate=str(self.certificate_authority),
            access_key_id=credentials.access_key_id,
            secret_access_key=credentials.secret_access_key,
        )


def _of(kind: type[_Content], known: Mapping[str, Any]) -> _Content:
    """The content of a file. Raises TypeError where a field without a default is missing."""
    return kind(**{each.name: known[each.name] for each in fields(kind) if each.name in known})


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    known = json.loads(text)
    return known if isinstance(known, dict) else None

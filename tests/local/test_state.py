"""The state folder's files, written by another version of dsqlkit. Without a cluster."""

import json
from pathlib import Path

from dsqlkit.local.sessions import SessionStatus
from dsqlkit.local.state import Credentials, Listening, StateFolder

SESSION = SessionStatus(
    7, "admin", "2026-11-26T12:00:00+00:00", "open", "2026-11-26T12:00:01+00:00", "nothing", 0.0
)


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content))


def test_what_a_newer_version_wrote_is_read_as_far_as_it_is_known(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    _write(tmp_path / "endpoint.json", {"port": 5433, "running": True, "of_tomorrow": [1]})
    assert state.listening() == Listening(port=5433, running=True)
    keys = {"access_key_id": "AKIA", "secret_access_key": "no secret"}
    _write(tmp_path / "credentials.json", keys | {"of_tomorrow": "x"})
    assert state.credentials() == Credentials(**keys)
    state.save_sessions([SESSION])
    (written,) = json.loads((tmp_path / "sessions.json").read_text())
    _write(tmp_path / "sessions.json", [written | {"of_tomorrow": 1}])
    assert state.sessions() == (SESSION,)


def test_what_an_older_version_did_not_write_is_the_default(tmp_path: Path) -> None:
    _write(tmp_path / "endpoint.json", {"port": 5433})
    assert StateFolder(tmp_path).listening() == Listening(port=5433)

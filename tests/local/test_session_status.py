"""Who is connected, in which phase, waiting for whom: told from outside, and traced in the log."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from dsqlkit import local
from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint, resolve
from dsqlkit.errors import LocalClusterFailed
from dsqlkit.local import SessionStatus
from dsqlkit.token import TokenSigner
from tests.support.inside import connect_inside
from tests.support.shell import shell
from tests.support.waiting import eventually

ADD = b"UPDATE seen SET v = v + 1 WHERE id = 1"


@pytest.fixture
def sessions(endpoint: Endpoint) -> Iterator[list[Connection]]:
    """Two sessions at a table with a row."""
    signer = TokenSigner(endpoint)
    with connect(endpoint, signer) as one, connect(endpoint, signer) as other:
        one.execute("CREATE TABLE seen (id int PRIMARY KEY, v int)")
        one.execute("INSERT INTO seen VALUES (1, 0)")
        yield [one, other]
        one.rollback()
        other.rollback()
        one.execute("DROP TABLE seen")


def seen(connection: Connection) -> SessionStatus:
    (found,) = [each for each in local.sessions() if each.session == pid_of(connection)]
    return found


def pid_of(connection: Connection) -> int:
    return connection.info.backend_pid


def test_a_session_that_does_nothing(sessions: list[Connection]) -> None:
    found = seen(sessions[0])
    assert (found.role, found.phase, found.doing) == ("admin", "no transaction", "nothing")
    assert (found.for_s, found.lost, found.waiting_for, found.holders) == (0, None, None, ())
    assert found.connected_at.endswith("+00:00")


def test_a_transaction_shows_its_phase_up_to_its_end(sessions: list[Connection]) -> None:
    first, second = sessions
    first.execute("BEGIN")
    first.execute(ADD)
    assert seen(first).phase == "open"
    second.execute("BEGIN")
    second.execute(ADD)
    assert seen(first).phase == "parked"
    assert seen(second).phase in ("open", "at overlays")
    assert (seen(first).lost, seen(second).lost) == (None, None)
    second.execute("COMMIT")
    assert seen(first).lost == "change conflicts with another transaction (OC000)"
    first.execute(ADD)
    assert (seen(first).phase, seen(second).phase) == ("at overlays", "no transaction")


def test_a_failed_transaction_says_so(sessions: list[Connection]) -> None:
    first, _ = sessions
    first.execute("BEGIN")
    with pytest.raises(Exception, match="division by zero"):
        first.execute("SELECT 1 / 0")
    assert seen(first).phase == "failed"


@pytest.mark.parametrize(
    ("lock", "what"),
    [
        (b"UPDATE seen SET v = 7 WHERE id = 1", "a row of seen"),
        (b"LOCK TABLE seen IN ACCESS EXCLUSIVE MODE", "table seen"),
    ],
    ids=["row", "table"],
)
def test_a_lock_taken_behind_the_endpoint_is_explained(
    sessions: list[Connection], lock: bytes, what: str
) -> None:
    client, _ = sessions
    with closing(connect_inside()) as behind:
        behind.execute("BEGIN")
        behind.execute(lock)
        stuck = threading.Thread(target=client.execute, args=(ADD,))
        stuck.start()
        try:
            eventually(lambda: seen(client).waiting_for is not None)
            found = seen(client)
            holder = behind.info.backend_pid
            assert found.waiting_for is not None
            assert found.waiting_for.startswith(f"{what}, held by process {holder} behind the end")
            assert (found.doing, found.holders) == ("UPDATE, a limited write", (holder,))
            document = json.loads(shell("dsqlkit local status --sessions --json").stdout)
            told = {each["session"]: each for each in document["sessions"]}
            assert told[pid_of(client)]["waiting_for"] == found.waiting_for
            shown = shell("dsqlkit local status --sessions").stdout
            for line in (f"Waiting for  {what}", f"Held by  process {holder} behind the endpoint"):
                assert line in re.sub(r" {3,}", "  ", shown)
        finally:
            behind.execute("ROLLBACK")
            stuck.join()
    assert seen(client).waiting_for is None


def test_nobody_is_connected_to_a_cluster_that_does_not_run(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("none")))
    assert local.sessions() == ()


def test_a_trace_has_a_line_a_turn_and_no_data(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("traced")))
    try:
        local.start(trace=True)
        endpoint = resolve(
            "local", environ={}, start_local=local.ensure_running, local_address=local.address
        )
        with connect(endpoint) as first, connect(endpoint) as second:
            first.execute("CREATE TABLE seen (id int PRIMARY KEY, name text)")
            first.execute("INSERT INTO seen VALUES (1, 'treasure')")
            for each in (first, second):
                each.execute("BEGIN")
                each.execute("UPDATE seen SET name = 'treasure 2' WHERE id = %s", (1,))
            second.execute("COMMIT")
            with pytest.raises(Exception, match="OC000"):
                first.execute("COMMIT")
            one, two = pid_of(first), pid_of(second)
        log = local.log_file().read_text()
        for line in (
            f"session {one}: INSERT in no transaction -> STREAM",
            f"session {one}: BEGIN in no transaction -> BEGIN_AHEAD",
            f"session {one}: UPDATE in OPEN -> HOLD",
            f"session {two}: waits for session {one} (ROW)",
            f"session {one}: begins parking a transaction",
            f"session {one}: answered well in OPEN -> FINISH",
            f"session {one}: COMMIT in PARKED, lost",
        ):
            assert line in log, line
        assert "treasure" not in log
        assert endpoint.credentials is None or str(endpoint.credentials) not in log
    finally:
        local.reset()


def test_a_trace_is_not_begun_behind_the_back_of_a_cluster_that_runs(
    endpoint: Endpoint,
) -> None:
    with pytest.raises(LocalClusterFailed, match="runs already, without a trace"):
        local.start(trace=True)
    assert " -> STREAM" not in local.log_file().read_text()

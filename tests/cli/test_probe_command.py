"""`probe`: where a cluster answers otherwise than on record, and nothing left behind."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from dsqlkit import local
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import Endpoint
from dsqlkit.errors import SqlError
from dsqlkit.probing import ask, chosen
from dsqlkit.probing import record as on_record
from dsqlkit.probing.record import Answer, Probe
from tests.support.commands import Command

DSQLKIT = str(Path(sys.executable).with_name("dsqlkit"))


def schemas(connections: KeptConnection) -> list[str]:
    with connections.connection() as connection:
        rows = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'dsqlkit_p%'"
        )
        return [str(name) for (name,) in rows]


@pytest.fixture
def one_that_differs(monkeypatch: pytest.MonkeyPatch) -> Probe:
    """The record is one probe, of which another answer is on record."""
    (probe,) = [probe for probe in chosen() if probe.name == "truncate"]
    (step,) = probe.sessions[0]
    expect = Answer(sqlstate="0A000", message="another text")
    changed = replace(probe, sessions=((replace(step, expect=expect),),))
    monkeypatch.setattr(on_record, "record", lambda: (changed,))
    return changed


def test_the_local_cluster_answers_as_on_record(
    dsqlkit: Command, connections: KeptConnection
) -> None:
    told = dsqlkit("probe", "--json")
    assert told.code == 0, told.err
    document = told.document
    assert document["differences"] == []
    assert document["asked"] == len(chosen()) == document["same"] + len(document["caveats"])
    assert all(each["caveat"] for each in document["caveats"])
    assert document["server_version"].startswith("16.")
    assert datetime.fromisoformat(document["asked_at"]).tzinfo is not None
    assert f"{len(chosen())} probes" in told.err
    assert schemas(connections) == []


def test_one_group_is_asked_and_people_read_the_result(dsqlkit: Command) -> None:
    told = dsqlkit("probe", "--group", "enum", "--quiet")
    assert (told.code, told.err) == (0, "")
    assert "6 probes asked, 6 answered as on record." in told.out
    assert "Differences: none" in told.out


def test_a_difference_is_told_with_both_answers_and_ends_with_1(
    dsqlkit: Command, one_that_differs: Probe
) -> None:
    told = dsqlkit("probe", "--json")
    assert told.code == 1
    assert told.document["same"] == 0
    (found,) = told.document["differences"]
    assert found["probe"] == "truncate"
    assert found["expected"]["message"] == "another text"
    assert found["got"] == {
        "outcome": "error",
        "sqlstate": "0A000",
        "message": "unsupported statement: Truncate",
    }
    assert found["recorded"] == "2026-09-18"
    told = dsqlkit("probe")
    assert told.code == 1
    assert "Differences: 1" in told.out
    assert "recorded  0A000 another text" in told.out
    assert "answered  0A000 unsupported statement: Truncate" in told.out


def test_a_dry_run_shows_what_would_be_sent_and_contacts_nothing(
    dsqlkit: Command, own_cluster: Path
) -> None:
    shown = dsqlkit("probe", "--dry-run", "--group", "occ_conflict")
    assert shown.code == 0
    assert "DPU or more" in shown.out
    assert "DELETE FROM baseline_conflict" in shown.out
    assert ";  -- session 2" in shown.out
    planned = dsqlkit("probe", "--dry-run", "--json").document
    assert len(planned["probes"]) == len(chosen())
    assert not local.status().running


def test_an_unknown_group_is_a_usage_error(dsqlkit: Command) -> None:
    refused = dsqlkit("probe", "--group", "nothing")
    assert refused.code == 2
    assert "types" in refused.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_behind(connections: KeptConnection, number: int) -> None:
    with subprocess.Popen(
        [DSQLKIT, "probe"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as probe:
        deadline = time.monotonic() + 30
        while not schemas(connections):
            assert time.monotonic() < deadline, "no schema was made"
        probe.send_signal(number)
        probe.send_signal(number)
        out, err = probe.communicate(timeout=30)
    assert (probe.returncode, out) == (128 + number, "")
    assert "Interrupted; the schema is removed." in err
    assert schemas(connections) == []


@pytest.fixture
def left(connections: KeptConnection) -> Iterator[str]:
    name = "dsqlkit_probe_left"
    with connections.connection() as connection:
        connection.execute(f"CREATE SCHEMA {name}".encode())
        yield name
        connection.execute(f"DROP SCHEMA {name}".encode())


def test_what_a_killed_run_left_is_named(dsqlkit: Command, left: str) -> None:
    told = dsqlkit("probe", "--group", "isolation")
    assert told.code == 0
    assert left in told.err


def test_a_role_that_may_not_make_a_schema_is_told_so(
    connections: KeptConnection, endpoint: Endpoint
) -> None:
    with connections.connection() as connection:
        connection.execute("CREATE ROLE prober WITH LOGIN")
        connection.execute("AWS IAM GRANT prober TO 'arn:aws:iam::111122223333:role/prober'")
    try:
        with pytest.raises(SqlError, match="could not be made") as refused:
            ask(replace(endpoint, user="prober"), chosen(["enum"]))
        assert refused.value.sqlstate == "42501"
    finally:
        with connections.connection() as connection:
            connection.execute("AWS IAM REVOKE prober FROM 'arn:aws:iam::111122223333:role/prober'")
            connection.execute("DROP ROLE prober")

"""Faults on demand as they are kept: over restarts, until a reset, and in a damaged file."""

from pathlib import Path

import psycopg
import pytest

from dsqlkit import local
from dsqlkit.connection import connect
from dsqlkit.endpoint import resolve
from dsqlkit.errors import LocalClusterFailed
from dsqlkit.local import Faults


@pytest.mark.own_cluster
def test_faults_outlive_a_restart_and_go_with_a_reset(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    faults = Faults(conflict_every=1)
    assert local.set_faults(faults).faults == faults
    assert not local.status().running
    try:
        assert local.start().faults == faults
        own = resolve(
            "local", environ={}, start_local=local.ensure_running, local_address=local.address
        )
        with connect(own) as connection:
            connection.execute("CREATE TABLE faulty (id int PRIMARY KEY)")
            with pytest.raises(psycopg.errors.SerializationFailure):
                connection.execute("INSERT INTO faulty VALUES (1)")
        assert local.stop().faults == faults
    finally:
        assert local.reset().faults == Faults()
        monkeypatch.undo()


def test_a_damaged_file_of_faults_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    local.set_faults(Faults(commit_ms=1))
    (tmp_path / "dsqlkit" / "local" / "faults.json").write_text(
        '{"change": 1, "faults": {"commit_ms": -1}}'
    )
    with pytest.raises(LocalClusterFailed, match="damaged"):
        local.status()
    local.reset()
    assert local.status().faults == Faults()
    monkeypatch.undo()

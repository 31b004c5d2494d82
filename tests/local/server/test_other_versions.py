"""Data of another version of dsqlkit: left alone where it is newer, and said so where it fails."""

from pathlib import Path

import pytest

from dsqlkit import local
from dsqlkit.errors import ExitCode, LocalClusterFailed
from dsqlkit.local.server.home import ServerHome
from dsqlkit.local.state import StateFolder
from tests.support.inside import connect_inside
from tests.support.shell import shell


def mark() -> Path:
    return ServerHome(StateFolder.default().server.resolve()).catalog


@pytest.mark.usefixtures("local_cluster", "own_cluster")
def test_data_of_another_version_are_named_and_left_to_a_reset() -> None:
    local.start()
    with connect_inside() as connection:
        connection.execute("DROP VIEW dsqlkit.sys_object CASCADE")
        connection.execute("CREATE VIEW dsqlkit.sys_object AS SELECT 1 AS a, 2 AS b, 3 AS c")
    local.stop()
    mark().write_text("of-another-catalog 99.0.1")
    done = shell("dsqlkit balance 1")
    assert done.returncode == ExitCode.NO_CONNECTION
    assert "The local cluster's data are those of dsqlkit 99.0.1, which is newer" in done.stderr
    assert "`dsqlkit local reset`" in done.stderr
    assert mark().read_text() == "of-another-catalog 99.0.1"
    mark().write_text("of-another-catalog")
    with pytest.raises(
        LocalClusterFailed, match="another version of dsqlkit, and could"
    ) as refused:
        local.start()
    assert refused.value.hint is not None
    assert "`dsqlkit local reset`" in refused.value.hint
    local.reset()

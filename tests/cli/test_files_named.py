"""Files that a user names for ids and pages: symbolic links, and where the results go already."""

import subprocess
import sys
from pathlib import Path

import pytest

from dsqlkit.connection import KeptConnection
from tests.support.commands import Command

DSQLKIT = Path(sys.executable).with_name("dsqlkit")
FILLING = {
    "--output": ["load", "--transactions", "1", "--rows", "2", "--yes"],
    "--html": ["explain", "SELECT * FROM accounts WHERE id = 1"],
}


@pytest.mark.parametrize("option", FILLING)
@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_stays_and_its_target_is_written(
    dsqlkit: Command, bank: KeptConnection, tmp_path: Path, option: str, is_there: bool
) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    if is_there:
        target.write_text("before")
    done = dsqlkit(*FILLING[option], option, str(link))
    assert done.code == 0, done.err
    assert link.is_symlink()
    assert len(target.read_text()) > len("before")


@pytest.mark.parametrize("option", FILLING)
@pytest.mark.parametrize("name", ["out.txt", "link", "stdout"])
def test_a_file_that_the_results_go_to_is_not_replaced(
    bank: KeptConnection, tmp_path: Path, option: str, name: str
) -> None:
    out, link = tmp_path / "out.txt", tmp_path / "link"
    link.symlink_to(out)
    (tmp_path / "stdout").symlink_to("/proc/self/fd/1")
    with out.open("w") as stdout:
        ended = subprocess.run(
            [DSQLKIT, *FILLING[option], option, tmp_path / name],
            check=False,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert ended.returncode == 2
    assert "is where the results go." in ended.stderr
    assert (tmp_path / "stdout").is_symlink()
    assert out.read_text() == ""


def test_a_loop_of_links_is_no_defect(
    dsqlkit: Command, bank: KeptConnection, tmp_path: Path
) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for option, command in FILLING.items():
        assert dsqlkit(*command, option, str(loop)).code in {0, 2}

"""The script of the guide `ci`, run as a pipeline runs it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import PAGES

GUIDE = PAGES["ci"].read_text(encoding="utf-8")
(SCRIPT,) = re.findall(r"^```bash\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)

pytestmark = pytest.mark.own_cluster


def ran(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "pipeline.sh"
    file.write_text(script)
    scratch = folder / "scratch"
    scratch.mkdir()
    programs = Path(sys.executable).parent
    return subprocess.run(
        ["bash", file],
        cwd=folder,
        env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def assert_nothing_is_left(folder: Path) -> None:
    assert list((folder / "scratch").iterdir()) == []
    assert sorted(each.name for each in folder.iterdir()) == ["pipeline.sh", "scratch"]
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            found = str(folder).encode() in environment.read_bytes()
        except (PermissionError, FileNotFoundError, ProcessLookupError):
            continue
        assert not found, f"process {environment.parent.name} still runs"


@pytest.mark.slow
def test_the_script_passes_and_leaves_nothing(tmp_path: Path) -> None:
    done = ran(SCRIPT, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert_nothing_is_left(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ('"$left" 90\n', '"$left" 91\n', "the payer's balance is 90, not 91"),
        ("--amount 1000)", "--amount 50)", "the exit code is 0, not 1"),
    ],
)
def test_the_script_fails_when_something_is_not_as_expected_and_leaves_nothing(
    tmp_path: Path, right: str, wrong: str, complaint: str
) -> None:
    assert right in SCRIPT
    failed = ran(SCRIPT.replace(right, wrong), tmp_path)
    assert failed.returncode == 1
    assert complaint in failed.stderr
    assert_nothing_is_left(tmp_path)

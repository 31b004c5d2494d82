"""Results and pages for which the disk has no room: the error is the disk's, no result is lost."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dsqlkit.connection import KeptConnection
from tests.support.commands import Finished

DSQLKIT = Path(sys.executable).with_name("dsqlkit")


def in_bash(script: str) -> Finished:
    ended = subprocess.run(
        ["bash", "-c", script], check=False, capture_output=True, text=True, timeout=60
    )
    return Finished(ended.returncode, ended.stdout, ended.stderr)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "command", ["balance 1", "conflict", "explain query", "cost query", "workshop 3", "guide"]
)
def test_a_result_that_cannot_be_written_is_an_error(
    bank: KeptConnection, command: str, unbuffered: str
) -> None:
    told = in_bash(f"PYTHONUNBUFFERED={unbuffered} {DSQLKIT} {command} --quiet > /dev/full")
    if command == "guide":
        told = in_bash(f"PYTHONUNBUFFERED={unbuffered} {DSQLKIT} {command} > /dev/full")
    assert told.code == 1
    assert told.err == (
        "Error: The result could not be written: No space left on device.\n"
        "What was done stays done.\n"
    )


@pytest.mark.parametrize(
    "command",
    [
        "explain 'SELECT * FROM accounts WHERE id = 1'",
        "explain --compare 'SELECT 1' 'SELECT 1'",
        "bench --threads 1 --duration 0.2",
    ],
)
def test_a_page_that_cannot_be_written_loses_no_result(
    bank: KeptConnection, tmp_path: Path, command: str
) -> None:
    page = tmp_path / "page.html"
    # No file may grow; stdout is a pipe.
    told = in_bash(f"ulimit -f 0; {DSQLKIT} {command} --html {page} --json --quiet")
    assert told.code == 1
    assert json.loads(told.out)
    assert told.err == f"Error: The page {page} was not written: File too large.\n"
    assert list(tmp_path.iterdir()) == []


def test_a_draft_without_room_is_discarded_without_another_error(tmp_path: Path) -> None:
    script = (
        "import resource, sys; from pathlib import Path; from dsqlkit.whole_file import Draft;"
        "draft = Draft(Path(sys.argv[1])); draft.file.write(b'x' * 100);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); draft.discard()"
    )
    subprocess.run([sys.executable, "-c", script, tmp_path / "zip"], check=True, timeout=60)
    assert list(tmp_path.iterdir()) == []

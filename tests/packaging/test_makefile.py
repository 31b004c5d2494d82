"""`make` with any Python and in any shell: what it would run, and what it says."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[2] / "Makefile"

_OF_MAKE = ("MAKE", "MFLAGS", "PYTHON", "VENV")

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(folder: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    shutil.copy(MAKEFILE, folder)
    (folder / "pyproject.toml").touch()
    # What was given to the make that runs the tests would win over what these give.
    ours = {name: value for name, value in os.environ.items() if not name.startswith(_OF_MAKE)}
    return subprocess.run(
        ["make", "-C", folder, *arguments],
        check=False,
        env=ours | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )


def python(folder: Path, script: str) -> str:
    """A program that is called as Python is."""
    file = folder / "python"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return str(file)


def test_a_python_that_is_too_old_is_named_before_anything_is_made(tmp_path: Path) -> None:
    # Ours, made to believe that it is an older one.
    old = python(
        tmp_path,
        f"""exec {sys.executable} -c "import sys; v = (3, 9, 2)
sys.version_info = v
exec(sys.argv[1])" "$3" """,
    )
    ended = make(tmp_path, "workshop", f"PYTHON={old}")
    assert ended.returncode == 2
    assert f"dsqlkit needs Python 3.11 or newer, and {old} is 3.9.2" in ended.stderr
    assert "make workshop PYTHON=" in ended.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("missing", ["no-such-python", "/nowhere/python3"])
def test_a_python_that_does_not_run_is_named(tmp_path: Path, missing: str) -> None:
    ended = make(tmp_path, "test", PYTHON=missing)
    assert ended.returncode == 2
    assert f"{missing} does not run, and dsqlkit needs Python 3.11" in ended.stderr


def test_an_environment_of_another_python_is_made_anew_and_one_of_this_is_kept(
    tmp_path: Path,
) -> None:
    stamp = ".venv/made"
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    python(programs, "echo new 3.12.0 3.12-0123abc")
    calls = tmp_path / "calls"
    # Without a pip, which takes seconds to put there.
    fast = '[ "$2" = venv ] && set -- "$@" --without-pip'
    this = python(tmp_path, f'echo "$@" >> {calls}; {fast}; exec {sys.executable} "$@"')
    planned = make(tmp_path, "-n", "workshop", f"PYTHON={this}").stdout
    (target,) = {word for word in planned.split() if word.startswith(stamp)}
    calls.write_text("")
    made = make(tmp_path, target, f"PYTHON={this}")
    assert made.returncode == 0, made.stderr
    assert "-m venv --clear .venv" in calls.read_text()
    (tmp_path / target).unlink()
    calls.write_text("")
    assert make(tmp_path, target, f"PYTHON={this}").returncode == 0
    assert "venv" not in calls.read_text()
    assert (tmp_path / target).exists()


def test_the_workshop_runs_on_the_local_cluster_as_admin_unless_a_cluster_is_given(
    tmp_path: Path,
) -> None:
    variables = {"PGHOST": "db.example.com", "PGUSER": "me", "CLUSTER_ENDPOINT": "x"}
    this = f"PYTHON={sys.executable}"
    planned = make(tmp_path, "-n", "workshop", this, **variables).stdout
    assert "dsqlkit workshop --endpoint local --user admin\n" in planned
    planned = make(tmp_path, "-n", "workshop", this, "ENDPOINT=a.example.com", **variables).stdout
    assert "dsqlkit workshop --endpoint a.example.com\n" in planned

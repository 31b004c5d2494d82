"""Running commands as a user does, on the suite's local cluster and with no AWS account."""

import subprocess
import sys
from pathlib import Path

import pytest

from dsqlkit.cli.main import run
from dsqlkit.endpoint import LocalAddress
from tests.support.commands import Command, Finished


@pytest.fixture
def dsqlkit(local_cluster: LocalAddress, capfd: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process: dsqlkit("balance", "--id", "1")."""

    def command(*arguments: str) -> Finished:
        capfd.readouterr()
        code = run(arguments)
        out, err = capfd.readouterr()
        return Finished(int(code), out, err)

    return command


@pytest.fixture
def process(local_cluster: LocalAddress) -> Command:
    """Run a command as a process of its own, as an installed `dsqlkit` is run."""
    program = Path(sys.executable).with_name("dsqlkit")

    def command(*arguments: str, stdin: str = "") -> Finished:
        ended = subprocess.run(
            [program, *arguments],
            check=False,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return Finished(ended.returncode, ended.stdout, ended.stderr)

    return command

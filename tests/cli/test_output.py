"""Results on stdout, all else on stderr; no secrets, no colour where it is not wanted."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dsqlkit import local
from dsqlkit.connection import KeptConnection
from tests.support.commands import Command

DSQLKIT = Path(sys.executable).with_name("dsqlkit")
ESCAPE = "\x1b"


def on_a_terminal(command: str, **environ: str) -> str:
    """What a person sees who runs the command on a terminal."""
    ended = subprocess.run(
        ["script", "--quiet", "--return", "--command", f"{DSQLKIT} {command}", "/dev/null"],
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"TERM": "xterm-256color"} | environ,
    )
    return ended.stdout


def test_a_pipe_gets_plain_text(dsqlkit: Command, process: Command) -> None:
    for command in (["explain", "query"], ["optimize"], ["workshop", "3"]):
        told = dsqlkit(*command)
        assert ESCAPE not in told.out + told.err
    ended = process("--help")
    assert ESCAPE not in ended.out + ended.err


@pytest.mark.skipif(shutil.which("script") is None, reason="script (util-linux) is not installed")
def test_a_terminal_gets_colour_unless_it_is_not_wanted(local_cluster: object) -> None:
    def styled(text: str) -> bool:  # colour, or bold or dim letters
        return re.search(r"\x1b\[[0-9;]*[1-9][0-9;]*m", text) is not None

    assert styled(on_a_terminal("explain query"))
    assert not styled(on_a_terminal("explain query", NO_COLOR="1"))
    assert ESCAPE not in on_a_terminal("explain query --no-color --quiet")
    assert ESCAPE in on_a_terminal("guide faults", PAGER="cat")
    assert ESCAPE not in on_a_terminal("guide faults", PAGER="cat", NO_COLOR="1")


@pytest.mark.skipif(shutil.which("script") is None, reason="script (util-linux) is not installed")
def test_named_values_stay_in_line_on_a_narrow_terminal(local_cluster: object) -> None:
    lines = on_a_terminal("connect --quiet", COLUMNS="30").splitlines()
    expires = next(n for n, line in enumerate(lines) if line.startswith("Token expires"))
    assert re.match(r" {15}\d\d:\d\d:\d\d UTC$", lines[expires + 1])
    assert max(map(len, lines)) <= 30


def test_the_next_step_goes_to_stderr_and_quiet_silences_it(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    loud = dsqlkit("init-accounts", "--count", "10", "--yes")
    assert "Next: dsqlkit transfer" in loud.err
    assert "Next" not in loud.out
    alone = dsqlkit("init-accounts", "--count", "1", "--yes")
    assert "Next: dsqlkit balance 1" in alone.err, "there is nobody to transfer to"
    quiet = dsqlkit("init-accounts", "--count", "10", "--yes", "--quiet")
    assert quiet.err == ""
    assert quiet.out.startswith("10 accounts")


def test_verbose_says_where_each_setting_came_from(dsqlkit: Command, bank: KeptConnection) -> None:
    told = dsqlkit("balance", "--id", "1", "--verbose", "--endpoint", "local").err.splitlines()
    assert [line.split()[0] for line in told] == ["endpoint", "region", "role"]
    assert [line.partition("(from ")[2] for line in told] == [
        "--endpoint)",
        "the local cluster)",
        "default)",
    ]


@pytest.mark.parametrize("command", ["--help", "explain query", "local logs"])
def test_a_reader_that_goes_away_is_no_reason_to_complain(
    local_cluster: object, command: str
) -> None:
    ended = subprocess.run(
        ["bash", "-c", f"{DSQLKIT} {command} | true"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.stderr == ""


def test_an_error_is_short_and_has_a_traceback_only_with_debug(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    short = dsqlkit("balance", "--id", "99")
    assert len(short.err.splitlines()) <= 3
    assert "Traceback" not in short.err
    assert "Traceback" in dsqlkit("balance", "--id", "99", "--debug").err


@pytest.mark.parametrize(
    "command",
    [
        ["connect", "-v"],
        ["balance", "--id", "99"],
        ["balance", "--id", "1", "--endpoint", "localhost:1"],
        ["connect", "--user", "nobody"],
        ["explain", "SELECT 1 / 0"],
        ["local", "status"],
        ["local", "logs"],
        ["token", "--endpoint", "a b"],
    ],
)
def test_no_secret_is_in_any_output_even_with_debug(
    dsqlkit: Command, bank: KeptConnection, command: list[str]
) -> None:
    address = local.address()
    assert address is not None
    ended = dsqlkit(*command, "--debug")
    for secret in (address.secret_access_key, "X-Amz-Signature", "X-Amz-Credential"):
        assert secret not in ended.out + ended.err


def test_the_module_is_the_command(local_cluster: object, bank: KeptConnection) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "dsqlkit", "balance", "--id", "1"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.stdout == "Account 1 holds 100.\n"


def test_version_and_help(dsqlkit: Command) -> None:
    assert dsqlkit("--version").out.startswith("dsqlkit 0.")
    assert dsqlkit().out == dsqlkit("--help").out
    assert dsqlkit().out.startswith("Usage: dsqlkit ")


@pytest.mark.skipif(shutil.which("script") is None, reason="script (util-linux) is not installed")
def test_results_go_to_a_file_while_progress_is_on_the_terminal(
    local_cluster: object, bank: KeptConnection, tmp_path: Path
) -> None:
    file = tmp_path / "results"
    on_a_terminal(f"workshop 3 > {file}")
    assert file.read_text().startswith("Chapter 3: Connect")


@pytest.mark.parametrize("closed", ["0<&-", "2>&-", "0<&- 2>&-"])
def test_a_stream_that_the_shell_closed_does_not_stop_a_command(
    bank: KeptConnection, closed: str
) -> None:
    ended = in_shell(f"exec {closed}; {DSQLKIT} balance 1")
    assert (ended.returncode, ended.stdout) == (0, "Account 1 holds 100.\n")


@pytest.mark.parametrize("command", ["balance 1", "--help", "local", "help transfer", "--version"])
def test_a_result_that_a_closed_stdout_loses_is_an_error(
    bank: KeptConnection, command: str
) -> None:
    ended = in_shell(f"{DSQLKIT} {command} >&-")
    assert ended.returncode == 1
    assert "Error: The result could not be written: Bad file descriptor." in ended.stderr


def in_shell(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", line], check=False, capture_output=True, text=True, timeout=60
    )

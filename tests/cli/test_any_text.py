"""Texts that are odd: no UTF-8, without an end, or with characters that stdout has none for."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dsqlkit.connection import KeptConnection
from tests.support.commands import Command
from tests.support.shell import shell

DSQLKIT = Path(sys.executable).with_name("dsqlkit")
NO_TEXT = "\udcff\udcfe"
"""What Python makes of the bytes FF FE of a command line."""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("command", ["guide lambda", "explain query", "invoke 1"])
def test_what_stdout_has_no_character_for_is_escaped(
    process: Command, monkeypatch: pytest.MonkeyPatch, encoding: str, command: str
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    name = '{"name": "Zoë 😀"}'
    told = process(*command.split(), *([name] if command.startswith("invoke") else []))
    assert told.code == 0, told.err
    if command == "invoke 1":
        assert json.loads(told.out) == {"greeting": "hello Zoë 😀"}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["explain", f"SELECT '{NO_TEXT}'"], "QUERY"),
        (["optimize", f"SELECT '{NO_TEXT}'"], "QUERY"),
        (["cost", f"SELECT '{NO_TEXT}'"], "SQL"),
        (["explain", "query", "--param", f"region_code={NO_TEXT}"], "--param region_code"),
        (["invoke", "1", f'{{"name": "{NO_TEXT}"}}'], "The payload"),
    ],
)
def test_an_argument_that_is_no_text_is_a_usage_error(
    dsqlkit: Command, arguments: list[str], named: str
) -> None:
    refused = dsqlkit(*arguments, "--json")
    assert (refused.code, refused.error["code"]) == (2, "usage")
    assert refused.error["message"].endswith(f"{named} is not UTF-8 text.")


def test_a_role_that_is_no_text_is_a_usage_error(dsqlkit: Command) -> None:
    arn = "arn:aws:iam::123456789012:role/teller"
    assert dsqlkit("role", "create", NO_TEXT, "--arn", arn).code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["explain", "@/dev/zero"], "/dev/zero is too long: more than 10 MiB."),
        (["explain", "--file", "/dev/zero"], "is too long"),
        (["explain", "--plan", "/dev/zero"], "is too long"),
        (["cost", "@/dev/zero"], "is too long"),
        (["optimize", "@/dev/zero"], "is too long"),
        (["invoke", "1", "@/dev/zero"], "is too long"),
        (["bench", "--accounts", "/dev/zero"], "Line 1 of /dev/zero is no id"),
        (
            ["load", "--verify", "--transactions", "0", "--output", "/dev/zero"],
            "Line 1 of /dev/zero is no UUID",
        ),
    ],
)
def test_a_file_without_an_end_is_not_read_for_ever(
    dsqlkit: Command, arguments: list[str], words: str
) -> None:
    refused = dsqlkit(*arguments)
    assert refused.code == 2
    assert words in refused.err


def test_stdin_without_an_end_is_not_read_for_ever(local_cluster: object) -> None:
    with Path("/dev/zero").open("rb") as endless:
        ended = subprocess.run(
            [DSQLKIT, "cost", "-"], check=False, stdin=endless, capture_output=True, timeout=60
        )
    assert ended.returncode == 2
    assert b"The text on stdin is too long" in ended.stderr


def test_plans_come_from_the_pipes_of_a_shell_too(dsqlkit: Command, bank: KeptConnection) -> None:
    plan = f"{DSQLKIT} explain 'SELECT * FROM accounts WHERE id = 1' --raw"
    script = f"{DSQLKIT} explain --compare <({plan}) <({plan}) --json"
    ended = subprocess.run(
        ["bash", "-c", script], check=True, capture_output=True, text=True, timeout=60
    )
    assert json.loads(ended.stdout)["growth"]["rows_scanned"] == 1


def test_the_next_command_has_a_files_name_as_a_shell_wants_it(
    dsqlkit: Command, bank: KeptConnection, tmp_path: Path
) -> None:
    ids = tmp_path / "my ids.txt"
    told = dsqlkit("load", "--transactions", "1", "--rows", "2", "--output", str(ids), "--yes")
    command = told.err.rpartition("Next: ")[2].strip()
    assert f"'{ids}'" in command
    ended = shell(command)
    assert ended.stdout.startswith("10 moved from "), ended.stderr

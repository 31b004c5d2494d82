"""Chapters of the workshop by themselves: what is shown of them, and when they go on."""

import json
import os
import pty
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from dsqlkit import accounts
from dsqlkit.connection import KeptConnection
from dsqlkit.errors import ConnectionLost, InsufficientBalance, SqlError
from dsqlkit.workshop.playing import may_be_of_others
from tests.support.commands import Command

CLUSTER = "abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws"


def test_each_chapter_says_what_it_shows(dsqlkit: Command, bank: KeptConnection) -> None:
    played = dsqlkit("workshop", "3")
    assert played.out.startswith("Chapter 3: Connect (")
    assert "The password is a token" in played.out
    assert "SELECT id, balance FROM accounts" in played.out
    assert played.err.strip().startswith("Next: ")


def test_a_real_cluster_without_credentials_still_has_its_first_two_chapters(
    dsqlkit: Command,
) -> None:
    told = dsqlkit("workshop", "1", "2", "--endpoint", CLUSTER)
    assert told.code == 0, told.err
    assert "hello reinvent" in told.out
    assert "GetCluster was not answered: " in told.out
    assert "The stack (dsqlkit stack synth): one cluster" in told.out


def test_step_waits_for_enter_on_a_terminal_and_nowhere_else(
    process: Command, dsqlkit: Command
) -> None:
    assert dsqlkit("workshop", "1", "2", "--step", "--json").code == 0
    assert process("workshop", "1", "2", "--step").code == 0
    ours, theirs = pty.openpty()
    program = Path(sys.executable).with_name("dsqlkit")
    running = subprocess.Popen(
        [program, "workshop", "1", "2", "--step", "--quiet"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    while b"Enter for chapter 2" not in seen:
        seen += os.read(ours, 4096)
    assert b"Chapter 2: A cluster (" not in seen
    os.write(ours, b"\n")
    while True:
        try:
            more = os.read(ours, 4096)
        except OSError:
            break
        if not more:
            break
        seen += more
    os.close(ours)
    assert running.wait(60) == 0
    assert b"Chapter 2: A cluster (" in seen


def test_a_chapter_that_is_not_there_is_a_usage_error_before_any_runs(dsqlkit: Command) -> None:
    for chapter in ("0", "8", "three"):
        refused = dsqlkit("workshop", "3", chapter)
        assert refused.code == 2
        assert refused.out == ""


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (InsufficientBalance("x", after=Decimal(-1)), True),
        (SqlError("x", sqlstate="42P01"), True),
        (SqlError("x", sqlstate="23505"), True),
        (SqlError("x", sqlstate="42501"), False),
        (SqlError("x"), False),
        (ConnectionLost("x"), False),
    ],
)
def test_a_chapter_is_run_again_for_what_others_may_have_done(
    error: SqlError, passes: bool
) -> None:
    assert may_be_of_others(error) is passes


def test_what_is_shown_is_json_text_of_statements_that_run(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    """The statements of chapter 4 as they are shown, run by hand, move the same money."""
    played = dsqlkit("workshop", "4", "--json").document["chapters"][0]
    before = [accounts.balance(bank, each).balance for each in (1, 2)]
    shown = [each["sql"] for each in played["statements"][:4]]
    assert json.loads(json.dumps(shown)) == shown
    with bank.connection() as connection:
        for sql in shown:
            connection.execute(sql.encode())
    after = [accounts.balance(bank, each).balance for each in (1, 2)]
    assert sorted(abs(one - other) for one, other in zip(before, after, strict=True)) == [10, 10]
    assert re.search(r"WHERE id = [12]\b", shown[1])

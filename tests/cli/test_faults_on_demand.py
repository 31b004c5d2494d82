"""Faults that a user switches on with `local set`, as the other commands meet them."""

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from dsqlkit import accounts, local
from dsqlkit.cli.wording import OPTIONS
from dsqlkit.connection import Connection, KeptConnection, connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.errors import ConflictLimitReached, ConnectionFailed
from dsqlkit.local.faults import NAMES
from dsqlkit.transaction import RetryPolicy, run
from tests.support.commands import Command
from tests.support.tokens import LateSigner

TRANSFER = ["transfer", "--payer", "1", "--payee", "2", "--amount", "10"]
BUSY = "SELECT count(*) FROM (SELECT generate_series(1, 10000000000))"


@pytest.fixture(autouse=True)
def _off_again(bank: KeptConnection) -> Iterator[None]:
    yield
    local.set_faults(local.Faults())


def payers_balance(bank: KeptConnection) -> str:
    return accounts.plain(accounts.balance(bank, 1).balance)


def switch(dsqlkit: Command, *options: str) -> None:
    assert dsqlkit("local", "set", *options).code == 0


def test_what_is_on_shows_until_it_is_switched_off(dsqlkit: Command) -> None:
    switch(dsqlkit, "--conflict-rate", "0.25", "--round-trip-ms", "2")
    switch(dsqlkit, "--token-age-s", "60", "--round-trip-ms", "0")
    shown = dsqlkit("local", "status", "--json").document
    assert shown["faults"] == {"conflict_rate": 0.25, "token_age_s": 60}
    assert "conflict-rate 0.25, token-age-s 60" in dsqlkit("local", "status").out
    assert dsqlkit("local", "start", "--json").document["faults"] == shown["faults"]
    assert dsqlkit("local", "start", "--none", "--json").document["faults"] == {}
    assert dsqlkit("local", "status").out.splitlines()[-1].split() == ["Faults", "none"]


def test_setting_nothing_says_what_can_be_set(dsqlkit: Command) -> None:
    refused = dsqlkit("local", "set", "--json")
    assert (refused.code, refused.error["code"]) == (2, "usage")
    for name in NAMES:
        assert OPTIONS[name] in refused.error["hint"]


@pytest.mark.parametrize("command", ["start", "set"])
@pytest.mark.parametrize(
    "options",
    [
        ["--conflict-rate", "1.1"],
        ["--conflict-rate", "nan"],
        ["--conflict-every", "-1"],
        ["--conflict-every", "1.5"],
        ["--round-trip-ms", "60001"],
        ["--commit-ms", "-1"],
        ["--cut-before-commit", "often"],
        ["--connection-age-s", "3601"],
        ["--token-age-s", "604801"],
        ["--none", "--commit-ms", "1"],
    ],
)
def test_a_wrong_value_is_found_before_anything_is_touched(
    dsqlkit: Command,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: str,
    options: list[str],
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    refused = dsqlkit("local", command, *options, "--json")
    assert (refused.code, refused.error["code"]) == (2, "usage")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()


def test_a_transfer_retries_conflicts_and_reports_its_attempts(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    switch(dsqlkit, "--conflict-every", "2")
    assert [dsqlkit(*TRANSFER, "--json").document["attempts"] for _ in range(3)] == [1, 2, 2]
    assert payers_balance(bank) == "70"


def test_a_transfer_that_only_meets_conflicts_is_4_and_nothing_changed(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    switch(dsqlkit, "--conflict-rate", "1")
    beaten = dsqlkit(*TRANSFER, "--max-attempts", "3", "--json", "--quiet")
    assert (beaten.code, beaten.error["sqlstate"]) == (4, "40001")
    assert "the local cluster fails COMMITs on purpose (OC000)" in beaten.error["message"]
    assert "other transactions" not in beaten.error["message"]
    assert "`dsqlkit local set --none` switches it off" in beaten.error["hint"]
    assert payers_balance(bank) == "100"


@pytest.mark.parametrize(("when", "left"), [("before", "100"), ("after", "90")])
def test_without_a_key_a_connection_cut_at_commit_is_5_whatever_became_of_the_money(
    dsqlkit: Command, bank: KeptConnection, when: str, left: str
) -> None:
    switch(dsqlkit, f"--cut-{when}-commit", "1")
    broken = dsqlkit(*TRANSFER, "--no-key", "--json")
    assert (broken.code, broken.error["code"]) == (5, "outcome_unknown")
    assert f"faults on (cut-{when}-commit 1)" in broken.error["hint"]
    assert "`dsqlkit local set --none`" in broken.error["hint"]
    switch(dsqlkit, "--none")
    assert payers_balance(bank) == left


@pytest.mark.parametrize(
    ("faults", "attempts"),
    [
        (["--cut-after-commit", "1"], 1),
        (["--cut-before-commit", "2"], 2),
        (["--cut-before-commit", "3", "--cut-after-commit", "2"], 1),
        (["--cut-before-commit", "2", "--conflict-every", "3"], 4),
    ],
)
def test_with_a_key_a_connection_cut_at_commit_is_found_out_and_money_moves_once(
    dsqlkit: Command, bank: KeptConnection, faults: list[str], attempts: int
) -> None:
    if faults[0] == "--cut-before-commit":
        dsqlkit(*TRANSFER)
    before = Decimal(payers_balance(bank))
    switch(dsqlkit, *faults)
    if faults[0] == "--cut-before-commit":
        dsqlkit(*TRANSFER)  # takes the first COMMIT, which is not cut
        before -= 10
    moved = dsqlkit(*TRANSFER, "--json", "--max-attempts", "2")
    assert moved.code == 0, moved.out
    assert (moved.document["attempts"], moved.document["replayed"]) == (attempts, False)
    assert Decimal(moved.document["payer_balance"]) == before - 10
    assert Decimal(payers_balance(bank)) == before - 10
    assert "The answer to COMMIT was lost; finding it out by key " in moved.err


def test_an_outcome_that_is_not_found_out_in_time_is_5_with_the_command_that_tells(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    dsqlkit(*TRANSFER)
    switch(dsqlkit, "--cut-before-commit", "1")
    lost = dsqlkit(*TRANSFER, "--deadline", "0.2", "--quiet", "--json")
    assert (lost.code, lost.error["code"]) == (5, "outcome_unknown")
    switch(dsqlkit, "--none")
    assert payers_balance(bank) == "90"
    command = lost.error["hint"].splitlines()[0].partition("moved: dsqlkit ")[2].split()
    for replayed in (False, True):
        told = dsqlkit(*command, "--json").document
        assert (told["replayed"], told["payer_balance"]) == (replayed, "80")
        assert told["key"] in lost.error["hint"]
    assert payers_balance(bank) == "80"


def test_a_load_goes_through_faults_exactly_once(
    dsqlkit: Command, tmp_path: Path, connections: KeptConnection
) -> None:
    switch(dsqlkit, "--conflict-every", "5", "--cut-before-commit", "7", "--cut-after-commit", "11")
    file = tmp_path / "ids.txt"
    size = ["--threads", "4", "--transactions", "60", "--rows", "10"]
    loaded = dsqlkit("load", *size, "--output", str(file), "--yes", "--json", "--quiet")
    assert loaded.code == 0, loaded.out
    assert json.loads(loaded.out)["accounts"] == 600
    assert json.loads(loaded.out)["retries"] > 0
    with connections.connection() as connection:
        rows = connection.execute("SELECT id::text FROM accounts2 ORDER BY id").fetchall()
    assert sorted(file.read_text().split()) == [each for (each,) in rows]


def test_a_fresh_token_is_young_enough(dsqlkit: Command) -> None:
    old = dsqlkit("token").out
    switch(dsqlkit, "--token-age-s", "30")
    assert old
    assert dsqlkit("connect").code == 0


def test_what_is_on_is_said_before_the_work_begins(dsqlkit: Command, bank: KeptConnection) -> None:
    switch(dsqlkit, "--round-trip-ms", "1")
    told = dsqlkit("balance", "--id", "1")
    assert told.out == "Account 1 holds 100.\n"
    assert told.err.startswith("Faults are on: round-trip-ms 1. `dsqlkit local set --none`")
    assert dsqlkit("balance", "--id", "1", "--json").err == ""
    switch(dsqlkit, "--none")
    assert dsqlkit("balance", "--id", "1").err == ""


@pytest.mark.parametrize(
    ("fault", "statements"),
    [
        ({"conflict_rate": 1}, ["UPDATE accounts SET balance = balance WHERE id = 1"]),
        (
            {"conflict_rate": 1},
            ["BEGIN", "UPDATE accounts SET balance = balance WHERE id = 1", "COMMIT"],
        ),
        ({"transaction_age_s": 0.001}, ["BEGIN", BUSY]),
    ],
)
def test_a_fault_names_itself_to_any_client(
    endpoint: Endpoint, bank: KeptConnection, fault: dict[str, float], statements: list[str]
) -> None:
    local.set_faults(local.Faults().changed({**fault}))
    *first, last = statements
    with connect(endpoint) as connection:
        for each in first:
            connection.execute(each)
        with pytest.raises(psycopg.Error) as caught:
            connection.execute(last)
    assert "`dsqlkit local set --none`" in (caught.value.diag.message_hint or "")
    assert "on purpose" not in (caught.value.diag.message_primary or "")


def test_a_token_that_is_made_to_age_early_is_not_blamed_on_the_clock(
    endpoint: Endpoint,
) -> None:
    local.set_faults(local.Faults(token_age_s=1))
    late = LateSigner(endpoint, timedelta(seconds=30))
    with pytest.raises(ConnectionFailed, match="made stale early, on purpose") as caught:
        connect(endpoint, late)
    assert "`dsqlkit local set --none`" in (caught.value.hint or "")
    assert "clock" not in (caught.value.hint or "")


def test_others_are_blamed_for_their_share_of_the_conflicts_alone(
    endpoint: Endpoint, bank: KeptConnection
) -> None:
    local.set_faults(local.Faults(conflict_every=3))

    def work(connection: Connection) -> None:
        connection.execute("UPDATE accounts SET balance = balance WHERE id = 1")
        with connect(endpoint) as other:  # COMMIT 1 wins over ours, 2; COMMIT 3 meets the fault
            other.execute("UPDATE accounts SET balance = balance WHERE id = 1")

    with pytest.raises(ConflictLimitReached) as caught:
        run(bank, work, RetryPolicy(max_attempts=2))
    assert "other transactions kept changing its rows" in caught.value.message
    assert "the local cluster failed 1 on purpose" in caught.value.message

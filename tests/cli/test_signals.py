"""Ctrl-C, SIGTERM (a cancelled job) and SIGHUP (a closed terminal): nothing done is lost or unsaid.

Each command is a process of its own. Where a signal comes twice, the second follows at once, as it
does for a process group that is told by two.
"""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsqlkit import indexes, local, tables
from dsqlkit.cli.main import run
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import LocalAddress
from dsqlkit.workshop import accounts7
from tests.support.commands import Command
from tests.support.loaded import ids_in_file, ids_in_table, wait_until
from tests.support.relay import Cut, Relay
from tests.support.terminal import OnTerminal

DSQLKIT = str(Path(sys.executable).with_name("dsqlkit"))
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
SIGNALS = pytest.mark.parametrize("number", CODES, ids=lambda number: signal.Signals(number).name)
FIRST = {"accounts7_pkey", "idx_accounts7_type"}
ENDLESS = ["--threads", "4", "--transactions", "100000", "--rows", "20", "--yes"]


def started(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [DSQLKIT, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def trial_indexes(connections: KeptConnection) -> set[str]:
    return {each.name for each in indexes.of_table(connections, accounts7.TABLE)} - FIRST


@pytest.fixture
def no_accounts(connections: KeptConnection) -> KeptConnection:
    tables.drop(connections, "accounts2")
    return connections


@pytest.fixture
def plain(connections: KeptConnection) -> Iterator[KeptConnection]:
    """The chapter's table with its first index only, and gone afterwards."""
    accounts7.set_up(connections)
    yield connections
    tables.drop(connections, accounts7.TABLE)


@SIGNALS
def test_a_load_that_is_stopped_twice_at_once_has_each_of_its_ids_in_its_file(
    no_accounts: KeptConnection, tmp_path: Path, number: int
) -> None:
    file = tmp_path / "ids.txt"
    with started("load", *ENDLESS, "--output", str(file), "--json") as load:
        wait_until(lambda: tables.has_rows(no_accounts, "accounts2"))
        load.send_signal(number)
        load.send_signal(number)
        out, _ = load.communicate(timeout=30)
    assert load.returncode == CODES[signal.Signals(number)]
    assert ids_in_file(file) == ids_in_table(no_accounts)
    assert json.loads(out)["accounts"] == len(ids_in_file(file)) > 0


def test_a_load_whose_terminal_is_closed_has_each_of_its_ids_in_its_file(
    no_accounts: KeptConnection, tmp_path: Path
) -> None:
    file = tmp_path / "ids.txt"
    with OnTerminal([DSQLKIT, "load", *ENDLESS, "--output", str(file)]) as load:
        wait_until(lambda: tables.has_rows(no_accounts, "accounts2"))
        load.close()
        assert load.process.wait(30) == 129
    assert ids_in_file(file) == ids_in_table(no_accounts) != []


@SIGNALS
def test_what_a_stopped_trial_built_is_dropped_and_named(
    plain: KeptConnection, number: int
) -> None:
    with started("optimize", "query", "--apply") as optimize:
        wait_until(lambda: trial_indexes(plain))
        optimize.send_signal(number)
        optimize.send_signal(number)
        out, err = optimize.communicate(timeout=30)
    assert (optimize.returncode, out) == (CODES[signal.Signals(number)], "")
    # The local cluster takes a moment to end a build whose index was dropped.
    wait_until(lambda: not trial_indexes(plain))
    assert err.startswith("Interrupted. Dropped what was built and not kept: idx_accounts7_")


def test_what_a_trial_built_is_dropped_when_its_terminal_is_closed(plain: KeptConnection) -> None:
    with OnTerminal([DSQLKIT, "optimize", "query", "--apply"]) as optimize:
        wait_until(lambda: trial_indexes(plain))
        optimize.close()
        assert optimize.process.wait(30) == 129
    wait_until(lambda: not trial_indexes(plain))


def test_what_a_killed_trial_left_is_named_with_its_drop_until_it_is_gone(
    plain: KeptConnection, dsqlkit: Command
) -> None:
    with started("optimize", "query", "--apply") as optimize:
        wait_until(lambda: trial_indexes(plain))
        optimize.kill()
        optimize.communicate(timeout=30)
    (left,) = trial_indexes(plain)
    named = dsqlkit("optimize", "query")
    (drop,) = [line for line in named.err.splitlines() if line.startswith("DROP INDEX")]
    assert f"was cut off left index {left}" in named.err
    with plain.connection() as connection:
        connection.execute(drop.encode())
    assert trial_indexes(plain) == set()
    assert left not in dsqlkit("optimize", "query").err


def test_what_cannot_be_dropped_is_named_with_its_drop(
    plain: KeptConnection, local_cluster: LocalAddress
) -> None:
    with Relay(local_cluster.port) as relay:
        endpoint = f"localhost:{relay.port}"
        with started("optimize", "query", "--apply", "--endpoint", endpoint) as optimize:
            wait_until(lambda: trial_indexes(plain))

            def stop(_: int) -> None:
                """Stop it while it waits for an answer; what it asks after that is lost."""
                relay.on_turn = lambda turn: Cut.QUESTION_LOST
                optimize.send_signal(signal.SIGTERM)

            relay.on_turn = stop
            _, err = optimize.communicate(timeout=60)
    assert optimize.returncode == 143
    (left,) = trial_indexes(plain)
    assert f"were not dropped, and may still be there: {left}" in err
    assert f'DROP INDEX IF EXISTS "public"."{left}";' in err


def test_the_chapter_says_which_of_its_indexes_are_there(plain: KeptConnection) -> None:
    with started("optimize") as optimize:
        wait_until(lambda: trial_indexes(plain))
        optimize.terminate()
        _, err = optimize.communicate(timeout=30)
    assert optimize.returncode == 143
    wait_until(lambda: not trial_indexes(plain))
    for name in ("idx_accounts7_metadata", "idx_accounts7_metadata_covering"):
        assert f"{name} is" in err


@pytest.mark.parametrize(
    ("number", "arguments"),
    [
        (signal.SIGINT, ["connect"]),
        (signal.SIGTERM, ["optimize", "query"]),
        (signal.SIGHUP, ["workshop", "3"]),
    ],
)
def test_a_command_that_waits_for_an_answer_ends_with_the_signals_exit_code(
    number: int, arguments: list[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"localhost:{silent.getsockname()[1]}"
        with started(*arguments, "--endpoint", endpoint) as waiting:
            silent.settimeout(30)
            connection, _ = silent.accept()
            waiting.send_signal(number)
            out, err = waiting.communicate(timeout=30)
            connection.close()
    assert waiting.returncode == CODES[signal.Signals(number)]
    assert (out, err) == ("", "Interrupted.\n")


@pytest.mark.parametrize("turn", range(1, 4))
def test_a_transfer_that_is_stopped_at_any_turn_says_whether_it_was_done(
    bank: KeptConnection, local_cluster: LocalAddress, turn: int
) -> None:
    before = balance(bank)
    transfers: list[subprocess.Popen[str]] = []
    started_one = threading.Event()

    def stop_at(now: int) -> None:
        if now == turn:
            started_one.wait(30)
            transfers[0].send_signal(signal.SIGTERM)

    with Relay(local_cluster.port) as relay:
        relay.on_turn = stop_at
        far = ["--endpoint", f"localhost:{relay.port}", "--json"]
        with started("transfer", "--payer", "1", "--payee", "2", "--amount", "1", *far) as transfer:
            transfers.append(transfer)
            started_one.set()
            out, _ = transfer.communicate(timeout=30)
    document = json.loads(out)
    done = "payer_balance" in document
    assert balance(bank) == before - (1 if done else 0)
    # The last turn may be one that ends the connection, or none: then it had ended before.
    assert transfer.returncode == 143 or (done and transfer.returncode == 0)
    if not done:
        assert document["error"]["code"] == "interrupted"


def balance(bank: KeptConnection) -> int:
    with bank.connection() as connection:
        row = connection.execute("SELECT balance FROM accounts WHERE id = 1").fetchone()
    assert row is not None
    return int(row[0])


def test_a_signal_that_the_caller_ignores_stays_ignored(local_cluster: LocalAddress) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        connect = started("connect", "--json")
    finally:
        signal.signal(signal.SIGHUP, before)
    with connect:
        while connect.poll() is None:
            connect.send_signal(signal.SIGHUP)
            time.sleep(0.01)
        assert connect.stdout is not None
        assert json.loads(connect.stdout.read())["endpoint"]
    assert connect.returncode == 0


def test_a_reader_that_goes_away_is_no_error_and_a_full_disk_is_one(
    local_cluster: LocalAddress,
) -> None:
    gone = subprocess.run(
        ["bash", "-c", f"{DSQLKIT} local status | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (gone.stdout, gone.stderr) == ("0\n", "")
    full = subprocess.run(
        ["bash", "-c", f"{DSQLKIT} local status --json > /dev/full"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert full.returncode == 1
    assert full.stderr == (
        "Error: The result could not be written: No space left on device.\n"
        "What was done stays done.\n"
    )


def test_an_error_that_nobody_reads_keeps_its_exit_code(local_cluster: LocalAddress) -> None:
    for reader in ("| true", "2>/dev/full"):
        script = f"{DSQLKIT} transfer 1 1 5 --json {reader}; echo ${{PIPESTATUS[0]}}"
        ended = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
        assert ended.stdout.splitlines()[-1] == "2"


@pytest.mark.slow
@pytest.mark.own_cluster
def test_a_reset_that_is_stopped_is_done_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert run(["init-accounts", "--count", "3", "--yes"]) == 0
    with started("local", "reset", "--yes") as reset:
        wait_until(lambda: not local.status().running or reset.poll() is not None)
        reset.terminate()
        out, _ = reset.communicate(timeout=60)
    assert (reset.returncode, out.splitlines()[0][:28]) in {
        (143, "The local cluster is stopped"),
        (0, "The local cluster is stopped"),
    }
    assert run(["init-accounts", "--count", "3"]) == 0
    local.reset()

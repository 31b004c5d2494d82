"""`bench` on the local cluster: its figures, and that it tells when money or ledger are wrong."""

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest

from dsqlkit import accounts, loading, local, tables
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import LocalAddress
from dsqlkit.transaction import RetryPolicy
from tests.cli.conftest import dsqlkit
from tests.support.commands import Command
from tests.support.terminal import OnTerminal

__all__ = ["dsqlkit"]

DSQLKIT = str(Path(sys.executable).with_name("dsqlkit"))
SHORT = ["bench", "--threads", "4", "--duration", "0.3"]
KEYS = [
    "transfers",
    "per_second",
    "attempts",
    "latency_ms",
    "conflicts",
    "errors",
    "balance_before",
    "balance_after",
    "ledger",
]


@pytest.fixture(autouse=True)
def _empty_ledger(bank: KeptConnection) -> Iterator[None]:
    tables.drop(bank, "transfers")
    yield
    local.set_faults(local.Faults())
    tables.drop(bank, "transfers")


def in_ledger(bank: KeptConnection) -> int:
    with bank.connection() as connection:
        row = connection.execute("SELECT count(*) FROM transfers").fetchone()
        assert row is not None
        return int(row[0])


def held(bank: KeptConnection, table: str = "accounts") -> Decimal:
    with bank.connection() as connection:
        row = connection.execute(f"SELECT sum(balance) FROM {table}".encode()).fetchone()
        assert row is not None
        return Decimal(row[0])


def meanwhile(act: Callable[[], object], bank: KeptConnection) -> threading.Thread:
    """Act once the bench has made some transfers."""

    def when_some_are_made() -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if tables.exists(bank, "transfers") and in_ledger(bank) > 0:
                act()
                return
            time.sleep(0.005)

    thread = threading.Thread(target=when_some_are_made)
    thread.start()
    return thread


def test_the_figures_are_those_of_the_contract_and_add_up(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    done = dsqlkit(*SHORT, "--hot", "4", "--json")
    assert (done.code, done.err) == (0, "")
    document = done.document
    assert list(document) == KEYS
    assert list(document["latency_ms"]) == ["p50", "p95", "p99", "p999", "max"]
    assert list(document["ledger"]) == ["successes", "found", "unknown_resolved"]
    assert document["transfers"] == sum(document["attempts"].values()) > 0
    assert document["ledger"]["successes"] == document["ledger"]["found"] == in_ledger(bank)
    assert document["transfers"] == in_ledger(bank)
    assert Decimal(document["balance_before"]) == Decimal(document["balance_after"]) == 1000
    assert held(bank) == 1000
    latency = list(document["latency_ms"].values())
    assert latency == sorted(latency)


def test_only_the_hot_accounts_take_part(dsqlkit: Command, bank: KeptConnection) -> None:
    assert dsqlkit(*SHORT, "--hot", "2").code == 0
    assert [accounts.balance(bank, each).balance for each in range(3, 11)] == [100] * 8


def test_on_a_cluster_with_nothing_it_makes_accounts(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    with bank.connection() as connection:
        connection.execute("DROP TABLE accounts")
    done = dsqlkit(*SHORT, "--json")
    assert done.code == 0
    assert Decimal(done.document["balance_after"]) == 100_000


def test_a_file_of_ids_says_who_takes_part(
    dsqlkit: Command, bank: KeptConnection, tmp_path: Path
) -> None:
    tables.drop(bank, "accounts2")
    tables.create(bank, "accounts2")
    ids = [uuid4() for _ in range(20)]
    loading.send(bank, loading.Batch.of(ids), RetryPolicy())
    file = tmp_path / "ids.txt"
    file.write_text("".join(f"{each}\n" for each in ids[:10]))
    done = dsqlkit(*SHORT, "--accounts", str(file))
    assert done.code == 0
    assert "2000 in all, as before" in done.out
    # A transfer is below the minimums of a transaction, 0.05375 together; compute comes on top.
    cost = re.search(r"DPU +(0\.0\d+) a transfer, ([\d,.]+) for those made, by", done.out)
    assert cost is not None
    assert 0.05375 <= float(cost[1]) < 0.1
    assert float(cost[2].replace(",", "")) > float(cost[1])
    with bank.connection() as connection:
        moved = connection.execute("SELECT id FROM accounts2 WHERE balance <> 100").fetchall()
    assert {each for (each,) in moved} <= set(ids[:10])
    assert moved
    file.write_text(f"{ids[0]}\n{uuid4()}\n")
    refused = dsqlkit(*SHORT, "--accounts", str(file), "--json")
    assert (refused.code, refused.error["code"]) == (1, "account_not_found")
    tables.drop(bank, "accounts2")
    missing = dsqlkit(*SHORT, "--accounts", str(file), "--json")
    assert (missing.code, missing.error["sqlstate"]) == (1, "42P01")
    assert "dsqlkit load" in missing.error["hint"]


def test_an_open_loop_makes_as_many_as_are_due(dsqlkit: Command, bank: KeptConnection) -> None:
    document = dsqlkit(*SHORT, "--rate", "40", "--json").document
    assert document["transfers"] + sum(document["errors"].values()) == 12


def test_latency_counts_from_when_a_transfer_was_due(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    """One client, each COMMIT slower than the next transfer is due: all wait for those before."""
    local.set_faults(local.Faults(commit_ms=40))
    one = ["bench", "--threads", "1", "--duration", "0.5"]
    closed = dsqlkit(*one, "--json").document
    opened = dsqlkit(*one, "--rate", "100", "--json").document
    made = opened["transfers"] + opened["errors"].get("insufficient_balance", 0)
    assert opened["errors"]["not_started"] == 50 - made
    # Each is later than the one before by the time that one took: the last by nearly all of it.
    assert opened["latency_ms"]["max"] > closed["latency_ms"]["p50"] * 3


def test_lost_answers_are_found_out_and_nothing_is_made_twice(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    dsqlkit("bench", "--threads", "1", "--duration", "0.1")
    before = in_ledger(bank)
    local.set_faults(local.Faults(cut_after_commit=7, cut_before_commit=11, conflict_rate=0.2))
    done = dsqlkit(*SHORT, "--json", "--quiet")
    local.set_faults(local.Faults())
    assert done.code == 0, done.err
    document = done.document
    assert document["ledger"]["unknown_resolved"] > 0
    assert document["conflicts"] > 0
    assert document["transfers"] == document["ledger"]["found"] == in_ledger(bank) - before
    assert held(bank) == 1000


def test_others_who_transfer_on_the_same_tables_do_not_count(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    def transfer() -> None:
        for _ in range(5):
            accounts.transfer(bank, 9, 10, Decimal(1), key=uuid4())
            accounts.transfer(bank, 9, 10, Decimal(1))

    other = meanwhile(transfer, bank)
    document = dsqlkit(*SHORT, "--hot", "4", "--json").document
    other.join()
    assert document["transfers"] == document["ledger"]["found"] == in_ledger(bank) - 5


def test_money_that_somebody_made_is_told_with_exit_code_1(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    def make_money() -> None:
        with bank.connection() as connection:
            connection.execute("UPDATE accounts SET balance = balance + 1 WHERE id = 10")
            connection.execute("INSERT INTO accounts VALUES (11, 5)")

    other = meanwhile(make_money, bank)
    done = dsqlkit(*SHORT, "--hot", "4", "--json")
    other.join()
    assert done.code == 1
    assert Decimal(done.document["balance_after"]) == 1006
    assert "The accounts hold 1006 together, and held 1000." in done.err
    assert "+1 accounts: others add or remove some" in done.err


def test_a_success_that_is_not_in_the_ledger_is_told_with_its_key(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    gone: list[str] = []

    def forget_one() -> None:
        with bank.connection() as connection:
            forget = (
                "DELETE FROM transfers WHERE key = (SELECT key FROM transfers LIMIT 1)"
                " RETURNING key::text"
            )
            gone.extend(each for (each,) in connection.execute(forget))

    other = meanwhile(forget_one, bank)
    done = dsqlkit(*SHORT, "--hot", "4", "--json")
    other.join()
    assert done.code == 1
    assert gone
    assert f"1 key is reported as made and not in the ledger: {gone[0]}." in done.err
    assert done.document["ledger"]["found"] == done.document["ledger"]["successes"] - 1


@pytest.mark.parametrize(
    ("options", "code", "word"),
    [
        (["--rate", "0"], 2, "usage"),
        (["--rate", "-1"], 2, "usage"),
        (["--rate", "nan"], 2, "usage"),
        (["--rate", "many"], 2, "usage"),
        (["--threads", "0"], 2, "usage"),
        (["--duration", "0"], 2, "usage"),
        (["--hot", "1"], 2, "usage"),
        (["--accounts", "/nowhere/ids"], 2, "usage"),
        (["--html", "/nowhere/page.html"], 2, "usage"),
        (["--hot", "11"], 1, "too_few_accounts"),
    ],
)
def test_what_cannot_work_is_refused_and_changes_nothing(
    dsqlkit: Command, bank: KeptConnection, options: list[str], code: int, word: str
) -> None:
    where = ["--endpoint", "localhost:1"] if code == 2 else []
    refused = dsqlkit(*SHORT, *options, *where, "--json")
    assert (refused.code, refused.error["code"]) == (code, word)
    assert not tables.exists(bank, "transfers")


def test_a_ledger_of_somebody_elses_is_refused(dsqlkit: Command, bank: KeptConnection) -> None:
    with bank.connection() as connection:
        connection.execute("CREATE TABLE transfers (id int PRIMARY KEY)")
    refused = dsqlkit(*SHORT, "--json")
    assert (refused.code, refused.error["code"]) == (1, "wrong_shape")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_that_is_stopped_reports_and_proves_what_was_done(
    local_cluster: LocalAddress, bank: KeptConnection, number: signal.Signals
) -> None:
    command = [DSQLKIT, "bench", "--threads", "4", "--duration", "600", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        meanwhile(lambda: process.send_signal(number), bank).join()
        out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    document = json.loads(out)
    assert document["transfers"] == document["ledger"]["found"] == in_ledger(bank) > 0
    assert held(bank) == 1000


def test_on_a_terminal_a_line_tells_what_the_last_second_brought(
    local_cluster: LocalAddress, bank: KeptConnection
) -> None:
    with OnTerminal([DSQLKIT, "bench", "--threads", "2", "--duration", "2"]) as terminal:
        assert terminal.process.wait(60) == 0
        shown = terminal.shown.decode()
    assert re.search(r"\d of 2 s  [\d,]+/s  p50 [\d.]+ ms  p99 [\d.]+ ms  \d+ conflict", shown)
    assert re.search(r"Transfers\s+[\d,]+ in 2\.\d s", shown)

"""`invoke` and `stack bundle`: what they print, and their exit codes."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsqlkit import accounts, local
from dsqlkit.aws.invocation import latency_of
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import LocalAddress
from tests.support.commands import Command

TRANSFER = '{"payer_id": 1, "payee_id": 2, "amount": 0.10}'


def payers_balance(bank: KeptConnection) -> str:
    return accounts.plain(accounts.balance(bank, 1).balance)


@pytest.fixture
def no_fault_after() -> Iterator[None]:
    yield
    local.set_faults(local.Faults())


@pytest.mark.parametrize("flags", [[], ["--json"], ["--quiet"]])
def test_the_response_is_printed_as_json_and_nothing_else(
    dsqlkit: Command, bank: KeptConnection, flags: list[str]
) -> None:
    done = dsqlkit("invoke", "3", "--payload", '{"id": 1}', *flags)
    assert (done.code, done.err) == (0, "")
    assert done.document == {"balance": "100.000000"}


def test_the_first_chapter_asks_for_no_cluster(dsqlkit: Command) -> None:
    nowhere = ["--endpoint", "localhost:1"]
    done = dsqlkit("invoke", "1", "--payload", '{"name": "reinvent"}', *nowhere)
    assert done.document == {"greeting": "hello reinvent"}


@pytest.mark.parametrize("amount", ["0.10", '"0.1"', "0.100000"])
def test_money_in_a_payload_passes_through_no_float(
    dsqlkit: Command, bank: KeptConnection, amount: str
) -> None:
    payload = f'{{"payer_id": 1, "payee_id": 2, "amount": {amount}}}'
    assert dsqlkit("invoke", "5", "--payload", payload).document["payer_balance"] == "99.9"


def test_a_number_with_more_digits_than_a_float_has_is_taken_exactly(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    payload = '{"payer_id": 1, "payee_id": 2, "amount": 123456789012.123456}'
    refused = dsqlkit("invoke", "4", "--payload", payload, "--json")
    assert refused.error["message"] == "Insufficient balance: -123456788912.123456."


def test_a_payload_may_be_in_a_file_or_come_by_stdin(
    dsqlkit: Command, process: Command, bank: KeptConnection, tmp_path: Path
) -> None:
    file = tmp_path / "request.json"
    file.write_text('{"id": 2}')
    assert dsqlkit("invoke", "3", "--payload", f"@{file}").document == {"balance": "100.000000"}
    assert process("invoke", "3", "--payload", "-", stdin='{"id": 3}').code == 0
    missing = dsqlkit("invoke", "3", "--payload", f"@{tmp_path}/none.json", "--json")
    assert (missing.code, missing.error["code"]) == (2, "usage")


@pytest.mark.parametrize(
    ("chapter", "payload", "code", "word"),
    [
        ("3", '{"id": 99}', 1, "account_not_found"),
        ("4", '{"payer_id": 1, "payee_id": 2, "amount": "105"}', 1, "insufficient_balance"),
        ("3", '{"id": "1"}', 2, "usage"),
        ("3", '{"id": 1', 2, "usage"),
        ("3", '{"id": NaN}', 2, "usage"),
        ("3", "[" * 100_000, 2, "usage"),
        ("3", "", 2, "usage"),
        ("4", '{"payer_id": 1, "payee_id": 1, "amount": "1"}', 2, "usage"),
        ("2", "{}", 2, "usage"),
        ("8", "{}", 2, "usage"),
        ("one", "{}", 2, "usage"),
    ],
)
def test_a_refused_request_has_the_exit_code_of_its_reason(
    dsqlkit: Command, bank: KeptConnection, chapter: str, payload: str, code: int, word: str
) -> None:
    refused = dsqlkit("invoke", chapter, "--payload", payload, "--json")
    assert (refused.code, refused.error["code"]) == (code, word)
    in_words = dsqlkit("invoke", chapter, "--payload", payload)
    assert (in_words.code, in_words.out) == (code, "")
    assert in_words.err.startswith("Error: ")
    assert payers_balance(bank) == "100"


def test_no_connection_is_3(dsqlkit: Command, bank: KeptConnection) -> None:
    nowhere = ["--endpoint", "localhost:1", "--json"]
    assert dsqlkit("invoke", "3", "--payload", '{"id": 1}', *nowhere).code == 3


def test_verbose_shows_the_functions_log_line(dsqlkit: Command, bank: KeptConnection) -> None:
    record = json.loads(dsqlkit("invoke", "3", "--payload", '{"id": 1}', "-v").err.splitlines()[-1])
    assert (record["chapter"], record["outcome"], record["connections_made"]) == (3, "done", 1)


def test_many_invocations_are_summed_up_and_lose_no_money(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    many = ["--repeat", "60", "--threads", "4"]
    done = dsqlkit("invoke", "5", "--payload", TRANSFER, *many, "--json")
    assert done.code == 0
    assert list(done.document) == [
        "invocations",
        "done",
        "errors",
        "attempts",
        "latency_ms",
        "per_second",
        "elapsed_ms",
    ]
    assert (done.document["invocations"], done.document["done"]) == (60, 60)
    assert done.document["errors"] == {}
    assert sum(done.document["attempts"].values()) == 60
    latency = done.document["latency_ms"]
    assert list(latency) == ["p50", "p95", "p99", "max"]
    assert sorted(latency.values()) == list(latency.values())
    assert payers_balance(bank) == "94"
    in_words = dsqlkit("invoke", "5", "--payload", TRANSFER, "--repeat", "2")
    assert [line.split()[0] for line in in_words.out.splitlines()] == [
        "Invocations",
        "Done",
        "Errors",
        "Attempts",
        "Latency",
    ]


@pytest.mark.usefixtures("no_fault_after")
def test_errors_are_counted_and_the_gravest_is_the_exit_code(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    local.set_faults(local.Faults(conflict_every=2))
    many = ["--repeat", "6", "--json"]
    once = dsqlkit("invoke", "4", "--payload", TRANSFER, *many)
    assert (once.code, once.document["errors"], once.document["done"]) == (4, {"conflict": 3}, 3)
    assert once.document["attempts"] == {"1": 6}
    local.set_faults(local.Faults(cut_after_commit=6))
    unknown = dsqlkit("invoke", "4", "--payload", TRANSFER, *many)
    assert (unknown.code, unknown.document["errors"]) == (5, {"outcome_unknown": 1})
    assert payers_balance(bank) == "99.1"


def test_a_lost_answer_to_commit_is_found_out_where_transfers_have_a_key(
    dsqlkit: Command, bank: KeptConnection, no_fault_after: None
) -> None:
    local.set_faults(local.Faults(cut_after_commit=6))
    settled = dsqlkit("invoke", "5", "--payload", TRANSFER, "--repeat", "6", "--json")
    assert (settled.code, settled.document["errors"], settled.document["done"]) == (0, {}, 6)
    assert payers_balance(bank) == "99.4"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--repeat", "0"],
        ["--repeat", "10", "--threads", "0"],
        ["--repeat", "10", "--threads", "101"],
        ["--threads", "2"],
        ["--repeat", "many"],
    ],
)
def test_a_load_that_cannot_be_is_a_usage_error(
    dsqlkit: Command, bank: KeptConnection, arguments: list[str]
) -> None:
    refused = dsqlkit("invoke", "5", "--payload", TRANSFER, *arguments, "--json")
    assert (refused.code, refused.error["code"]) == (2, "usage")
    assert payers_balance(bank) == "100"


def test_a_request_that_none_could_answer_is_refused_once(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    many = ["--repeat", "1000", "--threads", "4", "--json"]
    refused = dsqlkit("invoke", "3", "--payload", '{"id": "1"}', *many)
    assert (refused.code, refused.error["code"]) == (2, "usage")


def test_an_interrupted_load_says_what_was_done(
    bank: KeptConnection, local_cluster: LocalAddress
) -> None:
    program = str(Path(sys.executable).with_name("dsqlkit"))
    many = ["invoke", "5", "--payload", TRANSFER, "--repeat", "100000", "--threads", "2", "--json"]
    with subprocess.Popen([program, *many], stdout=subprocess.PIPE, text=True) as running:
        give_up = time.monotonic() + 30
        while payers_balance(bank) == "100":
            assert time.monotonic() < give_up, "no transfer was made"
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=30)
    assert running.returncode == 130
    moved = json.loads(out)["done"]
    assert moved >= 1
    assert accounts.balance(bank, 2).balance * 10 == 1000 + moved


def test_percentiles_are_values_that_were_seen() -> None:
    latency = latency_of([float(each) for each in range(100, 0, -1)])
    assert latency is not None
    assert (latency.p50, latency.p95, latency.p99, latency.max) == (50, 95, 99, 100)
    only = latency_of([7.0])
    assert only is not None
    assert (only.p50, only.p99, only.max) == (7, 7, 7)
    assert latency_of([]) is None


@pytest.mark.slow
def test_stack_bundle_says_what_it_made(
    dsqlkit: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = dsqlkit("stack", "bundle", "--arch", "x86_64", "--json")
    if made.code == 1 and "the package index could not be reached" in made.out:
        pytest.skip("the package index cannot be reached")
    assert made.code == 0
    assert list(made.document) == [
        "output",
        "arch",
        "python",
        "zipped_bytes",
        "unzipped_bytes",
        "limit_bytes",
        "packages",
    ]
    assert made.document["output"] == "dsqlkit-lambda-x86_64.zip"
    assert made.document["zipped_bytes"] == (tmp_path / made.document["output"]).stat().st_size
    assert made.document["python"] == "3.13"
    refused = dsqlkit("stack", "bundle", "--arch", "mips", "--json")
    assert (refused.code, refused.error["code"]) == (2, "usage")

"""With `--json`: exactly the keys of the contract, and nothing else on stdout."""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from dsqlkit.connection import KeptConnection
from tests.support.commands import Command, Finished

MEASUREMENT = ["execution_ms", "spread_ms", "rows", "rows_scanned", "index"]
LOCAL = {"endpoint", "running", "pid", "data_dir", "faults"}


def keys(document: Mapping[str, Any]) -> list[str]:
    return list(document)


def done(finished: Finished) -> dict[str, Any]:
    assert finished.code == 0, finished.err
    return finished.document


def test_connect(dsqlkit: Command) -> None:
    document = done(dsqlkit("connect", "--json"))
    assert keys(document) == [
        "endpoint",
        "region",
        "user",
        "server_version",
        "tls",
        "token_expires_at",
        "timings_ms",
    ]
    assert keys(document["timings_ms"]) == ["token", "connect", "first_query", "round_trip"]
    assert (document["region"], document["user"]) == ("us-east-1", "admin")
    assert document["tls"] == "verify-full"
    assert document["server_version"].startswith("16.")
    assert datetime.fromisoformat(document["token_expires_at"]).tzinfo is not None


def test_init_accounts_and_balance(dsqlkit: Command, bank: KeptConnection) -> None:
    made = done(dsqlkit("init-accounts", "--count", "5", "--yes", "--json"))
    assert keys(made) == ["table", "accounts", "total_balance", "elapsed_ms"]
    assert made["total_balance"] == "500"
    assert done(dsqlkit("balance", "--id", "5", "--json")) == {"id": 5, "balance": "100"}


def test_money_has_one_form(dsqlkit: Command, bank: KeptConnection) -> None:
    """That of `transfer`, as the chapter's function answers: nothing after the last digit."""
    moved = done(dsqlkit("transfer", "1", "2", "0.500000", "--json"))
    assert moved["payer_balance"] == "99.5"
    assert done(dsqlkit("balance", "1", "--json"))["balance"] == "99.5"
    assert dsqlkit("balance", "1").out == "Account 1 holds 99.5.\n"
    assert dsqlkit("transfer", "1", "2", "0.1").out.startswith(
        "0.1 moved from 1 to 2; 1 now has 99.4 "
    )
    made = dsqlkit("init-accounts", "--count", "3", "--balance", "33.300", "--yes")
    assert "holding 99.9 together" in made.out


def test_transfer(dsqlkit: Command, bank: KeptConnection) -> None:
    moved = done(dsqlkit("transfer", "--payer", "1", "--payee", "2", "--amount", "10", "--json"))
    assert keys(moved) == [
        "payer_balance",
        "transaction_time",
        "attempts",
        "waited_ms",
        "table",
        "key",
        "replayed",
    ]
    assert (moved["payer_balance"], moved["attempts"]) == ("90", 1)
    number, unit = moved["transaction_time"][:-2], moved["transaction_time"][-2:]
    assert unit == "ms"
    assert Decimal(number).as_tuple().exponent == -3
    assert (moved["waited_ms"], moved["table"]) == (0, "accounts")
    assert str(UUID(moved["key"])) == moved["key"]
    assert moved["replayed"] is False


def test_load(dsqlkit: Command, tmp_path: Path) -> None:
    file = tmp_path / "ids.txt"
    size = ["--threads", "8", "--transactions", "100", "--rows", "10"]
    loaded = done(dsqlkit("load", *size, "--output", str(file), "--yes", "--json"))
    assert keys(loaded) == [
        "accounts",
        "transactions",
        "retries",
        "elapsed_ms",
        "rows_per_second",
        "output",
    ]
    assert (loaded["accounts"], loaded["transactions"]) == (1000, 100)


def test_explain(dsqlkit: Command) -> None:
    explained = done(dsqlkit("explain", "query", "--json"))
    assert keys(explained)[:7] == [
        "execution_ms",
        "planning_ms",
        "rows",
        "rows_scanned",
        "dpu",
        "plan",
        "findings",
    ]
    assert {"node", "relation", "index", "rows", "children"} <= set(explained["plan"])
    assert {"compute", "read", "write", "total"} <= set(explained["dpu"])
    assert isinstance(explained["findings"], list)


def test_optimize(dsqlkit: Command) -> None:
    done(dsqlkit("optimize", "--setup", "--yes", "--json"))
    optimized = done(dsqlkit("optimize", "--json"))
    assert keys(optimized) == ["before", "after", "indexes", "speedup", "scan_reduction"]
    assert keys(optimized["before"]) == keys(optimized["after"]) == [*MEASUREMENT, "dpu"]


def test_workshop(dsqlkit: Command, bank: KeptConnection) -> None:
    played = done(dsqlkit("workshop", "3", "4", "--json"))
    assert keys(played) == ["chapters"]
    assert [chapter["chapter"] for chapter in played["chapters"]] == [3, 4]
    for chapter in played["chapters"]:
        assert keys(chapter) == [
            "chapter",
            "title",
            "lesson",
            "statements",
            "result",
            "elapsed_ms",
        ]


@pytest.mark.parametrize("command", ["start", "status"])
def test_local(dsqlkit: Command, command: str) -> None:
    document = done(dsqlkit("local", command, "--json"))
    assert set(document) >= LOCAL
    assert document["running"] is True
    assert document["faults"] == {}


def test_the_sessions_of_the_local_cluster(dsqlkit: Command, bank: KeptConnection) -> None:
    document = done(dsqlkit("local", "status", "--sessions", "--json"))
    assert keys(document["sessions"][0]) == [
        "session",
        "role",
        "connected_at",
        "phase",
        "since",
        "doing",
        "for_s",
        "lost",
        "waiting_for",
        "holders",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "word", "sqlstate"),
    [
        (["balance", "--id", "99"], 1, "account_not_found", None),
        (
            ["transfer", "--payer", "1", "--payee", "2", "--amount", "101"],
            1,
            "insufficient_balance",
            None,
        ),
        (["init-accounts"], 1, "confirmation_needed", None),
        (["explain", "SELECT 1 FROM"], 1, "sql_error", "42601"),
        (["explain", "SELECT 1 / 0"], 1, "sql_error", "22012"),
        (["balance"], 2, "usage", None),
        (["balance", "--id", "x"], 2, "usage", None),
        (["unheard-of"], 2, "usage", None),
        (["workshop", "8"], 2, "usage", None),
        (["balance", "--id", "1", "--endpoint", "localhost:1"], 3, "no_connection", None),
    ],
)
def test_an_error_is_one_document_too(
    dsqlkit: Command,
    bank: KeptConnection,
    arguments: list[str],
    code: int,
    word: str,
    sqlstate: str | None,
) -> None:
    refused = dsqlkit(*arguments, "--json")
    assert (refused.code, refused.error["code"]) == (code, word)
    assert refused.error["sqlstate"] == sqlstate
    assert refused.error["message"]


def test_a_process_prints_one_line_of_json_and_nothing_else(
    process: Command, bank: KeptConnection
) -> None:
    ended = process("balance", "--id", "1", "--json")
    assert ended.err == ""
    assert ended.out.count("\n") == 1
    assert keys(json.loads(ended.out)) == ["id", "balance"]

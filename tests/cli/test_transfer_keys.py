"""`transfer` with a key: once, whoever asks how often; and what a key cannot be."""

import json
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from dsqlkit import accounts, tables
from dsqlkit.accounts import asking
from dsqlkit.connection import KeptConnection
from dsqlkit.round_trips import Answers
from tests.support.commands import Command

TRANSFER = ["transfer", "--payer", "1", "--payee", "2", "--amount", "10"]
KEY = "6f9619ff-8b86-4011-b42d-00c04fc964ff"


@pytest.fixture(autouse=True)
def _no_ledger(bank: KeptConnection) -> Iterator[None]:
    """Each test finds no table `transfers`, and leaves none of another shape behind."""
    tables.drop(bank, "transfers")
    yield
    tables.drop(bank, "transfers")


def holds(bank: KeptConnection, account: int = 1) -> Decimal:
    return accounts.balance(bank, account).balance


def ledger(bank: KeptConnection) -> list[tuple[object, ...]]:
    with bank.connection() as connection:
        query = 'SELECT key::text, "table", payer, payee, amount, payer_balance FROM transfers'
        return connection.execute(query).fetchall()


def run_sql(bank: KeptConnection, sql: str) -> None:
    with bank.connection() as connection:
        connection.execute(sql.encode())


def test_the_ledger_is_made_where_it_is_missing_and_has_the_transfer(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    made = dsqlkit(*TRANSFER, "--key", KEY, "--json")
    assert (made.document["key"], made.document["replayed"]) == (KEY, False)
    assert ledger(bank) == [(KEY, "accounts", "1", "2", 10, 90)]


def test_without_a_key_one_is_made_each_time(dsqlkit: Command, bank: KeptConnection) -> None:
    keys = [dsqlkit(*TRANSFER, "--json").document["key"] for _ in range(3)]
    assert len(set(keys)) == 3
    assert sorted(keys) == sorted(str(row[0]) for row in ledger(bank))
    assert holds(bank) == 70


def test_no_key_writes_none(dsqlkit: Command, bank: KeptConnection) -> None:
    assert dsqlkit(*TRANSFER, "--no-key", "--json").document["key"] is None
    assert holds(bank) == 90
    assert not tables.exists(bank, "transfers")


@pytest.mark.parametrize("form", [KEY, KEY.upper(), KEY.replace("-", "")])
def test_a_key_that_is_used_again_answers_what_the_first_did_and_moves_nothing(
    dsqlkit: Command, bank: KeptConnection, form: str
) -> None:
    first = dsqlkit(*TRANSFER, "--key", KEY, "--json").document
    dsqlkit(*TRANSFER)
    again = dsqlkit(*TRANSFER, "--key", form, "--json").document
    assert list(again) == list(first)
    assert (again["payer_balance"], again["replayed"]) == ("90", True)
    assert again["key"] == KEY
    assert [holds(bank, each) for each in (1, 2)] == [80, 120]
    told = dsqlkit(*TRANSFER, "--key", KEY)
    assert told.code == 0
    assert "Nothing moved now" in told.out


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM accounts WHERE id = 1",
        "DELETE FROM accounts WHERE id = 2",
        "UPDATE accounts SET balance = 0 WHERE id = 1",
        "UPDATE accounts SET balance = 999999999999 WHERE id = 2",
    ],
)
def test_a_key_is_answered_though_the_transfer_could_not_be_made_any_more(
    dsqlkit: Command, bank: KeptConnection, change: str
) -> None:
    assert dsqlkit(*TRANSFER, "--key", KEY).code == 0
    run_sql(bank, change)
    assert dsqlkit(*TRANSFER, "--key", KEY, "--json").document["payer_balance"] == "90"


@pytest.mark.parametrize(
    ("payer", "payee", "amount"),
    [("3", "2", "10"), ("1", "3", "10"), ("1", "2", "10.000001"), ("2", "1", "10")],
)
def test_a_key_of_another_transfer_is_refused(
    dsqlkit: Command, bank: KeptConnection, payer: str, payee: str, amount: str
) -> None:
    dsqlkit(*TRANSFER, "--key", KEY)
    other = ["transfer", "--payer", payer, "--payee", payee, "--amount", amount]
    refused = dsqlkit(*other, "--key", KEY, "--json")
    assert (refused.code, refused.error["code"]) == (1, "key_used")
    assert "10 from 1 to 2 in table accounts" in refused.error["message"]
    assert [holds(bank, each) for each in (1, 2, 3)] == [90, 110, 100]


def test_the_same_amount_written_otherwise_is_the_same_transfer(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    dsqlkit(*TRANSFER, "--key", KEY)
    other = ["transfer", "--payer", "01", "--payee", "2", "--amount", "10.000"]
    assert dsqlkit(*other, "--key", KEY, "--json").document["replayed"] is True


def test_a_key_whose_transfer_was_refused_is_free(dsqlkit: Command, bank: KeptConnection) -> None:
    much = ["transfer", "--payer", "1", "--payee", "2", "--amount", "101", "--key", KEY]
    assert dsqlkit(*much).code == 1
    run_sql(bank, "UPDATE accounts SET balance = 101 WHERE id = 1")
    assert dsqlkit(*much, "--json").document["replayed"] is False


@pytest.mark.parametrize("key", ["", "x", "1", KEY[:-1], KEY + "0", f"{{{KEY}}}", "' OR 1=1"])
def test_a_key_that_is_no_uuid_is_a_usage_error_found_before_any_contact(
    dsqlkit: Command, key: str
) -> None:
    refused = dsqlkit(*TRANSFER, f"--key={key}", "--endpoint", "localhost:1", "--json")
    assert (refused.code, refused.error["code"]) == (2, "usage")


def test_key_and_no_key_exclude_each_other(dsqlkit: Command) -> None:
    both = dsqlkit(*TRANSFER, "--key", KEY, "--no-key", "--endpoint", "localhost:1", "--json")
    assert (both.code, both.error["code"]) == (2, "usage")


ROWS = 'key uuid PRIMARY KEY, "table" text, payer text, payee text, amount numeric'


@pytest.mark.parametrize(
    ("columns", "difference"),
    [
        ("id int PRIMARY KEY", "it has no column key"),
        (f"{ROWS}, made_at timestamptz", "it has no column payer_balance"),
        (
            ROWS.replace("payer text", "payer int")
            + ", payer_balance numeric, made_at timestamptz",
            "column payer is integer",
        ),
        (
            ROWS.replace("uuid", "text") + ", payer_balance numeric, made_at timestamptz",
            "it does not keep what is written as it is",
        ),
        (
            ROWS.replace(" PRIMARY KEY", "") + ", payer_balance numeric, made_at timestamptz",
            "column key is no unique key",
        ),
        (
            f"{ROWS}, payer_balance numeric, made_at timestamptz, note text NOT NULL",
            "column note must be given a value",
        ),
        (
            ROWS.replace("numeric", "numeric(9, 1)") + ", payer_balance numeric, made_at date",
            "it does not keep what is written as it is",
        ),
        (
            ROWS.replace("numeric", "int") + ", payer_balance numeric, made_at timestamptz",
            "it does not keep what is written as it is",
        ),
        (
            f"{ROWS}, payer_balance int, made_at timestamptz",
            "it does not keep what is written as it is",
        ),
    ],
)
def test_a_table_of_somebody_elses_is_refused_and_nothing_changes(
    dsqlkit: Command, bank: KeptConnection, columns: str, difference: str
) -> None:
    run_sql(bank, f"CREATE TABLE transfers ({columns})")
    pair = ["transfer", "--payer", "1", "--payee", "2"]
    for key in ([], ["--key", KEY]):
        refused = dsqlkit(*pair, "--amount", "0.25", *key, "--json")
        assert (refused.code, refused.error["code"]) == (1, "wrong_shape")
        assert difference in refused.error["message"]
    assert holds(bank) == 100
    assert dsqlkit(*pair, "--amount", "10", "--no-key").code == 0


def test_a_view_in_the_ledgers_place_is_refused(dsqlkit: Command, bank: KeptConnection) -> None:
    run_sql(bank, "CREATE VIEW transfers AS SELECT id FROM accounts")
    try:
        refused = dsqlkit(*TRANSFER, "--json")
    finally:
        run_sql(bank, "DROP VIEW transfers")
    assert (refused.code, refused.error["code"]) == (1, "wrong_shape")
    assert holds(bank) == 100


def test_a_ledger_with_a_column_more_is_one(dsqlkit: Command, bank: KeptConnection) -> None:
    dsqlkit(*TRANSFER)
    run_sql(bank, "ALTER TABLE transfers ADD COLUMN note text")
    assert dsqlkit(*TRANSFER, "--json").document["payer_balance"] == "80"


def test_no_ledger_is_made_for_accounts_that_are_not_there(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    run_sql(bank, "DROP TABLE accounts")
    refused = dsqlkit(*TRANSFER, "--json")
    assert (refused.code, refused.error["sqlstate"]) == (1, "42P01")
    assert "init-accounts" in refused.error["hint"]
    assert not tables.exists(bank, "transfers")


def test_of_many_with_one_key_at_once_one_moves_and_the_others_are_told_so(
    local_cluster: object, bank: KeptConnection
) -> None:
    program = str(Path(sys.executable).with_name("dsqlkit"))
    command = [program, *TRANSFER, "--key", str(uuid4()), "--json"]
    asked = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(6)
    ]
    answers = [json.loads(each.communicate(timeout=60)[0]) for each in asked]
    assert [each.returncode for each in asked] == [0] * 6
    assert sorted(answer["replayed"] for answer in answers) == [False] + [True] * 5
    assert {answer["payer_balance"] for answer in answers} == {"90"}
    assert holds(bank) == 90


@pytest.fixture
def teller(bank: KeptConnection) -> Iterator[None]:
    """A role that may move money, and was not told of any ledger."""
    arn = "arn:aws:iam::123456789012:role/teller"
    run_sql(bank, "CREATE ROLE teller WITH LOGIN")
    run_sql(bank, f"AWS IAM GRANT teller TO '{arn}'")
    run_sql(bank, "GRANT SELECT, UPDATE ON accounts TO teller")
    yield
    run_sql(bank, f"AWS IAM REVOKE teller FROM '{arn}'")
    run_sql(bank, "REVOKE ALL ON accounts FROM teller")
    run_sql(bank, "DROP ROLE teller")


@pytest.mark.parametrize("there", [True, False])
def test_a_role_that_may_not_use_the_ledger_moves_money_without_a_key_unless_it_gave_one(
    dsqlkit: Command, bank: KeptConnection, teller: None, there: bool
) -> None:
    if there:
        tables.create(bank, "transfers")
    moved = dsqlkit(*TRANSFER, "--user", "teller", "--json")
    assert (moved.document["payer_balance"], moved.document["key"]) == ("90", None)
    assert moved.err.startswith("Moved without a key.")
    refused = dsqlkit(*TRANSFER, "--user", "teller", "--key", KEY, "--json")
    assert (refused.code, refused.error["sqlstate"]) == (1, "42501")
    assert holds(bank) == 90


@pytest.mark.parametrize("key", [[], ["--no-key"]])
def test_without_pipelines_a_transfer_makes_more_round_trips_and_says_so(
    dsqlkit: Command, bank: KeptConnection, monkeypatch: pytest.MonkeyPatch, key: list[str]
) -> None:
    monkeypatch.setattr(psycopg.Pipeline, "is_supported", classmethod(lambda _: False))
    moved = dsqlkit(*TRANSFER, *key, "-v")
    assert "pipelines: each statement makes a round trip" in moved.err
    assert moved.code == 0
    quiet = dsqlkit(*TRANSFER, *key)
    assert "pipelines" not in quiet.err
    assert holds(bank) == 80


def test_a_server_that_takes_no_pipelines_is_asked_statement_by_statement(
    dsqlkit: Command, bank: KeptConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.create(bank, "transfers")

    no_pipelines = psycopg.errors.FeatureNotSupported("pipelines are not supported")
    monkeypatch.setattr(asking, "begin", lambda *_: Answers((), no_pipelines))
    moved = dsqlkit(*TRANSFER, "-v")
    assert (moved.code, "takes no pipelines" in moved.err) == (0, True)
    assert holds(bank) == 90
    assert len(ledger(bank)) == 1

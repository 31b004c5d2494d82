"""`conflict`: a race for one row, told step by step."""

from decimal import Decimal

import pytest

from dsqlkit import accounts
from dsqlkit.connection import KeptConnection
from tests.support.commands import Command

WIDTH = 80


def test_the_later_commit_fails_and_no_statement_before_it(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    told = dsqlkit("conflict", "--json")
    assert told.code == 0, told.err
    document = told.document
    assert list(document) == ["steps", "winner", "loser_sqlstate", "loser_step"]
    assert [(step["transaction"], step["answer"]) for step in document["steps"]] == [
        ("A", "BEGIN"),
        ("B", "BEGIN"),
        ("A", "100"),
        ("B", "100"),
        ("A", "UPDATE 1"),
        ("B", "UPDATE 1"),
        ("B", "COMMIT"),
        ("A", "change conflicts with another transaction (OC000)"),
    ]
    assert [step["sqlstate"] for step in document["steps"]] == [None] * 7 + ["40001"]
    assert (document["winner"], document["loser_step"]) == ("B", "COMMIT")
    assert document["loser_sqlstate"] == "40001"


@pytest.mark.parametrize("account", [1, 7])
def test_the_account_is_left_with_what_it_held(
    dsqlkit: Command, bank: KeptConnection, account: int
) -> None:
    assert dsqlkit("conflict", "--id", str(account)).code == 0
    for each in range(1, 11):
        assert accounts.balance(bank, each).balance == Decimal(100)


def test_people_read_a_table_of_two_columns(
    dsqlkit: Command, bank: KeptConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    told = dsqlkit("conflict")
    assert told.code == 0
    lines = told.out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert "Transaction A" in lines[0]
    assert "Transaction B" in lines[0]
    assert told.out.count("UPDATE 1") == 2
    assert "40001 change conflicts" in told.out
    assert "B committed first and won; A was told at COMMIT" in " ".join(told.out.split())


def test_accounts_are_made_where_there_are_none(
    dsqlkit: Command, connections: KeptConnection
) -> None:
    with connections.connection() as connection:
        connection.execute("DROP TABLE IF EXISTS accounts")
    told = dsqlkit("conflict", "--json")
    assert told.code == 0
    assert told.document["winner"] == "B"


@pytest.mark.parametrize(
    ("account", "code"), [("99", 1), ("8e0a1b8c-6f0e-4b8e-9a53-0a3c5d8b7f11", 1), ("x", 2)]
)
def test_an_account_that_is_not_there_is_refused(
    dsqlkit: Command, bank: KeptConnection, account: str, code: int
) -> None:
    refused = dsqlkit("conflict", "--id", account)
    assert refused.code == code
    assert refused.out == ""
    assert refused.err.startswith("Error: ")

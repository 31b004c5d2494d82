"""`init-accounts`, `balance` and `transfer`, and what they refuse."""

from decimal import Decimal
from uuid import UUID

import pytest

from dsqlkit import accounts
from dsqlkit.connection import KeptConnection
from tests.support.commands import Command

MISSING = "99999999-9999-4999-9999-999999999999"


def holdings(connections: KeptConnection, table: str = "accounts") -> list[tuple[object, Decimal]]:
    with connections.connection() as connection:
        query = f"SELECT id, balance FROM {table} ORDER BY id"
        return connection.execute(query.encode()).fetchall()


def test_init_accounts_makes_the_accounts_that_balance_reads(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    made = dsqlkit("init-accounts", "--count", "12", "--balance", "250.50", "--yes", "--json")
    assert made.code == 0
    assert made.document["table"] == "accounts"
    assert made.document["accounts"] == 12
    assert Decimal(made.document["total_balance"]) == Decimal("3006")
    assert [account for account, _ in holdings(bank)] == list(range(1, 13))
    assert dsqlkit("balance", "--id", "12").out == "Account 12 holds 250.5.\n"


def test_init_accounts_replaces_rows_only_when_it_is_told_to(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    dsqlkit("transfer", "--payer", "1", "--payee", "2", "--amount", "10")
    before = holdings(bank)
    refused = dsqlkit("init-accounts")
    assert refused.code == 1
    assert "would be replaced" in refused.err
    assert "--yes" in refused.err
    assert holdings(bank) == before
    assert dsqlkit("init-accounts", "--count", "10", "--yes").code == 0
    assert holdings(bank) != before


def test_a_refill_beyond_the_row_limit_of_a_transaction_is_done_in_several(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    for count in ("6500", "10"):
        made = dsqlkit("init-accounts", "--count", count, "--yes", "--json")
        assert str(made.document["accounts"]) == count


def test_a_transfer_moves_money_and_says_so(dsqlkit: Command, bank: KeptConnection) -> None:
    done = dsqlkit("transfer", "--payer", "1", "--payee", "2", "--amount", "0.25")
    assert done.code == 0
    assert done.out.startswith("0.25 moved from 1 to 2; 1 now has 99.75 (1 attempt,")
    assert holdings(bank)[:3] == [(1, Decimal("99.75")), (2, Decimal("100.25")), (3, Decimal(100))]


def test_all_that_an_account_holds_can_be_moved(dsqlkit: Command, bank: KeptConnection) -> None:
    done = dsqlkit("transfer", "--payer", "1", "--payee", "2", "--amount", "100", "--json")
    assert done.document["payer_balance"] == "0"


def test_ids_that_are_uuids_move_money_in_accounts2(
    dsqlkit: Command, connections: KeptConnection, two_uuids: tuple[UUID, UUID]
) -> None:
    payer, payee = map(str, two_uuids)
    done = dsqlkit("transfer", "--payer", payer, "--payee", payee, "--amount", "10", "--json")
    assert (done.document["table"], done.document["payer_balance"]) == ("accounts2", "90")
    read = dsqlkit("balance", "--id", payee, "--json").document
    assert read["id"] == payee
    assert Decimal(read["balance"]) == 110


@pytest.mark.parametrize(
    ("payer", "payee", "amount", "message"),
    [
        ("99", "1", "10", "Payer account not found"),
        ("1", "99", "10", "Payee account not found"),
        ("1", "2", "100.000001", "Insufficient balance: account 1 holds 100."),
        ("2", "1", "999999999999", "Insufficient balance: account 2 holds 100."),
    ],
)
def test_a_transfer_that_the_bank_refuses_changes_nothing(
    dsqlkit: Command, bank: KeptConnection, payer: str, payee: str, amount: str, message: str
) -> None:
    before = holdings(bank)
    refused = dsqlkit("transfer", "--payer", payer, "--payee", payee, "--amount", amount)
    assert refused.code == 1
    assert message in refused.err
    assert refused.out == ""
    assert holdings(bank) == before


@pytest.mark.parametrize("side", ["payer", "payee"])
def test_a_transfer_with_an_unknown_uuid_changes_nothing(
    dsqlkit: Command, connections: KeptConnection, two_uuids: tuple[UUID, UUID], side: str
) -> None:
    before = holdings(connections, "accounts2")
    pair = {"payer": str(two_uuids[0]), "payee": str(two_uuids[1])} | {side: MISSING}
    refused = dsqlkit(
        "transfer", "--payer", pair["payer"], "--payee", pair["payee"], "--amount", "1", "--json"
    )
    assert (refused.code, refused.error["code"]) == (1, "account_not_found")
    assert holdings(connections, "accounts2") == before


@pytest.mark.parametrize("id", ["99", MISSING])
def test_an_unknown_account_has_no_balance(
    dsqlkit: Command, bank: KeptConnection, two_uuids: tuple[UUID, UUID], id: str
) -> None:
    refused = dsqlkit("balance", "--id", id, "--json")
    assert (refused.code, refused.error["code"]) == (1, "account_not_found")
    assert refused.error["message"] == f"Account {id} not found."


@pytest.mark.parametrize(
    "arguments",
    [
        ["--payer", "1", "--payee", "1", "--amount", "10"],
        ["--payer", "1", "--payee", MISSING, "--amount", "10"],
        ["--payer", MISSING, "--payee", "2", "--amount", "10"],
        ["--payer", MISSING, "--payee", MISSING.upper(), "--amount", "10"],
        ["--payer", "one", "--payee", "2", "--amount", "10"],
        ["--payer", "1", "--payee", "2"],
        *(
            ["--payer", "1", "--payee", "2", "--amount", amount]
            for amount in ("0", "-1", "NaN", "Infinity", "1e400", "0.0000001", "")
        ),
        ["--payer", "1", "--payee", "2", "--amount", "1", "--max-attempts", "0"],
        ["--payer", "1", "--payee", "2", "--amount", "1", "--max-attempts", "many"],
        ["--payer", "1", "--payee", "2", "--amount", "1", "--deadline", "nan"],
        ["--payer", "1", "--payee", "2", "--amount", "1", "--deadline", "-1"],
        ["--payer", "1", "--payee", "2", "--amount", "1", "--retries", "3"],
    ],
)
def test_a_transfer_that_can_never_work_is_a_usage_error_found_before_any_contact(
    dsqlkit: Command, bank: KeptConnection, arguments: list[str]
) -> None:
    before = holdings(bank)
    # Were this endpoint asked, the exit code would be 3.
    nowhere = ["--endpoint", "localhost:1"]
    refused = dsqlkit("transfer", *arguments, *nowhere, "--json")
    assert (refused.code, refused.error["code"]) == (2, "usage")
    assert refused.error["sqlstate"] is None
    assert holdings(bank) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["--count", "0"],
        ["--count", "1000001"],
        ["--count", "ten"],
        ["--balance", "-1"],
        ["--balance", "1e3"],
    ],
)
def test_accounts_that_cannot_be_made_are_a_usage_error(
    dsqlkit: Command, bank: KeptConnection, arguments: list[str]
) -> None:
    before = holdings(bank)
    assert dsqlkit("init-accounts", *arguments, "--yes").code == 2
    assert holdings(bank) == before


def test_a_missing_table_is_an_error_that_names_the_command_to_make_it(
    dsqlkit: Command, connections: KeptConnection
) -> None:
    with connections.connection() as connection:
        connection.execute("DROP TABLE IF EXISTS accounts")
        connection.execute("DROP TABLE IF EXISTS accounts2")
    for arguments, command in (
        (["balance", "--id", "1"], "dsqlkit init-accounts"),
        (["transfer", "--payer", "1", "--payee", "2", "--amount", "1"], "dsqlkit init-accounts"),
        (["balance", "--id", MISSING], "dsqlkit load"),
    ):
        refused = dsqlkit(*arguments, "--json")
        assert (refused.code, refused.error["sqlstate"]) == (1, "42P01")
        assert command in refused.error["hint"]
    accounts.initialise(connections, 10)

"""`workshop`: all chapters, end to end, as often as one likes."""

from decimal import Decimal

from dsqlkit import accounts, tables
from dsqlkit.connection import KeptConnection
from tests.cli.conftest import Command


def test_the_workshop_runs_from_nothing_and_again(
    dsqlkit: Command, connections: KeptConnection
) -> None:
    with connections.connection() as connection:
        for table in ("accounts", "accounts2", "accounts7"):
            connection.execute(f"DROP TABLE IF EXISTS {table}".encode())
    for _ in range(2):
        played = dsqlkit("workshop", "--json")
        assert played.code == 0, played.err
        results = {one["chapter"]: one["result"] for one in played.document["chapters"]}
        assert list(results) == [3, 4, 5, 6, 7]
        assert results[3]["tls"] == "verify-full"
        assert results[4]["attempts"] == 1
        assert Decimal(results[5]["balance_before"]) == Decimal(results[5]["balance_after"])
        assert results[5]["transfers"] == 200
        assert results[6]["accounts"] == 20_000
        assert results[7]["rows"] == 180
        assert results[7]["rows_scanned_after"] < 1000 < results[7]["rows_scanned_before"]


def test_the_workshop_keeps_what_is_there(dsqlkit: Command, bank: KeptConnection) -> None:
    total = sum(accounts.balance(bank, each).balance for each in range(1, 11))
    assert dsqlkit("workshop", "4", "5").code == 0
    assert total == sum(accounts.balance(bank, each).balance for each in range(1, 11))
    assert tables.has_rows(bank, "accounts")


def test_each_chapter_says_what_it_shows(dsqlkit: Command, bank: KeptConnection) -> None:
    played = dsqlkit("workshop", "3")
    assert played.out.startswith("Chapter 3: Connect (")
    assert "The password is a token" in played.out
    assert "TLS" in played.out
    assert played.err.strip().startswith("Next: ")


def test_a_chapter_that_is_not_there_is_a_usage_error_before_any_runs(dsqlkit: Command) -> None:
    for chapter in ("1", "8", "three"):
        refused = dsqlkit("workshop", "3", chapter)
        assert refused.code == 2
        assert refused.out == ""

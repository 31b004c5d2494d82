"""`dsqlkit cost`: what statements cost, and when that is too much."""

from decimal import Decimal
from pathlib import Path

import pytest

from dsqlkit import accounts
from dsqlkit.connection import KeptConnection
from tests.support.commands import Command

MOVE = """
BEGIN;
UPDATE accounts SET balance = balance - 1 WHERE id = :'payer';
UPDATE accounts SET balance = balance + 1 WHERE id = 2;
COMMIT;
SELECT * FROM accounts WHERE id = 1;
"""


@pytest.fixture
def bank(connections: KeptConnection) -> KeptConnection:
    """So many accounts that one is found by its key, whatever the statistics say."""
    accounts.initialise(connections, 1000)
    return connections


def test_a_script_is_costed_by_statement_and_by_transaction(
    dsqlkit: Command, bank: KeptConnection, tmp_path: Path
) -> None:
    script = tmp_path / "move.sql"
    script.write_text(MOVE)
    options = ("--param", "payer=1", "--price", "8", "--json")
    document = dsqlkit("cost", f"@{script}", *options).document
    assert list(document) == ["statements", "transactions", "total_dpu", "usd"]
    assert [list(each) for each in document["statements"]] == [
        ["sql", "compute", "read", "write", "total", "source"]
    ] * 3
    first = document["statements"][0]
    assert (first["read"], first["write"], first["source"]) == ("0.00023", "0.00625", "model")
    both, last = document["transactions"]
    assert (both["statements"], both["write"], both["read"]) == ([1, 2], "0.05000", "0.00375")
    assert both["minimums"] == ["read", "write"]
    assert (last["statements"], last["write"]) == ([3], "0.00000")
    total = sum(Decimal(each["total"]) for each in document["transactions"])
    assert abs(Decimal(document["total_dpu"]) - total) <= Decimal("0.00001")
    assert 0 < Decimal(document["usd"]) < Decimal("0.001")
    assert dsqlkit("balance", "1", "--json").document["balance"] == "100"


def test_too_much_is_exit_code_1_and_the_bill_is_shown(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    write = "UPDATE accounts SET balance = 0 WHERE id = 1"
    assert dsqlkit("cost", write, "--max-dpu", "1").code == 0
    over = dsqlkit("cost", write, "--max-dpu", "0.05", "--json")
    assert over.code == 1
    assert over.document["transactions"][0]["write"] == "0.05000"
    assert "more than --max-dpu 0.05" in over.err
    told = dsqlkit("cost", write)
    assert "minimum for read and write" in told.out
    assert "rolled back" in told.out


def test_wrong_input_is_told_before_anything_is_asked(dsqlkit: Command) -> None:
    for arguments in (
        (),
        ("SELECT 1", "--price", "-1"),
        ("SELECT 1", "--max-dpu", "much"),
        ("DROP TABLE accounts",),
        ("@nowhere.sql",),
        ("SELECT $1",),
    ):
        refused = dsqlkit("cost", *arguments, "--endpoint", "nowhere.example")
        assert refused.code == 2, arguments


def test_an_error_points_at_its_place_in_the_script(dsqlkit: Command, bank: KeptConnection) -> None:
    wrong = dsqlkit("cost", "SELECT 1;\nSELECT nothing FROM accounts")
    assert wrong.code == 1
    assert "LINE 2: SELECT nothing FROM accounts\n               ^" in wrong.err


def test_two_plans_are_compared_from_files_and_from_sql(
    dsqlkit: Command, bank: KeptConnection, tmp_path: Path
) -> None:
    point = tmp_path / "before.txt"
    point.write_text(dsqlkit("explain", "SELECT * FROM accounts WHERE id = 1", "--raw").out)
    same = dsqlkit("explain", "--compare", str(point), str(point), "--max-growth", "1")
    assert (same.code, same.out) == (0, "The plans are the same.\n")
    whole = "SELECT * FROM accounts"
    grown = dsqlkit("explain", "--compare", str(point), whole, "--max-growth", "1.2", "--json")
    assert grown.code == 1
    assert list(grown.document) == ["before", "after", "changes", "growth"]
    assert grown.document["growth"]["rows_scanned"] > 1.2
    assert "--max-growth 1.2: rows_scanned" in grown.err
    assert dsqlkit("explain", whole, "--max-growth", "2").code == 2


def test_two_plans_stand_side_by_side_on_a_page_with_the_spread_of_their_times(
    dsqlkit: Command, bank: KeptConnection, tmp_path: Path
) -> None:
    page = tmp_path / "both.html"
    point, whole = "SELECT * FROM accounts WHERE id = 1", "SELECT * FROM accounts"
    told = dsqlkit("explain", "--compare", point, whole, "--html", str(page))
    assert told.code == 0, told.err
    assert "Times are medians of 7 and 7 runs" in " ".join(told.out.split())
    text = page.read_text(encoding="utf-8")
    assert text.count("<h1>") == 3
    assert "<h1>Before</h1>" in text
    assert '<div class="sides">' in text
    assert "Index Cond: (accounts.id = 1)" in text
    assert "<script" not in text


def test_plans_of_several_statements_are_no_runs_of_one(
    dsqlkit: Command, bank: KeptConnection, tmp_path: Path
) -> None:
    several = tmp_path / "several.txt"
    one = dsqlkit("explain", "SELECT * FROM accounts WHERE id = 1", "--raw").out
    other = dsqlkit("explain", "SELECT * FROM accounts", "--raw").out
    several.write_text(one + "\n" + other)
    refused = dsqlkit("explain", "--compare", str(several), str(several))
    assert refused.code == 2
    assert "plans of several kinds" in refused.err
    several.write_text(one + "\n" + one)
    assert dsqlkit("explain", "--compare", str(several), str(several)).code == 0

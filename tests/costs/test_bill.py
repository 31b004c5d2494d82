"""Transactions of a script, and what they cost with their minimums."""

from decimal import Decimal

import pytest

from dsqlkit.costs.bill import StatementCost, bill_of
from dsqlkit.costs.script import transactions
from dsqlkit.dpu import read_dpu, rounded, write_dpu
from dsqlkit.errors import UsageError
from dsqlkit.queries import parse_queries


def _sizes(text: str) -> list[int]:
    return [len(each.statements) for each in transactions(parse_queries("script", text))]


@pytest.mark.parametrize(
    ("script", "sizes"),
    [
        ("SELECT 1", [1]),
        ("SELECT 1; SELECT 2", [1, 1]),
        ("BEGIN; SELECT 1; SELECT 2; COMMIT", [2]),
        ("start transaction; VALUES (1); end; TABLE t; begin; SELECT 1", [1, 1, 1]),
        ("-- to begin with\nBEGIN; SELECT 1; SELECT 2; ROLLBACK; SELECT 3", [2, 1]),
        ("BEGIN; COMMIT; WITH x AS (SELECT 1) SELECT * FROM x; (SELECT 1)", [1, 1]),
        ("BEGIN; SELECT 1; BEGIN; SELECT 2; COMMIT", [1, 1]),
    ],
)
def test_begin_and_commit_make_transactions(script: str, sizes: list[int]) -> None:
    assert _sizes(script) == sizes


@pytest.mark.parametrize(
    "script", ["", "BEGIN; COMMIT", "CREATE TABLE t (a int)", "SELECT 1; SET a = 1", "SELECTED"]
)
def test_what_has_no_plan_is_refused(script: str) -> None:
    with pytest.raises(UsageError):
        _sizes(script)


def _cost(compute: str, read: str, write: str, **more: str) -> StatementCost:
    parts = {"compute": compute, "read": read, "write": write, **more}
    return StatementCost("SELECT 1", {k: Decimal(v) for k, v in parts.items()}, "cluster")


def test_a_minimum_is_of_the_transaction_and_not_of_its_statements() -> None:
    each = _cost("0.001", "0.00023", "0.00625")
    together, apart = bill_of([[each, each]]), bill_of([[each], [each]])
    assert together.total == Decimal("0.05575")
    assert together.transactions[0].raised == ("read", "write")
    assert together.transactions[0].statements == (1, 2)
    assert apart.total == Decimal("0.1095")
    assert [t.statements for t in apart.transactions] == [(1,), (2,)]


def test_nothing_read_and_nothing_written_has_no_minimum() -> None:
    [one] = bill_of([[_cost("0.5", "0", "0")]]).transactions
    assert (one.total, one.raised) == (Decimal("0.5"), ())


def test_above_its_minimum_a_part_is_what_it_is() -> None:
    bill = bill_of([[_cost("0", "1.92177", "51.20039")]], Decimal(8))
    assert bill.total == Decimal("53.12216")
    assert bill.usd == Decimal("0.00042497728")


def test_a_multi_region_write_has_the_minimum_of_a_write() -> None:
    parts = {"multi-region write": "0.01748"}
    [one] = bill_of([[_cost("0", "0", "0.01748", **parts)]]).transactions
    assert one.total == Decimal("0.1")


def test_the_formulas_give_recorded_figures() -> None:
    # github.com/faridnsh/aurora-dsql-pricing, 2026-04-28: two rows of 1 MiB without a key; one with
    # an int as key and 508 bytes; a transaction's least.
    assert rounded(write_dpu(2 * (1024 * 1024 + 20))) == Decimal("102.40195")
    assert rounded(write_dpu(508 + 12)) == Decimal("0.02539")
    assert rounded(write_dpu(128)) == Decimal("0.00625")
    assert rounded(read_dpu(2048)) == Decimal("0.00375")

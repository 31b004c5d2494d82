"""What a load costs by the model."""

from decimal import Decimal

import pytest

from dsqlkit.loading.price import load_cost


@pytest.mark.parametrize(
    ("transactions", "rows", "write", "read"),
    [
        (1, 1000, "6.25", "0.234375"),
        (20, 1000, "125", "4.6875"),
        (3, 1, "0.15", "0.01125"),  # a transaction's minimums
        (2, 8, "0.1", "0.0075"),
        (1, 16, "0.1", "0.00375"),
    ],
)
def test_a_row_is_an_entry_and_a_transaction_has_its_minimums(
    transactions: int, rows: int, write: str, read: str
) -> None:
    cost = load_cost(transactions, rows)
    assert (cost.write, cost.read) == (Decimal(write), Decimal(read))
    assert cost.a_row == Decimal("0.00625")

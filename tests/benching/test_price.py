"""What a transfer of a bench costs, asked of the cluster."""

from decimal import Decimal

from dsqlkit import accounts, tables
from dsqlkit.accounts import ledger
from dsqlkit.bench.participants import Participants
from dsqlkit.bench.price import transfer_cost
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import Endpoint


def test_a_transfer_costs_the_minimums_of_a_transaction_and_changes_nothing(
    bank: KeptConnection, endpoint: Endpoint
) -> None:
    tables.drop(bank, "transfers")
    ledger.have(bank)
    among = Participants("accounts", (1, 2))
    cost = transfer_cost(bank, endpoint, among)
    assert cost is not None
    assert (cost.parts["write"], cost.parts["read"]) == (Decimal("0.05"), Decimal("0.00375"))
    assert (cost.raised, cost.source) == (("read", "write"), "model")
    with bank.connection() as connection:
        assert connection.execute("SELECT count(*) FROM transfers").fetchone() == (0,)
    assert accounts.balance(bank, 1).balance == 100


def test_without_a_ledger_nobody_says_what_it_costs(
    bank: KeptConnection, endpoint: Endpoint
) -> None:
    tables.drop(bank, "transfers")
    assert transfer_cost(bank, endpoint, Participants("accounts", (1, 2))) is None

"""What a transfer of a bench costs in DPU: its statements explained once, and rolled back."""

from uuid import uuid4

from dsqlkit.bench.participants import Participants
from dsqlkit.connection import Connections
from dsqlkit.costs.asking import cost_of
from dsqlkit.costs.bill import Source, TransactionCost
from dsqlkit.costs.script import Transaction
from dsqlkit.endpoint import Endpoint
from dsqlkit.errors import DsqlkitError
from dsqlkit.queries import load


def transfer_cost(
    connections: Connections, endpoint: Endpoint, among: Participants
) -> TransactionCost | None:
    """The DPU of one transfer, with the minimums of its transaction; None where nobody says.

    A bench is not lost for want of it, so what goes wrong is not raised.
    """
    payer, payee, amount = str(among.ids[0]), str(among.ids[1]), "0.01"
    values = {
        "ledger": {"key": str(uuid4()), "payer": payer, "payee": payee, "amount": amount},
        "debit": {"payer": payer, "amount": amount},
        "credit": {"payee": payee, "amount": amount},
    }
    statements = tuple(load(f"{among.table}_{part}", given) for part, given in values.items())
    try:
        with connections.connection() as connection:
            source: Source = "model" if endpoint.is_local else "cluster"
            bill = cost_of(connection, (Transaction(statements),), source=source)
    except DsqlkitError:
        return None
    return bill.transactions[0]

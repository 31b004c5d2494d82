"""What a transfer of a bench costs in DPU: its statements explained once, and rolled back."""

from dataclasses import replace
from decimal import Decimal
from typing import Final
from uuid import uuid4

from dsqlkit.bench.participants import Participants
from dsqlkit.connection import Connections
from dsqlkit.costs.asking import cost_of
from dsqlkit.costs.bill import Source, TransactionCost
from dsqlkit.costs.script import Transaction
from dsqlkit.endpoint import Endpoint
from dsqlkit.errors import DsqlkitError
from dsqlkit.queries import load

_PARTS: Final = ("ledger", "debit", "credit")


def transfer_cost(
    connections: Connections, endpoint: Endpoint, among: Participants
) -> TransactionCost | None:
    """The DPU of one transfer, with the minimums of its transaction; None where nobody says.

    A bench is not lost for want of it, so what goes wrong is not raised.
    """
    values = {
        "key": uuid4(),
        "payer": among.ids[0],
        "payee": among.ids[1],
        "amount": Decimal("0.01"),
    }
    named = (load(f"{among.table}_{part}") for part in _PARTS)
    statements = tuple(replace(each, parameters=values) for each in named)
    try:
        with connections.connection() as connection:
            source: Source = "model" if endpoint.is_local else "cluster"
            bill = cost_of(connection, (Transaction(statements),), source=source)
    except DsqlkitError:
        return None
    return bill.transactions[0]

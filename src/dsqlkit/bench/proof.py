"""The proof of a bench: money was neither made nor lost, and the ledger has what was reported.

Both hold beside other clients on the same tables. The sum is taken over the whole table in one
snapshot, and whoever transfers leaves it as it is; only who adds, removes or sets balances changes
it. Over accounts that nobody else knows of it is taken over these alone. The ledger is asked for
this bench's own keys, each made for it at random, so that no row of another's counts or is missed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum
from itertools import islice
from typing import Final
from uuid import UUID

from dsqlkit.accounts.ledger import Entry
from dsqlkit.bench.participants import Participants
from dsqlkit.bench.script import Order
from dsqlkit.connection import Connections
from dsqlkit.queries import statement
from dsqlkit.transaction import read_alone

_BATCH: Final = 2000


class Report(IntEnum):
    """What a client was told of an order."""

    NOT_MADE = 0
    MADE = 1
    UNKNOWN = 2


@dataclass(frozen=True, slots=True)
class Sum:
    """How many accounts there are, and what they hold together."""

    accounts: int
    balance: Decimal


@dataclass(slots=True)
class Proof:
    """What the ledger says of a bench's orders. `missing`, `unexpected` and `different` are keys:
    reported as made and not in the ledger; in it and reported as not made; in it with other ids or
    another amount. Of those reported as unknown, `unknown_made` are in it.
    """

    found: int = 0
    unknown_made: int = 0
    missing: list[UUID] = field(default_factory=list)
    unexpected: list[UUID] = field(default_factory=list)
    different: list[UUID] = field(default_factory=list)

    def judge(self, table: str, order: Order, report: Report, entry: Entry | None) -> None:
        """Take in what the ledger has under one order's key."""
        if entry is None:
            if report is Report.MADE:
                self.missing.append(order.key)
            return
        self.found += 1
        self.unknown_made += report is Report.UNKNOWN
        if report is Report.NOT_MADE:
            self.unexpected.append(order.key)
        ordered = (table, str(order.payer), str(order.payee), order.amount)
        if (entry.table, entry.payer, entry.payee, entry.amount) != ordered:
            self.different.append(order.key)


def total(connections: Connections, among: Participants) -> Sum:
    """What there is to compare before and after: the whole table, or these accounts alone."""
    path = f"bench/{among.table}_total_of.sql" if among.own else f"{among.table}/total.sql"
    values = {"ids": list(among.ids)} if among.own else {}
    row = read_alone(connections, lambda c: c.execute(statement(path), values).fetchone())
    assert row is not None, "an aggregate always gives a row"
    return Sum(*row)


def prove(connections: Connections, table: str, reports: Iterable[tuple[Order, Report]]) -> Proof:
    """Look each order up in the ledger. Raises what `transaction.run` raises."""
    proof = Proof()
    left = iter(reports)
    while some := list(islice(left, _BATCH)):
        entries = _entries(connections, [order.key for order, _ in some])
        for order, report in some:
            proof.judge(table, order, report, entries.get(order.key))
    return proof


def _entries(connections: Connections, keys: Sequence[UUID]) -> dict[UUID, Entry]:
    query = statement("transfers/of_keys.sql")
    rows = read_alone(connections, lambda c: c.execute(query, {"keys": keys}).fetchall())
    return {row[0]: Entry(*row) for row in rows}

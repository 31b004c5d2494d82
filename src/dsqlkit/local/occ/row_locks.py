"""Row locks at COMMIT: what PostgreSQL forgets of them then, but older transactions are to find."""

from typing import TYPE_CHECKING, Final

from dsqlkit.local.dialect.refusal import DATA_CONFLICT
from dsqlkit.local.occ.changes import Ask
from dsqlkit.local.occ.open_transaction import OpenTransaction, SharedKey

if TYPE_CHECKING:
    from dsqlkit.local.session.session import Session

_CLAIM_LOCKED: Final = "SELECT dsqlkit.claim_locked($1, $2::regclass)"
_SHARED_KEYS: Final = """
SELECT $2::regclass::oid::text, sharer, maker, row_key FROM dsqlkit.shared_keys($1, $2::regclass)
"""
_REMOVED_KEY: Final = "SELECT dsqlkit.removed_key($1, $2::regclass, $3, $4, $5)"


async def settle_locks(session: "Session", ask: Ask, transaction: OpenTransaction) -> None:
    """See to it that a transaction that commits respects what others have locked and committed
    since it began, and that those which began before find the rows that it has locked.

    Raises exchange.Refused. `ask` asks inside the transaction, as the endpoint.
    """
    adjudicator = session.adjudicator
    for shared in adjudicator.history.shared_since(transaction) if transaction.claimed else ():
        rows = await ask(_REMOVED_KEY, shared.table, shared.sharer, shared.maker, shared.key)
        if rows[0][0] == "t":
            transaction.lost = DATA_CONFLICT
            return
    if adjudicator.has_others(session):
        for table in sorted(transaction.locked):
            await ask(_CLAIM_LOCKED, table)
        for table in sorted(transaction.shared):
            for row in await ask(_SHARED_KEYS, table):
                transaction.shared_keys.append(SharedKey(*map(str, row)))

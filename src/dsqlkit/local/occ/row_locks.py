"""Row locks at COMMIT: what PostgreSQL forgets of them then, but older transactions are to find."""

from typing import Final

from dsqlkit.local.dialect.refusal import DATA_CONFLICT
from dsqlkit.local.occ.adjudicator import Adjudicator
from dsqlkit.local.occ.changes import Ask
from dsqlkit.local.occ.open_transaction import OpenTransaction, SharedKey

_CLAIM_LOCKED: Final = "SELECT dsqlkit.claim_locked($1, $2::regclass)"
_SHARED_KEYS: Final = """
SELECT $2::regclass::oid::text, sharer, maker, row_key FROM dsqlkit.shared_keys($1, $2::regclass)
"""
_REMOVED_KEY: Final = "SELECT dsqlkit.removed_key($1, $2::regclass, $3, $4, $5)"


async def settle_locks(adjudicator: Adjudicator, ask: Ask, transaction: OpenTransaction) -> None:
    """See to it that a transaction that commits respects what others have locked and committed
    since it began, and that those which began before find the rows that it has locked.

    Raises exchange.Refused. `ask` asks inside the transaction, as the endpoint.
    """
    touched = transaction.touched
    for shared in adjudicator.history.shared_since(transaction) if touched.claimed else ():
        rows = await ask(_REMOVED_KEY, shared.table, shared.sharer, shared.maker, shared.key)
        if rows[0][0] == "t":
            transaction.lose(DATA_CONFLICT)
            return
    if adjudicator.has_others(transaction):
        for table in sorted(touched.locked):
            await ask(_CLAIM_LOCKED, table)
        for table in sorted(touched.shared):
            for row in await ask(_SHARED_KEYS, table):
                touched.shared_keys.append(SharedKey(*map(str, row)))

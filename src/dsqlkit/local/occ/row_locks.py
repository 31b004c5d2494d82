"""Row locks at COMMIT: what PostgreSQL forgets of them then, but older transactions are to find."""

from collections.abc import Mapping
from typing import Final

from dsqlkit.local.dialect.refusal import DATA_CONFLICT
from dsqlkit.local.occ.adjudicator import Adjudicator
from dsqlkit.local.occ.at_overlays import AtOverlays
from dsqlkit.local.occ.changes import Ask
from dsqlkit.local.occ.open_transaction import OpenTransaction
from dsqlkit.local.occ.touched import SharedKey
from dsqlkit.local.statements.quoting import array

_CLAIM_LOCKED: Final = "SELECT dsqlkit.claim_locked($1, $2::regclass, $3::tid[])"
_SHARED_KEYS: Final = """
SELECT $2::regclass::oid::text, sharer, maker, row_key, place
FROM dsqlkit.shared_keys($1, $2::regclass, $3::tid[])
"""
_REMOVED_KEY: Final = "SELECT dsqlkit.removed_key($1, $2::regclass, $3, $4, $5, $6::tid)"
_OID: Final = "SELECT $2::regclass::oid::text WHERE $1 <> ''"


async def settle_locks(
    adjudicator: Adjudicator, ask: Ask, overlays: AtOverlays, transaction: OpenTransaction
) -> None:
    """See to it that a transaction that commits respects what others have locked and committed
    since it began, and that those which began before find the rows that it has locked.

    Raises exchange.Refused. `ask` asks inside the transaction, as the endpoint.
    """
    touched = transaction.touched
    for each in adjudicator.history.shared_since(transaction) if touched.claimed else ():
        rows = await ask(_REMOVED_KEY, each.table, each.sharer, each.maker, each.key, each.place)
        if rows[0][0] == "t":
            transaction.lose(DATA_CONFLICT)
            return
    if not (touched.locked or touched.shared) or not adjudicator.has_others(transaction):
        return
    places = await overlays.locked_places(transaction)
    for table in sorted(touched.locked):
        await ask(_CLAIM_LOCKED, table, await _places_in(table, places, ask))
    for table in sorted(touched.shared):
        for row in await ask(_SHARED_KEYS, table, await _places_in(table, places, ask)):
            touched.shared_keys.append(SharedKey(*map(str, row)))


async def _places_in(table: str, places: Mapping[str, set[str]] | None, ask: Ask) -> str | None:
    """Where the rows may be that were locked; None for anywhere."""
    if places is None:
        return None
    oid = (await ask(_OID, table))[0][0]
    return array(sorted(places.get(str(oid), ())))

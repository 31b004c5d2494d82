"""Row locks at COMMIT: what PostgreSQL forgets of them then, but older transactions are to find."""

from collections.abc import Mapping
from typing import Final

from dsqlkit.local.dialect.refusal import DATA_CONFLICT
from dsqlkit.local.occ.adjudicator import Adjudicator
from dsqlkit.local.occ.changes import Ask
from dsqlkit.local.occ.locked_places import LockedPlaces
from dsqlkit.local.occ.open_transaction import OpenTransaction
from dsqlkit.local.occ.touched import SharedKey
from dsqlkit.local.statements.quoting import array

_CLAIM_LOCKED: Final = "SELECT dsqlkit.claim_locked($1, $2::regclass, $3::tid[])"
_SHARED_KEYS: Final = """
SELECT $2::regclass::oid::text, sharer, maker, row_key, place
FROM dsqlkit.shared_keys($1, $2::regclass, $3::tid[])
"""
_REMOVED_KEY: Final = "SELECT dsqlkit.removed_key($1, $2::regclass, $3, $4, $5, $6::tid)"
_TABLES: Final = "SELECT relation::text, is_named FROM dsqlkit.tables_behind($1, $2::text[])"


class RowLocks:
    """The row locks of one session's transactions. `ask` asks inside them, as the endpoint."""

    def __init__(self, adjudicator: Adjudicator, ask: Ask, places: LockedPlaces) -> None:
        self._adjudicator = adjudicator
        self._ask = ask
        self._places = places

    async def settle(self, transaction: OpenTransaction) -> None:
        """See to it that a transaction that commits respects what others have locked and committed
        since it began, and that those which began before find the rows that it has locked.

        Raises exchange.Refused.
        """
        adjudicator, ask, touched = self._adjudicator, self._ask, transaction.touched
        for each in adjudicator.history.shared_since(transaction) if touched.claimed else ():
            rows = await ask(
                _REMOVED_KEY, each.table, each.sharer, each.maker, each.key, each.place
            )
            if rows[0][0] == "t":
                transaction.lose(DATA_CONFLICT)
                return
        if not (touched.locked or touched.shared) or not adjudicator.has_others(transaction):
            return
        locked = await ask(_TABLES, array(touched.locked))
        shared = await ask(_TABLES, array(touched.shared))
        has_views = any(is_named == "f" for _, is_named in (*locked, *shared))
        places = None if has_views else await self._places.find(touched)
        for relation in (str(oid) for oid, _ in locked):
            await ask(_CLAIM_LOCKED, relation, _places_in(relation, places))
        for relation in (str(oid) for oid, _ in shared):
            for row in await ask(_SHARED_KEYS, relation, _places_in(relation, places)):
                touched.shared_keys.append(SharedKey(*map(str, row)))


def _places_in(relation: str, places: Mapping[str, set[str]] | None) -> str | None:
    """Where the rows of a table (oid) may be that were locked; None for anywhere."""
    return None if places is None else array(sorted(places.get(relation, ())))

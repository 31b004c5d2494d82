"""Which tables of a transaction have overlays: those that its statements name, once they do."""

from collections.abc import Iterable
from typing import Final

from dsqlkit.local.backend.conversation import Conversation
from dsqlkit.local.occ.open_transaction import OpenTransaction
from dsqlkit.local.occ.overlays import Overlays
from dsqlkit.local.statements.quoting import array

_OIDS: Final = """
SELECT name, c.oid::text FROM pg_catalog.unnest($1::text[]) AS u (name), LATERAL (
    SELECT dsqlkit.behind(name) AS oid
) AS f
JOIN pg_catalog.pg_class c USING (oid)
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^(pg_|dsqlkit)'
AND n.nspname NOT IN ('information_schema', 'sys')
"""


class Covering:
    """The covering of one session's transactions."""

    def __init__(self, conversation: Conversation, overlays: Overlays) -> None:
        self._conversation = conversation
        self._overlays = overlays

    async def cover(
        self, transaction: OpenTransaction, tables: Iterable[str], path: str | None = None
    ) -> None:
        """See to it that these tables, as SQL writes their names, have overlays. `path` is the
        search path, where it is known. Raises exchange.Refused."""
        missing = [table for table in tables if table not in transaction.covered_names]
        if not missing:
            return
        known = {table: self._overlays.known_table(path or "", table) for table in missing}
        found = {table: oid for table, oid in known.items() if oid is not None}
        if len(found) < len(missing):
            found = await self.oids(missing)
            if path:
                self._overlays.keep_tables(path, found)
        transaction.overlaid.update(await self._overlays.ensure(found.values()))
        transaction.covered.update(found.values())
        # The others may be found on a search path that the transaction sets again.
        transaction.covered_names.update(found)

    async def oids(self, tables: Iterable[str]) -> dict[str, str]:
        """The tables behind these names, by name. Raises exchange.Refused."""
        rows = await self._conversation.ask(_OIDS, array(sorted(set(tables))))
        return {str(name): str(oid) for name, oid in rows}

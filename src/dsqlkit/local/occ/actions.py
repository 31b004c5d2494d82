"""Actions of foreign keys: to which tables a change of rows may be passed on.

PostgreSQL passes it on to rows as they are now. A row that others have changed or deleted since a
transaction's snapshot may no longer lead to the parent that it led to there: then the action leaves
it alone, although the transaction sees it.
"""

from collections.abc import Iterable
from typing import Final

from dsqlkit.local.occ.changes import Ask
from dsqlkit.local.statements.quoting import array
from dsqlkit.local.statements.statement import Statement

_REACHED: Final = "SELECT pg_catalog.unnest(dsqlkit.acted_on($1::text[], $2::text[]))"


class Actions:
    """Those of a cluster's foreign keys, as far as statements have asked for them. `ask` asks
    outside of any transaction."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._known: dict[frozenset[tuple[str, str]], frozenset[str]] = {}
        self._changes = 0

    def forget(self) -> None:
        """A schema has changed."""
        self._changes += 1
        self._known.clear()

    def reached(self, statement: Statement) -> frozenset[str] | None:
        """The names of the tables whose rows may change with those that a statement changes, and of
        all that are linked to them; none if nothing is passed on, None if that is not known yet."""
        return self._known.get(statement.changes) if statement.changes else frozenset()

    async def learn(self, statements: Iterable[Statement]) -> None:
        """Find out what these statements reach."""
        asked = {each.changes for each in statements if each.changes}
        for changes in asked - self._known.keys():
            before = self._changes
            tables, columns = zip(*changes, strict=True)
            rows = await self._ask(_REACHED, array(tables), array(columns))
            if before == self._changes:
                self._known[changes] = frozenset(str(name) for (name,) in rows)

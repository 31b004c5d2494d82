"""The overlays of a cluster's tables: made when first needed, by the endpoint's own connection."""

import asyncio
from collections.abc import Iterable
from typing import Final

from dsqlkit.local.occ.changes import array
from dsqlkit.local.occ.lock_monitor import Monitor
from dsqlkit.local.occ.overlay_ddl import statements
from dsqlkit.local.occ.overlay_shape import Shape, read_shape

_WITHOUT: Final = "SELECT relation::text, shape FROM dsqlkit.without_overlay($1::oid[])"
_REACHED: Final = "SELECT r::text FROM dsqlkit.reached_in_order($1::oid[]) AS r"
_MADE: Final = """
SELECT dsqlkit.overlay_made($1::oid, $2, $3::text[]::regclass[], $4::text::regclass)
"""
_WITHOUT_EVENTS: Final = "SET LOCAL session_replication_role = replica"
"""Event triggers are for what clients make."""


class Overlays:
    """One for all sessions of a cluster."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._ready: set[str] = set()
        self._reached: dict[frozenset[str], tuple[str, ...]] = {}
        self._names: set[tuple[str, str]] = set()
        self._making = asyncio.Lock()
        self._changes = 0

    def forget(self) -> None:
        """The schema has changed: an overlay may no longer be what its table is."""
        self._changes += 1
        self._ready.clear()
        self._reached.clear()

    def has(self, schema: str, name: str) -> bool:
        """Whether a table or view of this name has had an overlay."""
        return (schema, name) in self._names

    async def reached(self, relations: Iterable[str]) -> tuple[str, ...]:
        """These tables (oids) and all that a statement at one of them reaches, parents first."""
        wanted = frozenset(relations)
        if wanted not in self._reached:
            rows = await self._monitor.ask(_REACHED, array(wanted))
            self._reached[wanted] = tuple(str(row[0]) for row in rows)
        return self._reached[wanted]

    async def ensure(self, relations: Iterable[str]) -> None:
        """Make the overlays of these tables (oids), and of all that they reach, as far as they are
        missing.

        Raises changes.Locked while somebody changes the schema of one, and psycopg.Error.
        """
        wanted = set(relations)
        if wanted <= self._ready:
            return
        async with self._making:
            changes = self._changes
            for relation, text in await self._monitor.ask(_WITHOUT, array(wanted)):
                await self._make(str(relation), str(text))
            if changes == self._changes:
                self._ready |= wanted

    async def _make(self, relation: str, text: str) -> None:
        shape: Shape = read_shape(text)
        async with self._monitor.transaction() as run:
            await run(_WITHOUT_EVENTS)
            for statement in statements(shape):
                await run(statement)
            await run(_MADE, relation, text, array(shape.parts), shape.view)
        self._names.add((shape.schema, shape.name))

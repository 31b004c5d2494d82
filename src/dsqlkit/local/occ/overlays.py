"""The overlays of a cluster's tables: made when first needed, by the endpoint's own connection."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from dsqlkit.local.occ.changes import array
from dsqlkit.local.occ.lock_monitor import Monitor
from dsqlkit.local.occ.overlay_ddl import statements
from dsqlkit.local.occ.overlay_shape import Shape, read_shape
from dsqlkit.local.statements.statement import EVERY_TABLE

_TO_LAY_OVER: Final = """
SELECT relation::text, schema_name, name, shape FROM dsqlkit.to_lay_over($1::oid[])
"""
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
        self._ready: dict[frozenset[str], frozenset[tuple[str, str]]] = {}
        self._reached: dict[frozenset[str], tuple[str, ...]] = {}
        self._tables: dict[tuple[str, str], str] = {}
        self.names: dict[str, tuple[str, str]] = {}
        """The schemas and names of the tables (oids) that have overlays."""
        self._making = asyncio.Lock()
        self._changes = 0

    def forget(self, tables: Collection[str]) -> None:
        """The schema of these tables has changed, as their names without schema say, or of any:
        an overlay may no longer be what its table is."""
        self._changes += 1
        self._ready = {
            wanted: covered
            for wanted, covered in self._ready.items()
            if EVERY_TABLE not in tables and not any(name in tables for _, name in covered)
        }
        self._reached.clear()
        self._tables.clear()

    def known_table(self, path: str, name: str) -> str | None:
        """The table (oid) that a name leads to where this is the search path, if that is known."""
        return self._tables.get((path, name))

    def keep_tables(self, path: str, tables: Mapping[str, str]) -> None:
        """Keep in mind what these names lead to where this is the search path."""
        self._tables.update(((path, name), oid) for name, oid in tables.items())

    async def key(self) -> str:
        """What the functions that fill and empty overlays know the endpoint by."""
        return await self._monitor.key()

    async def reached(self, relations: Iterable[str]) -> tuple[str, ...]:
        """These tables (oids) and all that a statement at one of them reaches, parents first."""
        wanted = frozenset(relations)
        if wanted not in self._reached:
            rows = await self._monitor.ask(_REACHED, array(wanted))
            self._reached[wanted] = tuple(str(row[0]) for row in rows)
        return self._reached[wanted]

    async def ensure(self, relations: Iterable[str]) -> frozenset[tuple[str, str]]:
        """Make the overlays of these tables (oids), and of all that they reach, as far as they are
        missing. Gives the schemas and names of all.

        Raises changes.Locked while somebody changes the schema of one, and psycopg.Error.
        """
        wanted = frozenset(relations)
        if (ready := self._ready.get(wanted)) is not None:
            return ready
        async with self._making:
            changes = self._changes
            names = set()
            for relation, schema, name, text in await self._monitor.ask(
                _TO_LAY_OVER, array(wanted)
            ):
                if text is not None:
                    await self._make(str(relation), text)
                self.names[str(relation)] = str(schema), str(name)
                names.add((str(schema), str(name)))
            if changes == self._changes:
                self._ready[wanted] = frozenset(names)
            return frozenset(names)

    async def _make(self, relation: str, text: str) -> None:
        shape: Shape = read_shape(text)
        async with self._monitor.transaction() as run:
            await run(_WITHOUT_EVENTS)
            for statement in statements(shape):
                await run(statement)
            await run(_MADE, relation, text, array(shape.parts), shape.view)

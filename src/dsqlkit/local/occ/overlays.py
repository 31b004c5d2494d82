"""The overlays of a cluster's tables: made when first needed, by the endpoint's own connection."""

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from dsqlkit.local.occ.changes import Locked
from dsqlkit.local.occ.lock_monitor import Monitor
from dsqlkit.local.occ.overlay_ddl import statements
from dsqlkit.local.occ.overlay_shape import Shape, read_shape
from dsqlkit.local.statements.quoting import array, named
from dsqlkit.local.statements.statement import EVERY_TABLE

_TO_LAY_OVER: Final = """
SELECT relation::text, schema_name, name, shape FROM dsqlkit.to_lay_over($1::oid[])
"""
_REACHED: Final = "SELECT r::text FROM dsqlkit.reached_in_order($1::oid[]) AS r"
_MADE: Final = """
SELECT dsqlkit.overlay_made($1::oid, $2, $3::text[]::regclass[], $4::text::regclass)
"""
_SHAPE: Final = "SELECT dsqlkit.shape_of($1::oid)"
_WITHOUT_EVENTS: Final = "SET LOCAL session_replication_role = replica"
"""Event triggers are for what clients make."""
_CHANGED: Final = ("23", "2B", "3F", "40", "42", "55", "XX")
"""Classes of SQLSTATEs with which PostgreSQL tells that what was looked up is another by now."""
_TRIES: Final = 3

_log = logging.getLogger(__name__)


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
        import psycopg

        wanted = frozenset(relations)
        if (ready := self._ready.get(wanted)) is not None:
            return ready
        async with self._making:
            changes = self._changes
            for left in reversed(range(_TRIES)):
                try:
                    names = await self._make_missing(wanted)
                    break
                except psycopg.Error as error:
                    if not (error.sqlstate or "").startswith(_CHANGED):
                        raise
                    if not left:
                        _log.warning("no overlay can be made: %s", error)
                        raise Locked from error
            if changes == self._changes:
                self._ready[wanted] = names
            return names

    async def _make_missing(self, wanted: Iterable[str]) -> frozenset[tuple[str, str]]:
        names = set()
        for relation, schema, name, text in await self._monitor.ask(_TO_LAY_OVER, array(wanted)):
            its = str(schema), str(name)
            if text is not None:
                await self._make(str(relation), its, read_shape(text))
            self.names[str(relation)] = its
            names.add(its)
        return frozenset(names)

    async def _make(self, relation: str, name: tuple[str, str], shape: Shape) -> None:
        async with self._monitor.transaction() as run:
            await run(_WITHOUT_EVENTS)
            if shape.definition is None:
                # Its shape of now, which nobody changes until the overlay is there.
                await run(f"LOCK TABLE ONLY {named(*name)} IN ACCESS SHARE MODE")
            ((text,),) = await run(_SHAPE, relation)
            if text is None or (shape := read_shape(text)).base != named(*name):
                raise Locked
            for statement in statements(shape):
                await run(statement)
            await run(_MADE, relation, text, array(shape.parts), shape.view)

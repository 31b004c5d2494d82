"""Functions that write rows, and views and defaults that call them.

The tag of a statement that uses one does not tell of those rows: they have to be counted apart
(session/counting.py). All other statements pay nothing for it.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from dsqlkit.local.backend.question import Rows
from dsqlkit.local.dialect.reading import read
from dsqlkit.local.statements.statement import Made, Statement

_DEFINITIONS: Final = """
SELECT dsqlkit.functiondef(p.oid)
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspowner <> 10 AND p.prokind = 'f'
UNION ALL
SELECT pg_catalog.format('CREATE VIEW %I AS %s', c.relname, dsqlkit.viewdef(c.oid))
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspowner <> 10 AND c.relkind = 'v'
UNION ALL
SELECT pg_catalog.format('ALTER TABLE %I ALTER COLUMN %I SET DEFAULT %s', c.relname, a.attname,
    pg_catalog.pg_get_expr(d.adbin, d.adrelid))
FROM pg_catalog.pg_attrdef d JOIN pg_catalog.pg_class c ON c.oid = d.adrelid
JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspowner <> 10 AND a.attgenerated = ''
"""
"""As statements that would make them. What the superuser owns is the endpoint's."""


class Writers:
    """What of a cluster's functions, views and tables writes rows when it is used, by name.

    A name may be that of something else in another schema: then rows are counted in vain.
    """

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._users: dict[str, set[str]] = {}
        """By the name of what is used, the names of what uses it."""

    async def load(self, ask: Callable[..., Awaitable[Rows]]) -> None:
        """Learn what is there since before this process. Raises psycopg.Error."""
        for (definition,) in await ask(_DEFINITIONS):
            made = read((definition or "").encode()).statement.made
            if made is not None:
                self.made(made)

    def made(self, made: Made) -> None:
        """Something is made, or may be. What is dropped stays."""
        for used in made.uses:
            self._users.setdefault(used, set()).add(made.name)
        found = [made.name] if made.writes or not self._names.isdisjoint(made.uses) else []
        while found:
            name = found.pop()
            if name not in self._names:
                self._names.add(name)
                found += self._users.get(name, ())

    def are_used_by(self, statement: Statement) -> bool:
        """Whether a statement may write rows of which its tag does not tell, by what it uses."""
        return bool(self._names) and not (
            self._names.isdisjoint(statement.calls) and self._names.isdisjoint(statement.tables)
        )

    def are_among(self, calls: set[str]) -> bool:
        """Whether one of these functions writes rows, or may."""
        return not self._names.isdisjoint(calls)

"""Who has yet to hear that somebody else has changed the schema of a table that it knows.

A session of DSQL knows the catalog as it was when it used a table. "A session with a stale catalog
gets OC001 on its next statement on the changed table"; the change need not be concurrent, reads are
hit too, and the first retry clears it (AWS's skill for DSQL, troubleshooting, 2026-10). AWS says
that it may happen, and that it often does. Here it always does, so that a program without a retry
notices. CREATE INDEX ASYNC and the end of a build are left out: AWS's own test suites, which pass
on clusters, build in one session and go on in another, without a retry.
"""

from collections.abc import Iterable
from typing import Final

from dsqlkit.local.statements.statement import EVERY_TABLE, Kind, Statement

_TOLD: Final = (Kind.READ, Kind.LOCK, Kind.WRITE)
_TELLING: Final = frozenset({"ALTER TABLE", "RENAME"})
"""Of the statements that change a schema those that are told of. What others make nobody knew
before, what is dropped is missed by itself, and what is granted is not the table's shape."""


class SchemaChanges:
    """The changes of schema that sessions have committed, numbered in their order."""

    def __init__(self) -> None:
        self.count = 0
        self._last: dict[str, tuple[int, Knowledge]] = {}

    def committed(self, tables: Iterable[str], by: "Knowledge") -> None:
        """A session has changed the schema of these tables."""
        self.count += 1
        for table in tables:
            self._last[table] = self.count, by

    def has_changed(self, table: str, since: int, other: "Knowledge") -> bool:
        """Whether another than this session was the last to change a table, since that number."""
        for name in (table, EVERY_TABLE):
            number, by = self._last.get(name, (0, other))
            if number > since and by is not other:
                return True
        return False


class Knowledge:
    """What one session knows of the catalog: when it last used each table."""

    def __init__(self, changes: SchemaChanges) -> None:
        self._changes = changes
        self._used: dict[str, int] = {}

    def committed(self, statements: Iterable[Statement]) -> None:
        """The session has committed these statements."""
        for statement in statements:
            if statement.kind is Kind.SCHEMA and statement.verb in _TELLING:
                self._changes.committed(statement.tables, self)

    def learn(self, tables: Iterable[str]) -> None:
        """The session has heard of all that was done to these tables."""
        self._used.update(dict.fromkeys(tables, self._changes.count))

    def uses(self, statement: Statement) -> bool:
        """The session runs a statement: whether it is to be told that it knows a table as it was
        before. It is told once."""
        changes, used = self._changes, self._used
        now = changes.count
        is_stale = False
        for table in statement.tables:
            since = used.get(table, now)
            if since != now and changes.has_changed(table, since, self):
                is_stale = True
            used[table] = now
        return is_stale and statement.kind in _TOLD

"""Who has yet to hear that somebody else has changed the schema of a table that it knows.

A session of DSQL knows the catalog as it was when it used a table. "A session with a stale catalog
gets OC001 on its next statement on the changed table"; the change need not be concurrent, reads are
hit too, and the first retry clears it (AWS's skill for DSQL, troubleshooting, 2026-10). AWS says
that it may happen, and that it often does. Here it always does, so that a program without a retry
notices. GRANT and REVOKE count as changes there too. CREATE INDEX ASYNC and the end of a build are
left out: AWS's own test suites, which pass on clusters, build in one session and go on in another,
without a retry. So are DROP, and a CREATE of the same name after it, which those suites do as well,
and what is granted on all tables of a schema: that no session is told of them is a guess. Nobody
is told of a change that found nothing to do (ADD COLUMN IF NOT EXISTS of one that is there).
"""

from collections.abc import Iterable
from typing import Final

from dsqlkit.local.statements.statement import Kind, Statement

_TOLD: Final = (Kind.READ, Kind.CURSOR, Kind.LOCK, Kind.WRITE, Kind.COPY_IN)
_TELLING: Final = frozenset({"ALTER TABLE", "ALTER OBJECT SCHEMA", "RENAME", "GRANT"})
"""Of the statements that change a schema those that are told of: a REVOKE is a GRANT to the parser.
What others make nobody knew before, and what is dropped is missed by itself."""


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
        number, by = self._last.get(table, (0, other))
        return number > since and by is not other


class Knowledge:
    """What one session knows of the catalog: the tables that it has used, and which of them others
    have changed since."""

    def __init__(self, changes: SchemaChanges) -> None:
        self._changes = changes
        self._as_of = changes.count
        self._used: set[str] = set()
        self._outdated: set[str] = set()

    def committed(self, statements: Iterable[Statement]) -> None:
        """The session has committed these statements."""
        for statement in statements:
            if statement.kind is Kind.SCHEMA and statement.verb in _TELLING:
                self._changes.committed(statement.tables, self)

    def learn(self, tables: Iterable[str]) -> None:
        """The session has heard of all that was done to these tables."""
        self._look()
        self._outdated.difference_update(tables)

    def uses(self, statement: Statement) -> bool:
        """The session runs a statement: whether it is to be told that it knows a table as it was
        before. Once it has been, it has to `learn` of it."""
        if self._as_of != self._changes.count:
            self._look()
        tables = statement.tables
        self._used |= tables
        if not self._outdated or self._outdated.isdisjoint(tables):
            return False
        if statement.kind in _TOLD:
            return True
        self._outdated -= tables
        return False

    def _look(self) -> None:
        changes, since = self._changes, self._as_of
        self._outdated.update(
            table for table in self._used if changes.has_changed(table, since, self)
        )
        self._as_of = changes.count

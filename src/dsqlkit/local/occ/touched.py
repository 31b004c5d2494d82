"""What the statements of an open transaction touched, and which of them may have to run again."""

from collections.abc import Collection, KeysView
from dataclasses import dataclass, field
from typing import Final

from dsqlkit.local.dialect.limits import mixture
from dsqlkit.local.statements.statement import Kind, Statement
from dsqlkit.local.statements.steps import Step

_REPEATED: Final = (Kind.SETTING, Kind.LOCK, Kind.WRITE, Kind.COPY_IN, Kind.SCHEMA)
_OTHER, _SCHEMA = Kind.OTHER, Kind.SCHEMA  # looked up once: every statement is compared


@dataclass(frozen=True, slots=True)
class SharedKey:
    """A row that a transaction keeps FOR KEY SHARE: who locked and who made it, key and place."""

    table: str
    sharer: str
    maker: str
    key: str
    place: str


@dataclass(slots=True, eq=False)
class Touched:
    """What the statements of a transaction have touched so far.

    `mentioned_at` are the names of tables that they mentioned, and how many statements there were
    at the last that did; `claimed` those of the tables whose rows they wrote or locked, `locked`
    and `shared` those of which they selected rows FOR UPDATE and FOR KEY SHARE.
    `schema` are the tables whose schema they changed, or left as it was (`unchanged`); `rows` how
    many rows, `statements` how many of them there were. `steps` are those that have to run again
    where the transaction starts over, `rows_of` how many rows each of these changed, `steps_at` how
    many statements there were with it, `kept` the statements that came before it could; `locking`
    are those that locked rows, and how many rows were written before each; `calls` the functions
    that they called. `deletes`, `ddl` and `dml`: some deleted rows, changed the schema, read or
    wrote. `opaque`: they may have written what no step says. `shared_keys` are known at COMMIT
    alone.
    """

    mentioned_at: dict[str, int] = field(default_factory=dict)
    claimed: set[str] = field(default_factory=set)
    locked: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)
    schema: set[str] = field(default_factory=set)
    shared_keys: list[SharedKey] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    rows_of: list[int] = field(default_factory=list)
    steps_at: list[int] = field(default_factory=list)
    locking: list[tuple[Step, int]] = field(default_factory=list)
    kept: list[Statement] = field(default_factory=list)
    calls: set[str] = field(default_factory=set)
    opaque: bool = False
    rows: int = 0
    statements: int = 0
    deletes: bool = False
    ddl: bool = False
    dml: bool = False
    unchanged: bool = False

    @property
    def tables(self) -> KeysView[str]:
        """The names of all tables that they mentioned."""
        return self.mentioned_at.keys()

    @property
    def changed_schema(self) -> Collection[str]:
        """The tables whose schema is another once this is committed."""
        return () if self.unchanged else self.schema

    def note(self, step: Step | None, statement: Statement, rows: int, skipped: int) -> None:
        """Remember a statement that has run, how many rows it changed, and how many of its parts
        had nothing to do. Without a step it does not run again."""
        self.claimed |= statement.claimed
        self.locked |= statement.locked
        self.shared |= statement.shared
        self.calls |= statement.calls
        self.opaque = self.opaque or statement.kind is _OTHER
        if step is not None and (statement.locked or statement.shared):
            self.locking.append((step, self.rows))
        self.rows += rows
        self.statements += 1
        for table in statement.tables:
            self.mentioned_at[table] = self.statements
        self.ddl, self.dml, _ = mixture(self.ddl, self.dml, statement.parts)
        self.deletes = self.deletes or statement.deletes
        if statement.kind is _SCHEMA:
            self.schema |= statement.tables
            self.unchanged = statement.changes_nothing(skipped)
        if step is None:
            self.kept.append(statement)
        elif statement.kind in _REPEATED:
            self.steps.append(step)
            self.rows_of.append(rows)
            self.steps_at.append(self.statements)

"""What is known of a statement: what it does, and to which tables."""

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from dsqlkit.local.statements.explained import Explained


class Kind(Enum):
    """What a statement does, as far as it matters. Of several, the last in this order counts."""

    OTHER = auto()
    READ = auto()
    SETTING = auto()
    ANALYZE = auto()
    WAIT = auto()
    """CALL sys.wait_for_job."""
    CURSOR = auto()
    LOCK = auto()
    WRITE = auto()
    COPY_IN = auto()
    SCHEMA = auto()
    BEGIN = auto()
    COMMIT = auto()
    ROLLBACK = auto()
    MIXED = auto()
    """Several statements that are to be sent one by one: some begin or end a transaction, or take
    data from the client."""

    # Kinds are looked up for every step: by what they are, not by their names.
    __hash__ = object.__hash__


_PLAIN: Final = {Kind.OTHER, Kind.READ, Kind.SETTING, Kind.CURSOR, Kind.LOCK, Kind.WRITE}
BOUNDS: Final = (Kind.BEGIN, Kind.COMMIT, Kind.ROLLBACK)
"""What begins or ends a transaction."""
ENDS: Final = (Kind.COMMIT, Kind.ROLLBACK)
"""What ends one."""
# Looked up once: these are asked for at every step.
_COPY_IN: Final = Kind.COPY_IN
_CONFLICTING: Final = (Kind.WRITE, Kind.LOCK, Kind.COPY_IN)
EVERY_TABLE: Final = "*"
"""Stands among the tables of a statement that does not name those that it changes."""


UNBOUNDED: Final = 1 << 31
"""What a statement may change whose text does not say how many rows."""


@dataclass(frozen=True, slots=True)
class Made:
    """A function, view or table that a statement makes, or whose defaults it changes.

    `uses` are the names of the functions and relations that it uses in turn; `writes`: it writes
    rows by itself, as the body of a function may.
    """

    name: str
    uses: frozenset[str]
    writes: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """One text of SQL; `parts` are the kinds of its statements, in order.

    `tables` are the names it mentions, without schema; `claimed` the tables whose rows it writes
    or locks, as SQL writes their names; `locked` those of them whose rows it selects FOR UPDATE,
    `shared` those FOR KEY SHARE. `inserts` and `deletes` say whether it does. `changes` are what it
    changes in rows that are there: tables, without schema, with columns; an empty name stands for
    all of a row that it deletes. `qualified` are the
    places in the text (from, to, in bytes) where a schema stands before a table's name, its point
    included. `most` is how many rows it may write: those that its text lists, or UNBOUNDED; `many`:
    they may be many, or are written in several statements. `nested`: it writes in places of which
    its tag does not tell, as inside a WITH, or under EXPLAIN. `made` is what it makes that others
    may use.
    `scrolls`: it declares a cursor that goes backwards too. `plain`: it is a BEGIN and no more.
    `verb` is what it is called where a session's turns are told of. `calls` are the names of the
    functions that it calls. `explained` is what an EXPLAIN asks for, None for all others. `spares`:
    all that it writes it inserts with ON CONFLICT DO NOTHING. `optional`: so many of its parts have
    to find nothing to do, by IF EXISTS or IF NOT EXISTS, for it to change nothing; 0 if it always
    changes something.
    """

    kind: Kind
    parts: tuple[Kind, ...]
    tables: frozenset[str] = frozenset()
    claimed: frozenset[str] = frozenset()
    locked: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()
    qualified: tuple[tuple[int, int], ...] = ()
    many: bool = False
    inserts: bool = False
    deletes: bool = False
    scrolls: bool = False
    plain: bool = False
    verb: str = ""
    calls: frozenset[str] = frozenset()
    explained: Explained | None = None
    most: int = 0
    nested: bool = False
    made: Made | None = None
    spares: bool = False
    changes: frozenset[tuple[str, str]] = frozenset()
    optional: int = 0

    def changes_nothing(self, skipped: int) -> bool:
        """Whether it changed nothing, as so many of its parts found nothing to do."""
        return 0 < self.optional <= skipped

    @property
    def may_change_too_much(self) -> bool:
        """Whether by itself, in autocommit, it may change more rows than a transaction may."""
        if self.kind is _COPY_IN:
            return len(self.parts) == 1
        return self.many and Kind.WRITE in self.parts and self.is_plain

    @property
    def is_plain(self) -> bool:
        """Whether it reads and writes, and no more: its statements can go together."""
        return _PLAIN.issuperset(self.parts)

    @property
    def writes_explained(self) -> bool:
        """Whether it is an EXPLAIN of a write that runs it."""
        explained = self.explained
        return explained is not None and explained.analyze and self.kind is Kind.WRITE

    @property
    def can_conflict(self) -> bool:
        """Whether it writes or locks rows."""
        return self.kind in _CONFLICTING

    @property
    def longer(self) -> int:
        """How much longer its text is than the client's, before where either can be wrong."""
        return 0 if self.explained is None else self.explained.longer

    def moved(self, by: int) -> "Statement":
        """The same statement in a text where it stands so many bytes further on."""
        if not self.qualified:
            return self
        return replace(self, qualified=tuple((at + by, to + by) for at, to in self.qualified))


OTHER: Final = Statement(Kind.OTHER, ())

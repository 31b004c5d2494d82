"""Parking a transaction: reading out what it did and letting go of it, and putting it back.

PostgreSQL makes a second writer of a row wait; DSQL does not. So when somebody waits for an open
transaction that is idle, what that one did is read out and rolled back to a savepoint that was
set right after its BEGIN. It keeps its snapshot. Before it goes on, its changes are put back; if
another has committed a change to one of the same rows by then, that fails, and it has lost. The SQL
is in server/sql/adjudication.sql.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from dsqlkit.local.backend.exchange import Rows
from dsqlkit.local.backend.savepoint import SAVEPOINT

Ask: TypeAlias = Callable[..., Awaitable[Rows]]
"""Asks PostgreSQL a question with parameters in text; raises exchange.Refused.

To ask as the endpoint is to put the key to the functions in adjudication.sql before the others.
"""


class Locked(Exception):
    """A table cannot be read now, as somebody changes its schema or is about to."""


_WRITTEN: Final = """
SELECT c.oid::text FROM pg_catalog.pg_locks l
JOIN pg_catalog.pg_class c ON c.oid = l.relation
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE l.pid = $1::int AND l.locktype = 'relation' AND l.mode = 'RowExclusiveLock' AND l.granted
AND c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'pg_toast', 'dsqlkit')
"""
_REFERENCES: Final = """
SELECT conrelid::text, confrelid::text FROM pg_catalog.pg_constraint
WHERE contype = 'f' AND conrelid = ANY ($1::oid[]) AND confrelid = ANY ($1::oid[])
"""
_CHANGES: Final = "SELECT what, place::text, image FROM dsqlkit.changes($1, $2::oid, $3::tid[])"
_PUT_BACK: Final = "SELECT dsqlkit.put_back($1, $2::oid, $3::tid[], $4::text[])::text"
_REMOVE: Final = "SELECT dsqlkit.remove_again($1, $2::oid, $3::tid[])"
_SHADOW: Final = "SELECT dsqlkit.shadow($1, $2::oid[], $3::oid[], $4::text[], $5::text[])::text"


@dataclass(frozen=True, slots=True)
class TableChanges:
    """What a transaction did to one table: places of rows it removed, content of rows it made."""

    relation: str
    removed: str
    images: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What a transaction did, table by table; tables that others reference come first."""

    tables: tuple[TableChanges, ...] = ()


async def read_out(ask: Ask, monitor: Ask, pid: int) -> Changes:
    """Read what the transaction of backend `pid` did.

    `ask` asks inside that transaction, and as the endpoint; `monitor` outside of any. Raises
    exchange.Refused, with the transaction failed, when something of it cannot be read, and Locked.
    """
    relations = [str(row[0]) for row in await monitor(_WRITTEN, str(pid))]
    if len(relations) > 1:
        references = await monitor(_REFERENCES, array(relations))
        relations = in_order_of_reference(relations, references)
    tables = []
    for relation in relations:
        marked = (await monitor("SELECT dsqlkit.marked($1::oid)::text", relation))[0][0]
        rows = await ask(_CHANGES, relation, marked)
        removed = [str(place) for what, place, _ in rows if what == "r"]
        images = [str(image) for what, _, image in rows if what == "a"]
        if removed or images:
            tables.append(TableChanges(relation, array(removed), array(images)))
    return Changes(tuple(tables))


async def let_go(ask: Ask) -> None:
    """Undo all that the transaction did since its BEGIN; its snapshot stays."""
    await ask(f"ROLLBACK TO SAVEPOINT {SAVEPOINT}")


async def put_back(ask: Ask, changes: Changes, *, deletions_first: bool) -> None:
    """Do again what was read out. Raises exchange.Refused when a row is no longer as it was.

    Where rows followed others under a key that is unique, or lost their parents, one order of doing
    it may be impossible although the other is not.
    """
    if deletions_first:
        for table in reversed(changes.tables):
            await ask(_REMOVE, table.relation, table.removed)
    deletions = []
    for table in changes.tables:
        removed = "{}" if deletions_first else table.removed
        rows = await ask(_PUT_BACK, table.relation, removed, table.images)
        deletions.append((table.relation, rows[0][0]))
    for relation, places in reversed(deletions):
        await ask(_REMOVE, relation, places)


async def shadow(ask: Ask, wanted: Iterable[str], changes: Changes | None) -> list[str]:
    """Give the transaction private copies of relations and all that they reach, as it saw them with
    its own changes. Gives the oids of all."""
    tables = () if changes is None else changes.tables
    rows = await ask(
        _SHADOW,
        array([*wanted, *(table.relation for table in tables)]),
        array(table.relation for table in tables),
        array(table.removed for table in tables),
        array(table.images for table in tables),
    )
    return [str(row[0]) for row in rows]


def in_order_of_reference(relations: Sequence[str], references: Rows) -> list[str]:
    """The relations, each after those that it references as far as that is possible."""
    ordered: list[str] = []

    def add(relation: str, above: frozenset[str]) -> None:
        if relation in ordered or relation in above:
            return
        for child, parent in references:
            if child == relation and parent is not None:
                add(parent, above | {relation})
        ordered.append(relation)

    for relation in relations:
        add(relation, frozenset())
    return ordered


def array(values: Iterable[str]) -> str:
    """A PostgreSQL array of texts."""
    quoted = ('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values)
    return "{" + ",".join(quoted) + "}"

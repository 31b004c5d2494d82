"""Reading out what a transaction did, where running its statements again would do something else.

The SQL is in server/sql/adjudication.sql. It looks through the tables that were written.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from dsqlkit.local.backend.question import Rows
from dsqlkit.local.backend.savepoint import SAVEPOINT
from dsqlkit.local.statements.quoting import array

Ask: TypeAlias = Callable[..., Awaitable[Rows]]
"""Asks PostgreSQL a question with parameters in text; raises exchange.Refused.

To ask as the endpoint is to put the key to the functions in adjudication.sql before the others.
"""


class Locked(Exception):
    """A table cannot be read now, as somebody changes its schema or is about to."""


class NotThere(Exception):
    """A statement wants what overlays do not have: a system column."""


class Failing(Exception):
    """A client's statement fails at overlays by itself, with this SQLSTATE and message."""

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(f"{sqlstate}: {message}")
        self.sqlstate = sqlstate
        self.message = message


LET_GO: Final = f"ROLLBACK TO SAVEPOINT {SAVEPOINT}"
"""Undoes all that the transaction did since its BEGIN; its snapshot stays."""

_WRITTEN: Final = """
SELECT c.oid::text FROM pg_catalog.pg_locks l
JOIN pg_catalog.pg_class c ON c.oid = l.relation
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE l.pid = $1::int AND l.locktype = 'relation' AND l.mode = 'RowExclusiveLock' AND l.granted
AND c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'pg_toast', 'dsqlkit')
"""
_CHANGES: Final = "SELECT what, place::text, image FROM dsqlkit.changes($1, $2::oid, $3::tid[])"


@dataclass(frozen=True, slots=True)
class TableChanges:
    """What a transaction did to one table: places of rows it removed, content of rows it made."""

    relation: str
    removed: str
    images: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What a transaction did, as it was read out: `tables` has all of it, a table each.

    Where `inserted` is not None, it is what some of its statements inserted, by their number among
    those that have to run again, and the others do what they did once more.
    """

    tables: tuple[TableChanges, ...] = ()
    inserted: Mapping[int, TableChanges] | None = None


async def read_out(ask: Ask, monitor: Ask, pid: int) -> Changes:
    """Read what the transaction of backend `pid` did.

    `ask` asks inside that transaction, and as the endpoint; `monitor` outside of any. Raises
    exchange.Refused, with the transaction failed, when something of it cannot be read, and Locked.
    """
    relations = [str(row[0]) for row in await monitor(_WRITTEN, str(pid))]
    tables = []
    for relation in relations:
        marked = (await monitor("SELECT dsqlkit.marked($1::oid)::text", relation))[0][0]
        rows = await ask(_CHANGES, relation, marked)
        removed = [str(place) for what, place, _ in rows if what == "r"]
        images = [str(image) for what, _, image in rows if what == "a"]
        if removed or images:
            tables.append(TableChanges(relation, array(removed), array(images)))
    return Changes(tuple(tables))

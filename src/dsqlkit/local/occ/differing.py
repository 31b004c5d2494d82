"""Statements that do something else each time they are run: what those that insert have inserted is
read out, for the others to be run again.

The SQL is in server/sql/overlays.sql and adjudication.sql.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from itertools import pairwise
from typing import Final, NamedTuple

from dsqlkit.local.backend.question import Rows
from dsqlkit.local.occ.changes import Ask, Changes, TableChanges
from dsqlkit.local.occ.replay import Doings, as_json, doings
from dsqlkit.local.occ.steps_again import text_of
from dsqlkit.local.occ.touched import Touched
from dsqlkit.local.occ.unseen import is_unseen
from dsqlkit.local.occ.upsert_text import upsert
from dsqlkit.local.statements.quoting import array
from dsqlkit.local.statements.statement import Kind, Statement
from dsqlkit.local.statements.steps import Step

_DIFFERS: Final = """
SELECT dsqlkit.differs_again($1::text[], $2::text[], (
    SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
        'relation', dsqlkit.behind(i.relation), 'columns', i.columns))
    FROM pg_catalog.jsonb_to_recordset($3::jsonb) AS i (relation text, columns jsonb)
))::text
"""
_TABLE: Final = (
    "SELECT c.oid::text FROM pg_class c WHERE c.oid = dsqlkit.behind($1) AND c.relkind = 'r'"
)
_INSERTED: Final = """
SELECT command::text, image
FROM dsqlkit.inserted($1, $2::oid::regclass, $3::bigint, $4::boolean, $5::bigint[], $6::bigint)
"""


class Insertion(NamedTuple):
    """A statement that inserts into a table, and writes nothing else: its number among those that
    have to run again, and how many rows it inserted."""

    number: int
    rows: int


async def differs_again(ask: Ask, found: Doings, calls: Iterable[str] = ()) -> bool:
    """Whether statements may do something else when they are run again with the same snapshot, in a
    transaction that calls these functions."""
    asked = await ask(_DIFFERS, array(found.calls), array(calls), as_json(found.inserts))
    return asked[0][0] == "true"


async def read_inserted(ask_outright: Ask, ask: Ask, touched: Touched) -> Changes | None:
    """Read out what those statements of a transaction inserted that differ each time.

    None if others of them differ, too, of which somebody may have seen what they did, or the rows
    cannot be told: all that it did has to be read out. `ask_outright` asks inside the transaction,
    `ask` as the endpoint. Raises exchange.Refused.
    """
    if touched.opaque or await differs_again(ask_outright, Doings(), touched.calls):
        return None
    tables: set[str] = set()
    for number, step in enumerate(touched.steps):
        found = doings([text_of(step)])
        if found is None or not found.repeats:
            return None
        if (found.calls or found.inserts) and await differs_again(ask_outright, found):
            table = inserted_into(step)
            if table is not None:
                tables.add(table)
            elif not await is_unseen(ask_outright, number, touched):
                return None
    inserted: dict[int, TableChanges] = {}
    for table in tables:
        found_tables = await ask_outright(_TABLE, table)
        if not found_tables:
            return None  # it is a view
        relation = str(found_tables[0][0])
        insertions = insertions_into(table, touched)
        rows = await _rows(ask, relation, insertions, touched)
        parts = by_statement([(int(str(at)), str(image)) for at, image in rows], insertions)
        if parts is None:
            return None
        inserted |= {
            number: TableChanges(relation, "{}", array(images)) for number, images in parts.items()
        }
    return Changes(inserted=inserted)


async def _rows(
    ask: Ask, relation: str, insertions: Collection[Insertion], touched: Touched
) -> Rows:
    many, alone, own, of_all = sum(each.rows for each in insertions), False, None, None
    texts = (text_of(touched.steps[each.number]) for each in insertions)
    if all(each is None or each.skips is not None for each in map(upsert, texts)):
        alone = are_alone(insertions, touched)
        numbers = commands(touched)
        if numbers is not None:
            own = array(str(numbers[each.number]) for each in insertions)
            of_all = str(len(numbers))
    return await ask(_INSERTED, relation, str(many), str(alone).lower(), own, of_all)


def commands(touched: Touched) -> dict[int, int] | None:
    """The number that PostgreSQL gives each statement among the transaction's commands that write
    or lock rows (its `cmin`), if there are no others; None where it cannot be told.

    Each takes one at least, so they have these numbers if there are as many as statements.
    """
    numbers: dict[int, int] = {}
    for number, step in enumerate(touched.steps):
        statement = step.statement
        if statement is None or len(statement.parts) > 1 or statement.explained is not None:
            return None
        if statement.can_conflict:
            numbers[number] = len(numbers)
    return numbers


def inserted_into(step: Step) -> str | None:
    """The table, as SQL writes its name, into which a statement inserts, if it writes nothing else
    and its tag tells of all rows."""
    statement = step.statement
    if (
        statement is None
        or statement.kind not in (Kind.WRITE, Kind.COPY_IN)
        or not statement.inserts
        or statement.nested
        or len(statement.parts) > 1
        or statement.explained is not None
    ):
        return None
    (table,) = statement.claimed
    return table


def insertions_into(table: str, touched: Touched) -> list[Insertion]:
    """The statements that insert into a table."""
    return [
        Insertion(number, rows)
        for number, (step, rows) in enumerate(zip(touched.steps, touched.rows_of, strict=True))
        if inserted_into(step) == table
    ]


def are_alone(insertions: Collection[Insertion], touched: Touched) -> bool:
    """Whether no other statement mentions their table."""
    steps = {each.number: touched.steps[each.number] for each in insertions}
    others = [step.statement for at, step in enumerate(touched.steps) if at not in steps]
    mentioned = _tables(step.statement for step in steps.values())
    return mentioned.isdisjoint(_tables([*others, *touched.kept]))


def _tables(statements: Iterable[Statement | None]) -> set[str]:
    return {table for each in statements if each is not None for table in each.tables}


def by_statement(
    rows: Collection[tuple[int, str]], insertions: Collection[Insertion]
) -> dict[int, list[str]] | None:
    """Rows, with the number of the command that made each, by the statements that inserted them, in
    their order. None if these made others, or more of them."""
    ordered = sorted(rows, key=lambda row: row[0])
    if len(ordered) != sum(each.rows for each in insertions):
        return None
    found: dict[int, list[str]] = defaultdict(list)
    parts = []
    for each in insertions:
        parts.append(ordered[: each.rows])
        found[each.number] = [image for _, image in ordered[: each.rows]]
        ordered = ordered[each.rows :]
    if any(a and b and a[-1][0] >= b[0][0] for a, b in pairwise(filter(None, parts))):
        return None
    return found

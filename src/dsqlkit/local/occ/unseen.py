"""Values that an UPDATE has drawn and nobody has seen: run again it may draw others, in the same
rows, as if it had been run later."""

from functools import lru_cache
from typing import Final

import postgast

from dsqlkit.local.occ.changes import Ask
from dsqlkit.local.occ.steps_again import text_of
from dsqlkit.local.occ.touched import Touched
from dsqlkit.local.statements.quoting import array
from dsqlkit.local.statements.tree import nodes, parse

_REMEMBERED: Final = frozenset({"currval", "lastval"})
"""Functions that tell what was drawn before."""
_SHOW_NOTHING_ELSE: Final = """
SELECT NOT EXISTS (
    SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = ANY ($1::text[]) AND n.nspname !~ '^dsqlkit'
        AND (c.relkind <> 'r' OR EXISTS (
            SELECT FROM pg_catalog.pg_constraint k
            WHERE k.confrelid = c.oid AND k.contype = 'f' AND k.confupdtype NOT IN ('a', 'r')
        ))
    UNION ALL
    SELECT FROM pg_catalog.pg_proc WHERE proname = ANY ($2::text[]) AND oid >= 16384
)
"""
"""Of these names none is of a view, nor of a table that passes its keys on to others; and none of
these functions is a user's."""


async def is_unseen(ask: Ask, number: int, touched: Touched) -> bool:
    """Whether the step of that number among those that have to run again has drawn nothing but
    values that it assigned, and nobody can have seen them since.

    `ask` asks inside the transaction, where a view, a function or a foreign key may reach what is
    not named. Raises exchange.Refused.
    """
    step = touched.steps[number]
    if step.statement is None or not assigns_what_it_draws(text_of(step)):
        return False
    at = touched.steps_at[number]
    own = step.statement.tables
    since = {name for name, last in touched.mentioned_at.items() if last > at}
    if not since.isdisjoint(own) or touched.calls & _REMEMBERED:
        return False
    rows = await ask(_SHOW_NOTHING_ELSE, array(since | own), array(touched.calls))
    return rows[0][0] == "t"


@lru_cache(maxsize=256)
def assigns_what_it_draws(text: bytes) -> bool:
    """Whether a text is an UPDATE that calls functions for nothing but the values it assigns, looks
    at its own table alone, and gives back no rows."""
    try:
        parsed = parse(text)
    except (postgast.PgQueryError, UnicodeDecodeError):
        return False
    if len(parsed) != 1 or parsed[0].name != "update_stmt":
        return False
    update = parsed[0].node
    kinds = [each.DESCRIPTOR.name for each in parsed[0].nodes]
    assigned = [
        each.DESCRIPTOR.name for target in update.target_list for each in nodes(target)
    ].count("FuncCall")
    return (
        not update.HasField("returning_clause")
        and not {"SelectStmt", "CurrentOfExpr"}.intersection(kinds)
        and kinds.count("RangeVar") == 1
        and kinds.count("FuncCall") == assigned
    )

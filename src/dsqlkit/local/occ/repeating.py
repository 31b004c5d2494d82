"""Whether a transaction's statements, run again, do what they did.

Their texts tell (replay.py), or leave it open: then PostgreSQL is asked.
"""

from typing import Final

from dsqlkit.local.occ.changes import Ask
from dsqlkit.local.occ.differing import differs_again
from dsqlkit.local.occ.replay import Doings, doings
from dsqlkit.local.occ.steps_again import text_of
from dsqlkit.local.occ.touched import Touched

_UNSURE: Final = "SELECT dsqlkit.real_setting('dsqlkit.unsure', true)"


def surely_repeats(touched: Touched) -> bool:
    """Whether the texts of statements tell that running them again does what they did."""
    if touched.schema:
        return True  # a change of schema has no rows, and is told by its text
    found = _doings(touched)
    if found is None or not found.repeats or touched.opaque:
        return False
    return not (found.calls or found.inserts or touched.calls)


def leaves_out(touched: Touched) -> bool:
    """Whether some of their rows were left out as their key was there: what that was at their
    snapshot, and need not be any more at the tables."""
    found = _doings(touched)
    return found is not None and found.leaves_out


async def can_repeat(ask: Ask, touched: Touched) -> bool:
    """Whether running statements again does what they did. `ask` asks in their transaction, or
    beside it. Raises exchange.Refused."""
    if surely_repeats(touched):
        return True
    found = _doings(touched)
    if found is None or not found.repeats or touched.opaque:
        return False
    return not await differs_again(ask, found, touched.calls)


async def is_unsure(ask: Ask, touched: Touched) -> bool:
    """Whether a statement that ran at overlays may have done something else than it does elsewhere.
    `ask` asks in its transaction. Raises exchange.Refused."""
    found = _doings(touched)
    if found is None or not (found.chooses or found.passes_on):
        return False
    ((of_what,),) = await ask(_UNSURE)
    return of_what == "rows" or (of_what == "returned" and found.passes_on)


def _doings(touched: Touched) -> Doings | None:
    """What the statements that have to run again do; None if one cannot be read."""
    return doings(text_of(step) for step in touched.steps if step.statement is not None)

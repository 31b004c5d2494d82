"""What the answer to a step of a transaction block leads to: a pure table, as turns.py has them."""

from enum import Enum


class After(Enum):
    """What the answer to a step inside a transaction block leads to."""

    FINISH = "finished"
    """The client has it, and the next step's turn comes."""
    BEGIN_AGAIN = "begun again"
    """It met a conflict, and is the first of its transaction: that has a new snapshot."""
    LOSE = "lost"
    """It met a conflict: it is taken back, and answered as if it had met none."""
    LEARN_ACTIONS = "actions learnt"
    """It may be one that actions of foreign keys follow: that has to be found out first."""
    SET_ASIDE = "set aside"
    """It inserted a key that its snapshot may have already, or an action of a foreign key may have
    left out a row that its snapshot has: overlays tell."""
    TOO_MANY = "too many rows"
    """The transaction has changed more rows than it may."""
    KEEP_CURSORS = "cursors kept"
    """It opened a cursor, which has to outlive being parked."""


# Looked up once, as the answer to every step goes through the table: see turns.py.
_FINISH = After.FINISH


def after(
    *,
    failed: bool,
    held: bool,
    conflict: bool,
    first: bool,
    twins: bool,
    passes_on: bool | None,
    too_many: bool,
    cursor: bool,
) -> After:
    """What an answer inside a transaction block leads to.

    `held`: it was held back, and the transaction works in PostgreSQL's own tables: at overlays
    there is nobody to conflict with. `first`: its transaction may begin again. `twins`: it may have
    inserted a key of its snapshot. `passes_on`: actions of foreign keys may have left out rows of
    its snapshot, None where that is to be found out. `too_many` can only be of an answer that was
    held back.
    """
    if failed:
        if not (held and conflict):
            return _FINISH
        return After.BEGIN_AGAIN if first else After.LOSE
    if held and (twins or passes_on):
        return After.SET_ASIDE
    if held and passes_on is None:
        return After.LEARN_ACTIONS
    if too_many:
        return After.TOO_MANY
    return After.KEEP_CURSORS if cursor else _FINISH

"""Whose turn it is to do what: pure tables, from what is known of a step to one named turn.

Each table takes facts and no more: nothing here asks, sends or waits. What the answer to a step
leads to, answered.py says.
"""

from enum import Enum
from typing import Final

from dsqlkit.local.occ.open_transaction import Phase
from dsqlkit.local.statements.statement import Kind
from dsqlkit.local.statements.steps import End


class Turn(Enum):
    """What is done with a step."""

    # Wherever it comes.
    IGNORE = "ignored"
    """A Flush: all that came before is answered already, or goes on to its Sync."""
    SKIP = "skipped"
    """There was an error before it, and the client's Sync is still to come."""
    RESYNC = "synchronised"
    """The Sync that ends skipping."""
    CLOSE = "closed"
    """The connection is too old: it gets no further answer."""
    FORWARD = "forwarded"
    """Sent as it is, and its answer passed on as it comes."""
    REFUSE = "refused"
    """Something that fails with DSQL's words is sent in its place."""
    OUTDATED = "outdated"
    """Refused once, as somebody else has changed the schema of a table that the session knows."""
    DISRUPT = "disrupted"
    """It ends in a COMMIT that a fault on demand may hit."""
    COUNT = "counted"
    """Its rows have to be counted, as no tag tells of all: in a block those of the step, outside of
    one those of all that came since the last Sync."""

    # Outside a transaction block.
    STREAM = "streamed"
    """Forwarded as a part of what is committed by itself up to the next Sync."""
    PREPARE_ONLY = "prepared only"
    """Forwarded as a transaction of its own, whose end the client does not see: it would hold on to
    what it names until the client's Sync."""
    LIMIT = "limited"
    """Run in a hidden transaction, as it may change more rows than a transaction may."""
    EXPLAIN = "explained"
    """Run in a hidden transaction, in which what it read and wrote can be measured."""
    BEGIN_AHEAD = "begun ahead"
    """A BEGIN that is answered here, and travels with the statement that comes next."""
    BEGIN = "begun"
    """A BEGIN that is sent at once."""
    BEGIN_TOGETHER = "begun together"
    """A BEGIN that is sent with the statements that came with it."""
    BEGIN_IMPLICIT = "begun implicitly"
    """A part of a text with other statements beside its BEGIN or COMMIT; or a step of a pipeline
    that wants a block, to be a part of its transaction, or after which the client waits for the
    answer before it sends its Sync: nobody is to wait for it meanwhile."""
    TAKE_OVER = "taken over"
    """A step in a pipeline that wants a block: what came since the last Sync becomes its begin. A
    Query among others' steps does, as PostgreSQL skips it where one of them failed."""

    # Inside one.
    MAKE_EXPLICIT = "made explicit"
    """A BEGIN in the middle of such a text."""
    END_IMPLICIT = "ended implicitly"
    """The end of such a text, or pipeline."""
    SPLIT = "split"
    """The last step of such a pipeline: its Sync comes by itself."""
    HOLD = "held"
    """Sent, and its answer held back until it is known whether it met a conflict."""
    SEND_TOGETHER = "sent together"
    """Held with the statements that came with it."""
    GUARD = "guarded"
    """Held, with a savepoint before it, so that it can be taken back by itself."""
    GATHER_COPY = "gathered"
    """A COPY FROM STDIN, whose data is gathered before it is run."""
    RESUME = "resumed"
    """The transaction was parked or has lost: it has to be made ready first."""
    PREPARE_COMMIT = "prepared"
    """A COMMIT before which something is left to do."""
    FAIL = "failed"
    """The transaction is too old: the step and the transaction with it fail."""
    FAIL_COMMIT = "failed at its commit"
    """The transaction is too old, and the step is its COMMIT: it is rolled back instead."""

    # One of them is looked up for every step: by what it is, not by its name.
    __hash__ = object.__hash__


# Every step goes through these tables, and in Python 3.11 looking up a member of an enum takes
# longer than deciding: so those on the way of most steps are looked up once.
_FORWARD, _STREAM, _HOLD, _GUARD = Turn.FORWARD, Turn.STREAM, Turn.HOLD, Turn.GUARD
_SYNC, _QUERY, _PART, _FLUSH = End.SYNC, End.QUERY, End.PART, End.FLUSH
_BEGIN, _COMMIT, _ROLLBACK = Kind.BEGIN, Kind.COMMIT, Kind.ROLLBACK
_MIXED, _COPY_IN = Kind.MIXED, Kind.COPY_IN
_OPENING: Final = frozenset((Kind.READ, Kind.LOCK, Kind.WRITE, Kind.SCHEMA))
"""What holds on to something, to the end of its transaction."""
_OPEN, _FAILED, _EMPTIED = Phase.OPEN, Phase.FAILED, Phase.EMPTIED


def at_once(
    *, is_flush: bool, skipping: bool, end: End, implicit: bool, expired: bool
) -> Turn | None:
    """The turn of a step that is the same wherever it comes; None for all others."""
    if is_flush:
        return Turn.IGNORE
    if skipping:
        if end is not _SYNC:
            return Turn.SKIP
        return Turn.END_IMPLICIT if implicit else Turn.RESYNC
    return Turn.CLOSE if expired else None


def outside(  # noqa: PLR0911, PLR0912 - a table
    kind: Kind | None,
    end: End,
    *,
    joins: bool,
    plain: bool,
    idle: bool,
    outdated: bool,
    refused: bool,
    limited: bool,
    counted: bool,
    apart: bool,
    explains: bool,
    disrupted: bool,
    together: bool,
    binds: bool,
) -> Turn:
    """The turn of a step outside a transaction block. `kind` is None where it executes nothing.

    `joins`: others came before it since the last Sync. `plain`: it is a BEGIN and no more. `idle`:
    nothing is under way. `outdated`: the session has yet to hear of a change of schema. `refused`:
    it may not be a transaction, by itself or with those before it. `limited`: it may change too
    much; `counted`: those before it and it may. `apart`: no tag tells of all rows that it writes,
    or it is a COPY that others may join, and that goes on with more of the pipeline's. `explains`:
    its plan is printed anew. `disrupted`: a fault may hit the COMMIT that it ends in. `together`:
    it is a BEGIN that can be sent with statements that came with it. `binds`: it leaves a portal
    for later.
    """
    if kind is _BEGIN and not joins:
        if together:
            return Turn.BEGIN_TOGETHER
        return Turn.BEGIN_AHEAD if plain and end is _QUERY and idle else Turn.BEGIN
    if kind is not None and end is _PART:
        return _FORWARD if kind is _COMMIT or kind is _ROLLBACK else Turn.BEGIN_IMPLICIT
    if explains or apart:
        if joins:
            return Turn.TAKE_OVER
        if not (end is _QUERY or end is _SYNC):
            return Turn.BEGIN_IMPLICIT
        if explains and not outdated:
            return Turn.EXPLAIN
    if joins and end is _QUERY:
        return Turn.TAKE_OVER
    if not joins and end is _FLUSH and (kind is None or kind in _OPENING):
        return Turn.BEGIN_IMPLICIT if kind is not None or binds else Turn.PREPARE_ONLY
    if outdated:
        return Turn.OUTDATED
    if refused:
        return Turn.REFUSE
    if not joins:
        if limited and (end is _QUERY or end is _SYNC):
            return Turn.LIMIT
    elif end is _FLUSH and kind in _OPENING:
        return Turn.TAKE_OVER
    elif counted and end is _SYNC:
        return Turn.COUNT
    return Turn.DISRUPT if disrupted else _STREAM


def inside_executing_nothing(*, implicit: bool, is_sync: bool, closes: bool) -> Turn:
    """The turn of a step inside a transaction block that executes nothing.

    `implicit` and `closes` as of `inside`. `is_sync`: the step is a Sync and no more.
    """
    if implicit and closes:
        return Turn.END_IMPLICIT if is_sync else Turn.SPLIT
    return _FORWARD


def inside(  # noqa: PLR0911, PLR0912 - a table
    phase: Phase,
    kind: Kind,
    *,
    implicit: bool,
    closes: bool,
    too_old: bool,
    disrupted: bool,
    needs_care: bool,
    outdated: bool,
    refused: bool,
    gathered: bool,
    counted: bool,
    guarded: bool,
    writes: bool,
    together: bool,
) -> Turn:
    """The turn of a step inside a transaction block that executes a statement of this kind.

    `implicit`: the block has no BEGIN of the client's. `closes`: the step has a Sync, or is a
    Query. `too_old`: the block is. `disrupted`: a fault may hit its COMMIT. `needs_care`: something
    is to be done before its COMMIT. `outdated`: the session has yet to hear of a change of schema.
    `refused`: the step may not join it. `gathered`: a COPY has its data. `counted`: no tag tells of
    all rows that it writes. `writes`: it may meet a conflict; `guarded`: it has to be taken back by
    itself then. `together`: it can be sent with others that came with it.
    """
    if implicit:
        if closes:
            return Turn.SPLIT
        if kind is _BEGIN:
            return Turn.MAKE_EXPLICIT
    if phase is _FAILED or phase is _EMPTIED:
        return _FORWARD
    if kind is _ROLLBACK or kind is _BEGIN or kind is _MIXED:
        return _FORWARD
    if kind is _COMMIT:
        if too_old:
            return Turn.FAIL_COMMIT
        if disrupted:
            return Turn.DISRUPT
        return Turn.PREPARE_COMMIT if needs_care else _FORWARD
    if too_old:
        return Turn.FAIL
    if refused or (phase is not _OPEN and phase is Phase.ABANDONED):
        return Turn.REFUSE
    if outdated and phase is _OPEN:
        return Turn.OUTDATED
    if kind is _COPY_IN and not gathered:
        return Turn.GATHER_COPY
    if phase is not _OPEN:
        return Turn.RESUME
    if counted:
        return Turn.COUNT
    if together:
        return Turn.SEND_TOGETHER
    return turn_of_write(guarded=guarded) if writes else _FORWARD


def turn_of_write(*, guarded: bool) -> Turn:
    """The turn of a step that may meet a conflict, in PostgreSQL's own tables."""
    return _GUARD if guarded else _HOLD

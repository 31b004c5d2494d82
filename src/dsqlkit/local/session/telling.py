"""What a session says of itself, to its log and to `local status`: no data, and no secret."""

import time
from datetime import UTC, datetime, timedelta

from dsqlkit.local.occ.open_transaction import OpenTransaction
from dsqlkit.local.sessions import NO_TRANSACTION
from dsqlkit.local.statements.steps import Step


def verb_of(step: Step | None) -> str:
    """What a step runs, in a word."""
    if step is None:
        return "the sign-in"
    if step.statement is None:
        return "messages that run nothing"
    return step.statement.verb or step.statement.kind.name


def where_of(transaction: OpenTransaction | None, *, contended: bool) -> str:
    """The phase of a session's transaction, and what is known of it."""
    if transaction is None:
        return NO_TRANSACTION
    facts = {
        "lost": transaction.lost is not None,
        "implicit": transaction.implicit,
        "contended": contended,
    }
    return ", ".join([transaction.phase.name, *(name for name, holds in facts.items() if holds)])


def moment_of(at_s: float) -> str:
    """A moment of the monotonic clock, in UTC."""
    ago = timedelta(seconds=time.monotonic() - at_s)
    return (datetime.now(UTC) - ago).isoformat(timespec="milliseconds")

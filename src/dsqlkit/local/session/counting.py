"""Counting the rows that a statement writes where its tag does not tell of all of them.

Of a WITH a tag tells what the outermost statement did, of a function nothing. PostgreSQL counts
what a session writes in each table: what is asked here is the sum, before the statement and after
it, in its transaction. Who runs plain statements pays nothing.
"""

from typing import Final

from dsqlkit.local.backend.conversation import Conversation
from dsqlkit.local.backend.exchange import Exchange
from dsqlkit.local.backend.question import question
from dsqlkit.local.session.parts import Parts
from dsqlkit.local.statements.statement import Kind, Statement

WRITTEN: Final = question("SELECT dsqlkit.rows_written()")
"""The frames that ask how many rows the session has written."""
_FETCH: Final = "FETCH"


def counts_apart(parts: Parts, statement: Statement) -> bool:
    """Whether the rows that a statement writes have to be counted, as no tag tells of all."""
    if statement.explained is not None and not statement.explained.analyze:
        return False
    if statement.nested:
        return True
    writers, transaction = parts.adjudicator.writers, parts.transaction
    if statement.verb == _FETCH:  # of a cursor that calls one, perhaps
        return transaction is not None and writers.are_among(transaction.touched.calls)
    return (
        writers.are_used_by(statement) and statement.is_plain and statement.kind is not Kind.CURSOR
    )


async def rows_written(conversation: Conversation) -> int:
    """How many rows the session has written, to be compared within one transaction."""
    return _count(await conversation.run(WRITTEN))


async def written_since(conversation: Conversation, before: Exchange) -> int:
    """How many rows were written since `before`, which asked the same."""
    return await rows_written(conversation) - _count(before)


def _count(exchange: Exchange) -> int:
    ((count,),) = exchange.rows()
    return int(count or 0)

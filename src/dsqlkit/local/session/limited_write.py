"""Writes in autocommit that may change too many rows: their end is looked at before the COMMIT."""

import asyncio
from typing import Final

from dsqlkit.local.backend.exchange import READY_IDLE, Exchange, Request
from dsqlkit.local.backend.question import question, unfinished
from dsqlkit.local.backend.savepoint import BEGIN_ALONE, BEGIN_ALONE_COMPLETE
from dsqlkit.local.dialect.carried import failing
from dsqlkit.local.dialect.limits import TOO_MANY_ROWS
from dsqlkit.local.session.counting import WRITTEN, counts_apart, written_since
from dsqlkit.local.session.parts import Parts
from dsqlkit.local.statements.statement import Kind, Statement
from dsqlkit.local.statements.steps import Step
from dsqlkit.local.wire.messages import FLUSH, SYNC, Frontend, message
from dsqlkit.quotas import MAX_ROWS

# Not as a Query, which would drop the client's unnamed statement.
_BEGIN_AND_COUNT: Final = unfinished("BEGIN") + WRITTEN
_COMMIT: Final = question("COMMIT")
_ROLLBACK: Final = question("ROLLBACK")
FAIL: Final = message(
    Frontend.PARSE, b"dsqlkit_fail\0" + failing(TOO_MANY_ROWS).encode() + b"\0\0\0"
)
"""Fails a pipeline that changed too many rows. Its client has been told."""


async def run_limited(parts: Parts, step: Step, statement: Statement) -> None:
    """Run a step by itself in a hidden transaction, and commit it unless it changed too much."""
    conversation = parts.conversation
    answered = asyncio.get_running_loop().create_future()
    # What is counted is asked by itself: a client's request to cancel is to meet its statement.
    before = await conversation.run(_BEGIN_AND_COUNT) if counts_apart(parts, statement) else None
    copies = statement.kind is Kind.COPY_IN
    request = Request(
        forward=copies,
        holds_end=copies,
        bounded=not copies,
        hide_ready=True,
        is_query=step.is_query,
    )
    begin, begun = (BEGIN_ALONE, BEGIN_ALONE_COMPLETE) if before is None else (b"", b"")
    conversation.send(begin + step.data, Exchange(request, answered.set_result, begun))
    done: Exchange = await answered
    if before is not None and done.verdict.error is None:
        done.verdict.changed = await written_since(conversation, before)
    if done.verdict.error is not None:
        await conversation.run(_ROLLBACK)
        parts.client.write(done.held() + READY_IDLE)
    elif done.verdict.changed > MAX_ROWS:
        await conversation.run(_ROLLBACK)
        parts.client.write(TOO_MANY_ROWS.as_error() + READY_IDLE)
    else:
        committed = await conversation.run(_COMMIT)
        if committed.verdict.error is None:
            parts.committed_alone([statement])
            answer = done.held()
        else:
            answer = committed.errors()
        parts.client.write(answer + READY_IDLE)


async def end_limited(parts: Parts, step: Step, exchange: Exchange, executed: int) -> None:
    """Send the last step of a pipeline, and its Sync once it is known that all of it did not change
    too much. `exchange` is under way for it, with so many statements."""
    backend, note = parts.backend, exchange.on_done
    known = asyncio.get_running_loop().create_future()

    def done(each: Exchange) -> None:
        if note is not None:
            note(each)
        parts.pipeline.release()

    exchange.on_done = done
    exchange.tell_after(executed, known)
    backend.write(step.data.removesuffix(SYNC) + FLUSH)
    is_too_much = await known
    backend.write(FAIL + SYNC if is_too_much else SYNC)

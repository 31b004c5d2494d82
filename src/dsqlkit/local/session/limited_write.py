"""A write in autocommit that may change too many rows: its end is looked at before its COMMIT."""

import asyncio
from typing import Final

from dsqlkit.local.backend.exchange import HELD, READY_IDLE, Exchange, Request, question
from dsqlkit.local.dialect.limits import TOO_MANY_ROWS
from dsqlkit.local.session.parts import Parts
from dsqlkit.local.statements.statement import Kind, Statement
from dsqlkit.local.statements.steps import Step
from dsqlkit.local.wire.messages import Backend
from dsqlkit.quotas import MAX_ROWS

# Not as a Query, which would drop the client's unnamed statement.
_BEGIN: Final = question("BEGIN")
_COMMIT: Final = question("COMMIT")
_ROLLBACK: Final = question("ROLLBACK")


async def run_limited(parts: Parts, step: Step, statement: Statement) -> None:
    """Run a step by itself in a hidden transaction, and commit it unless it changed too much."""
    conversation = parts.conversation
    answered = asyncio.get_running_loop().create_future()
    conversation.expect(Exchange(HELD))
    copies = statement.kind is Kind.COPY_IN
    conversation.expect(
        Exchange(
            Request(
                forward=copies,
                holds_end=copies,
                bounded=not copies,
                hide_ready=True,
                is_query=step.is_query,
            ),
            answered.set_result,
        )
    )
    conversation.backend.write(_BEGIN + step.data)
    done: Exchange = await answered
    if done.verdict.error is not None:
        await conversation.run(_ROLLBACK)
        parts.client.write(done.held() + READY_IDLE)
    elif done.verdict.changed > MAX_ROWS:
        await conversation.run(_ROLLBACK)
        parts.client.write(TOO_MANY_ROWS.as_error() + READY_IDLE)
    else:
        committed = await conversation.run(_COMMIT)
        if committed.verdict.error is None:
            parts.adjudicator.committed_alone([statement])
            answer = done.held()
        else:
            errors = (piece for kind, piece in committed.pieces if kind == Backend.ERROR_RESPONSE)
            answer = b"".join(errors)
        parts.client.write(answer + READY_IDLE)

"""A write in autocommit that may change too many rows: its end is looked at before its COMMIT."""

import asyncio
from typing import TYPE_CHECKING, Final

from dsqlkit.local.backend.exchange import READY_IDLE, Exchange, question
from dsqlkit.local.dialect.limits import TOO_MANY_ROWS
from dsqlkit.local.statements.statement import Kind, Statement
from dsqlkit.local.statements.steps import Step
from dsqlkit.local.wire.messages import Backend
from dsqlkit.quotas import MAX_ROWS

if TYPE_CHECKING:
    from dsqlkit.local.session.session import Session

# Not as a Query, which would drop the client's unnamed statement.
_BEGIN: Final = question("BEGIN")
_COMMIT: Final = question("COMMIT")
_ROLLBACK: Final = question("ROLLBACK")


async def run_limited(session: "Session", step: Step, statement: Statement) -> None:
    """Run a step by itself in a hidden transaction, and commit it unless it changed too much."""
    conversation = session.conversation
    answered = asyncio.get_running_loop().create_future()
    conversation.expect(Exchange(forward=False))
    copies = statement.kind is Kind.COPY_IN
    conversation.expect(
        Exchange(
            forward=copies,
            holds_end=copies,
            bounded=not copies,
            hide_ready=True,
            is_query=step.is_query,
            on_done=answered.set_result,
        )
    )
    conversation.backend.write(_BEGIN + step.data)
    done: Exchange = await answered
    if done.error is not None:
        await conversation.run(_ROLLBACK)
        session.client.write(done.held() + READY_IDLE)
    elif done.changed > MAX_ROWS:
        await conversation.run(_ROLLBACK)
        session.client.write(TOO_MANY_ROWS.as_error() + READY_IDLE)
    else:
        committed = await conversation.run(_COMMIT)
        if committed.error is None:
            session.adjudicator.committed_alone([statement])
            answer = done.held()
        else:
            errors = (piece for kind, piece in committed.pieces if kind == Backend.ERROR_RESPONSE)
            answer = b"".join(errors)
        session.client.write(answer + READY_IDLE)

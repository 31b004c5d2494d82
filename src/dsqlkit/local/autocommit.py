"""A write in autocommit that may change too many rows: its end is looked at before its COMMIT."""

import asyncio
from typing import TYPE_CHECKING, Final

from dsqlkit.local import wire
from dsqlkit.local.analysis import Kind, Statement
from dsqlkit.local.exchange import Exchange
from dsqlkit.local.limits import MAX_ROWS, TOO_MANY_ROWS
from dsqlkit.local.steps import End, Step

if TYPE_CHECKING:
    from dsqlkit.local.session import Session

_BEGIN: Final = wire.message(b"Q", b"BEGIN\0")
_COMMIT: Final = wire.message(b"Q", b"COMMIT\0")
_ROLLBACK: Final = wire.message(b"Q", b"ROLLBACK\0")
_READY_IDLE: Final = wire.message(b"Z", b"I")
_READY: Final = ord("Z")


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
            is_query=step.end is End.QUERY,
            on_done=answered.set_result,
        )
    )
    conversation.backend.write(_BEGIN + step.data)
    done: Exchange = await answered
    if done.error is not None:
        await conversation.run(_ROLLBACK)
        session.client.write(_without_ready(done) + _READY_IDLE)
    elif done.changed > MAX_ROWS:
        await conversation.run(_ROLLBACK)
        session.client.write(TOO_MANY_ROWS.as_error() + _READY_IDLE)
    else:
        committed = await conversation.run(_COMMIT)
        if committed.error is None:
            session.adjudicator.committed_alone([statement])
        told = done if committed.error is None else committed
        session.client.write(_without_ready(told) + _READY_IDLE)


def _without_ready(exchange: Exchange) -> bytes:
    return b"".join(piece for kind, piece in exchange.pieces if kind != _READY)

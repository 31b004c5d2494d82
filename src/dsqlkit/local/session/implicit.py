"""The implicit transaction of a text that has statements beside its BEGIN ... COMMIT.

PostgreSQL runs them in one transaction up to the next COMMIT, or the end of the text. As such a
text is sent statement by statement, a BEGIN and a COMMIT that the client does not see make it so.
"""

from typing import TYPE_CHECKING, Final

from dsqlkit.local.backend.exchange import READY_IDLE
from dsqlkit.local.backend.savepoint import SAVEPOINT
from dsqlkit.local.statements.steps import Step
from dsqlkit.local.wire.messages import Backend, Frontend, message

if TYPE_CHECKING:
    from dsqlkit.local.session.session import Session

_BEGIN: Final = message(Frontend.QUERY, f"BEGIN;SAVEPOINT {SAVEPOINT}\0".encode())
_COMMIT: Final = message(Frontend.QUERY, b"COMMIT\0")
_ROLLBACK: Final = message(Frontend.QUERY, b"ROLLBACK\0")
_BEGUN: Final = message(Backend.COMMAND_COMPLETE, b"BEGIN\0")


async def begin(session: "Session", step: Step) -> None:
    """Begin the transaction for a step, which comes next."""
    (await session.conversation.run(_BEGIN)).rows()
    session.transaction = session.adjudicator.began(session)
    session.transaction.implicit = True
    session.pipeline.put_first(step)


def make_explicit(session: "Session") -> None:
    """The client's BEGIN: what the text did before is part of the transaction."""
    assert session.transaction is not None
    session.transaction.implicit = False
    session.client.write(_BEGUN)


async def end(session: "Session") -> None:
    """Commit it at the end of the text, or roll it back after an error."""
    transaction = session.transaction
    assert transaction is not None
    error = None
    if not transaction.failed:
        await session.recovery.prepare_commit(transaction)
        ended = await session.conversation.run(_COMMIT)
        error = ended.error
    else:
        ended = await session.conversation.run(_ROLLBACK)
    session.ended(ended)
    if error is not None:
        session.client.write(ended.held())
    else:
        session.client.write(READY_IDLE)

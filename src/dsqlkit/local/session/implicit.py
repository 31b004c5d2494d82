"""The implicit transaction of a text that has statements beside its BEGIN ... COMMIT.

PostgreSQL runs them in one transaction up to the next COMMIT, or the end of the text. As such a
text is sent statement by statement, a BEGIN and a COMMIT that the client does not see make it so.
"""

from typing import Final

from dsqlkit.local.backend.exchange import READY_IDLE
from dsqlkit.local.backend.savepoint import SAVEPOINT
from dsqlkit.local.occ.open_transaction import OpenTransaction
from dsqlkit.local.session.parts import Parts
from dsqlkit.local.statements.steps import Step
from dsqlkit.local.wire.messages import Backend, Frontend, message

_BEGIN: Final = message(Frontend.QUERY, f"BEGIN;SAVEPOINT {SAVEPOINT}\0".encode())
_COMMIT: Final = message(Frontend.QUERY, b"COMMIT\0")
_ROLLBACK: Final = message(Frontend.QUERY, b"ROLLBACK\0")
_BEGUN: Final = message(Backend.COMMAND_COMPLETE, b"BEGIN\0")


async def begin(parts: Parts, step: Step) -> None:
    """Begin the transaction for a step, which comes next."""
    (await parts.conversation.run(_BEGIN)).rows()
    parts.begin().implicit = True
    parts.pipeline.put_first(step)


def make_explicit(parts: Parts, transaction: OpenTransaction) -> None:
    """The client's BEGIN: what the text did before is part of the transaction."""
    transaction.implicit = False
    parts.client.write(_BEGUN)


async def end(parts: Parts, transaction: OpenTransaction) -> None:
    """Commit it at the end of the text, or roll it back after an error."""
    if transaction.has_failed:
        ended = await parts.conversation.run(_ROLLBACK)
        answer = READY_IDLE
    else:
        await parts.recovery.prepare_commit(transaction)
        ended = await parts.conversation.run(_COMMIT)
        answer = READY_IDLE if ended.verdict.error is None else ended.held()
    parts.keep_up(ended.verdict)
    parts.client.write(answer)

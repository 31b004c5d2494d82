"""Failing a step of a transaction block in place of its answer, and the transaction with it."""

from typing import Final

from dsqlkit.local.backend.exchange import READY_FAILED, READY_IDLE
from dsqlkit.local.backend.question import question
from dsqlkit.local.dialect.refusal import Refusal
from dsqlkit.local.occ.open_transaction import OpenTransaction
from dsqlkit.local.session.parts import Parts
from dsqlkit.local.statements.steps import Step

CANCELLED: Final = Refusal("57014", "canceling statement due to user request")
"""What a client is told that has asked for it."""


async def fail(parts: Parts, transaction: OpenTransaction, step: Step, refusal: Refusal) -> None:
    """Fail a step, which may have run, and the transaction with it."""
    await abort(parts, transaction)
    ready = b"" if step.hides_ready else READY_FAILED
    parts.tell(step, refusal.as_error() + ready, failed=True)


async def abort(parts: Parts, transaction: OpenTransaction) -> None:
    """Have PostgreSQL take a transaction for failed, whether or not it does already."""
    await parts.conversation.run(question("SELECT dsqlkit.fail('25P02', '')"))
    transaction.fail()


async def fail_unbegun(parts: Parts, transaction: OpenTransaction, step: Step) -> None:
    """Fail a transaction whose BEGIN has been answered, and was cancelled together with the first
    statement: the client is to see the statement cancelled, and its transaction failed."""
    await parts.conversation.ask("BEGIN")
    await fail(parts, transaction, step, CANCELLED)


async def fail_commit(parts: Parts, step: Step, refusal: Refusal) -> None:
    """Roll back in place of a COMMIT, which fails."""
    done = await parts.conversation.run(question("ROLLBACK"))
    parts.keep_up(done.verdict)
    ready = b"" if step.hides_ready else READY_IDLE
    parts.tell(step, refusal.as_error() + ready, failed=True)

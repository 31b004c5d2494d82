"""Failing a step of a transaction block in place of its answer, and the transaction with it."""

from dsqlkit.local.backend.exchange import READY_FAILED, READY_IDLE
from dsqlkit.local.backend.question import question
from dsqlkit.local.dialect.refusal import Refusal
from dsqlkit.local.occ.open_transaction import OpenTransaction
from dsqlkit.local.session.parts import Parts
from dsqlkit.local.statements.steps import Step


async def fail(parts: Parts, transaction: OpenTransaction, step: Step, refusal: Refusal) -> None:
    """Fail a step, which may have run, and the transaction with it."""
    await parts.conversation.run(
        question("SELECT dsqlkit.fail($1, $2)", (refusal.sqlstate, refusal.message))
    )
    transaction.fail()
    ready = b"" if step.hides_ready else READY_FAILED
    parts.tell(step, refusal.as_error() + ready, failed=True)


async def fail_commit(parts: Parts, step: Step, refusal: Refusal) -> None:
    """Roll back in place of a COMMIT, which fails."""
    done = await parts.conversation.run(question("ROLLBACK"))
    parts.keep_up(done.verdict)
    ready = b"" if step.hides_ready else READY_IDLE
    parts.tell(step, refusal.as_error() + ready, failed=True)

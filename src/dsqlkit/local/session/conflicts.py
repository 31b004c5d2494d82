"""What becomes of a transaction block's step when its transaction has met a conflict.

Until its COMMIT the client is to see no difference: the step is run, or run once more, at overlays
(occ/recovery.py). Where that cannot be, the conflict shows at once.
"""

import asyncio
from collections.abc import Callable

from dsqlkit.local.backend.exchange import Exchange, Refused, Request
from dsqlkit.local.dialect.refusal import CONFLICT, SCHEMA_CHANGED, Refusal
from dsqlkit.local.occ.at_overlays import AtOverlay
from dsqlkit.local.occ.changes import Failing, Locked, NotThere
from dsqlkit.local.occ.open_transaction import OpenTransaction
from dsqlkit.local.session.failing import abort, fail, fail_commit
from dsqlkit.local.session.parts import Parts
from dsqlkit.local.statements.steps import Step
from dsqlkit.local.wire.messages import SYNC


class Conflicts:
    """The conflicts of one session's transaction blocks. `answered` is told what a step that was
    run here came to; `write` sends one that need not run here after all."""

    def __init__(
        self,
        parts: Parts,
        *,
        answered: Callable[[Step, Exchange], None],
        write: Callable[[Step], None],
    ) -> None:
        self._parts = parts
        self._answered = answered
        self._write = write

    async def resume(self, step: Step, transaction: OpenTransaction) -> None:
        """Run a step of a transaction that was parked or has lost."""
        parts, statement = self._parts, step.statement
        assert statement is not None
        try:
            there = await parts.recovery.resume(step, statement, transaction)
        except Failing as why:
            await fail(parts, transaction, step, Refusal(why.sqlstate, why.message))
            return
        except (Refused, Locked, NotThere) as why:
            # It cannot be answered as if it had not lost: the conflict shows now.
            await fail(parts, transaction, step, _conflict_of(why, transaction))
            return
        if there is not None:
            await self._send(step, there)
        elif not statement.can_conflict:
            parts.send_step(step, step.data, forward=True)
        else:
            self._write(step)

    async def take_back(self, step: Step, exchange: Exchange, transaction: OpenTransaction) -> None:
        """Take back a step that has been run, and run it at overlays."""
        parts, statement = self._parts, step.statement
        assert statement is not None
        try:
            there = await parts.recovery.take_back(
                step, statement, transaction, exchange.verdict, guarded=exchange.request.guarded
            )
        except Failing as why:
            await fail(parts, transaction, step, Refusal(why.sqlstate, why.message))
            return
        except (Refused, Locked, NotThere) as why:
            # It cannot be answered so, for want of a privilege say: the conflict shows now.
            if exchange.verdict.error is None:
                await fail(parts, transaction, step, _conflict_of(why, transaction))
                return
            # What was let go of is no longer failed, though its client is told so.
            await abort(parts, transaction)
            parts.give(step, exchange)
            return
        await self._send(step, there)

    async def commit(self, step: Step, transaction: OpenTransaction) -> None:
        """Commit, or fail to because another was first."""
        await self._parts.recovery.settle(transaction, step.bind)
        if transaction.lost is None:
            self._parts.send_step(step, step.data, forward=True)
        else:
            await fail_commit(self._parts, step, Refusal(CONFLICT.sqlstate, transaction.lost))

    async def _send(self, step: Step, there: AtOverlay) -> None:
        parts = self._parts
        if there.after is None:
            assert step.statement is not None
            parts.send_step(step, there.frames, forward=not step.statement.can_conflict)
            return
        answered = asyncio.get_running_loop().create_future()
        request = Request(hide_ready=step.hides_ready, is_query=step.is_query, before=step.before)
        needs_sync = step.hides_ready and not step.is_query
        frames = there.frames + (SYNC if needs_sync else b"")
        parts.conversation.send(frames, Exchange(request, answered.set_result))
        done: Exchange = await answered
        if done.verdict.error is None:
            await there.after()
        self._answered(step, done)


def _conflict_of(why: Exception, transaction: OpenTransaction) -> Refusal:
    if transaction.lost is not None:
        return Refusal(CONFLICT.sqlstate, transaction.lost)
    return SCHEMA_CHANGED if isinstance(why, Locked) else CONFLICT

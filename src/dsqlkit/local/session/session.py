"""A signed-in client and its PostgreSQL backend: two links, and what passes between them.

What the client sends is cut into steps, which wait for their turn in the pipeline. Outside a
transaction block they are forwarded as they come (autocommit.py), inside one they go one at a time
(transaction_block.py).
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any

from dsqlkit.local.backend.conversation import Conversation
from dsqlkit.local.backend.exchange import FAILED, IDLE, Exchange
from dsqlkit.local.backend.savepoint import GUARD_COMPLETE, guarded
from dsqlkit.local.dialect.limits import too_old
from dsqlkit.local.dialect.refusal import Refusal
from dsqlkit.local.faults import ActiveFaults
from dsqlkit.local.occ.adjudicator import Adjudicator
from dsqlkit.local.occ.open_transaction import OpenTransaction
from dsqlkit.local.occ.recovery import Recovery
from dsqlkit.local.session.autocommit import Autocommit
from dsqlkit.local.session.disruption import Disruption
from dsqlkit.local.session.distance import Distance
from dsqlkit.local.session.pipeline import Pipeline
from dsqlkit.local.session.transaction_block import TransactionBlock
from dsqlkit.local.statements.statement import Kind
from dsqlkit.local.statements.steps import Step
from dsqlkit.local.wire.link import Link
from dsqlkit.local.wire.messages import FLUSH, SYNC, TERMINATE

_log = logging.getLogger(__name__)


class Session:
    """Both links of a signed-in client. It ends, on both sides, when either side does."""

    def __init__(
        self,
        *,
        adjudicator: Adjudicator,
        faults: ActiveFaults,
        on_job: Callable[[], None],
        on_end: Callable[["Session"], None],
    ) -> None:
        self.transaction: OpenTransaction | None = None
        self.adjudicator = adjudicator
        self.faults = faults
        self.pipeline = Pipeline(self)
        self._distance = Distance(faults, self.pipeline.receive)
        self.client = self._distance.link = Link(self._distance.receive, self.close, watched=True)
        self.conversation = Conversation(
            self.client,
            on_job,
            adjudicator.changed_schema,
            on_busy=lambda: adjudicator.watch.busy(self),
            on_rest=lambda: adjudicator.watch.at_rest(self),
            on_copy=self.pipeline.take_data,
            lost=self.close,
        )
        self.backend = self.conversation.backend
        self.client.other, self.backend.other = self.backend, self.client
        self.recovery = Recovery(self)
        self.disruption = Disruption(self)
        self.has_ended = False
        self._autocommit = Autocommit(self)
        self._block = TransactionBlock(self)
        self._work: asyncio.Task[None] | None = None
        self._wants_rows = False
        self._can_start_over = False
        self._expired = False
        self._on_end = on_end

    def close(self) -> None:
        """End the session, on both sides. What was written to the client is still sent."""
        if self.has_ended:
            return
        self.has_ended = True
        if self._work is not None:
            self._work.cancel()
        self.adjudicator.gone(self)
        self.transaction = None
        self.backend.leave(TERMINATE)
        self.client.close()
        self._on_end(self)

    def cut(self, done: Exchange | None = None) -> None:
        """Break the client's connection; `done` is the last answer, which it does not get."""
        if done is not None:
            self.ended(done)
        self.client.abort()
        self.close()

    def expire(self) -> None:
        """Close it, as it is too old: at its next statement unless it is idle now."""
        self._expired = True
        if self.is_idle and self.transaction is None:
            self.close()

    # As a player of the adjudicator's.

    @property
    def pid(self) -> int:
        return self.conversation.pid

    @property
    def can_be_parked(self) -> bool:
        transaction = self.transaction
        return (
            transaction is not None
            and self.is_idle
            and transaction.movable
            and not transaction.abandoned
            and (transaction.failed or not transaction.parked)
        )

    @property
    def is_idle(self) -> bool:
        return not self.conversation.under_way and self._work is None

    @property
    def is_internal(self) -> bool:
        return self.conversation.is_internal

    @property
    def can_start_over(self) -> bool:
        return self.recovery.park_and_restore.is_restoring or self._can_start_over

    @property
    def wants_rows(self) -> bool:
        return self.recovery.park_and_restore.is_restoring or self._wants_rows

    async def park(self) -> None:
        transaction = self.transaction
        if transaction is not None and self.can_be_parked:
            self.do(self.recovery.park_and_restore.park(transaction))
            if self._work is not None:
                await asyncio.wait([self._work])

    def overdue(self, busy_s: float) -> Refusal | None:
        age_s = busy_s if self.transaction is None else self.transaction.age_s
        return too_old(age_s, self.faults.transaction_age_s)

    @contextmanager
    def being_cancelled(self, refusal: Refusal | None) -> Generator[None, None, None]:
        with self.conversation.being_cancelled(refusal):
            yield
        self.pipeline.go_on()

    # What others use that do a part of its work.

    def handle(self, step: Step) -> None:
        """Handle the client's next step, whose turn it is."""
        if step.data == FLUSH:
            pass  # all that was sent before has been answered, or is followed by a Sync
        elif self.pipeline.skipping:
            self.pipeline.skip(step)
        elif self._expired:
            self.close()
        elif self.transaction is not None:
            self._block.handle(step, self.transaction)
        elif (
            (statement := step.statement) is not None
            and statement.kind is Kind.BEGIN
            and self._autocommit.unsynced is None
        ):
            self._block.begin(step, statement)
        else:
            self._autocommit.handle(step)

    def send_step(
        self, step: Step, data: bytes, *, forward: bool, guard: bool = False, again: bool = False
    ) -> None:
        """Send a step, or other frames in its place; hold back the answers unless `forward`.

        `guard`: a savepoint goes before it. `again`: it can be taken back and run again.
        """
        hide = step.hides_ready
        self.pipeline.held_up = True
        self._wants_rows = step.statement is not None and step.statement.can_conflict
        self._can_start_over = again
        exchange = Exchange(
            forward=forward,
            hide_ready=hide,
            bounded=not step.copied,
            is_query=step.is_query,
            guarded=guard,
            unheard=GUARD_COMPLETE if guard else b"",
            copies=bool(step.copied),
            before=step.before,
            on_done=lambda done: self._block.answered(step, done),
        )
        frames = guarded(data) if guard else data
        self.conversation.send(frames + SYNC if hide and not step.is_query else frames, exchange)

    def send_write(self, step: Step, transaction: OpenTransaction) -> None:
        """Send a step that may meet a conflict, so that it can be taken back by itself."""
        guard = bool(transaction.claimed) and self.adjudicator.is_contended(self)
        again = guard or not transaction.claimed
        self.send_step(step, step.data, forward=False, guard=guard, again=again)

    def finish(self, step: Step, exchange: Exchange) -> None:
        """Let the client have the end of a step, and go on."""
        if not exchange.forward or exchange.holds_end:
            self.give(step, exchange)
        elif exchange.error is not None and exchange.hide_ready:
            self.pipeline.skipping = True
        self.answered(exchange)

    def give(self, step: Step, exchange: Exchange) -> None:
        """Give the client what was held back of a step's answers."""
        self.tell(step, exchange.held(), failed=exchange.error is not None)

    def tell(self, step: Step, answers: bytes, *, failed: bool) -> None:
        """Give the client the answers to a step, which in a pipeline end it if it failed."""
        self.client.write(answers)
        if failed and step.hides_ready:
            self.pipeline.skipping = True

    def answered(self, exchange: Exchange) -> None:
        """All of an exchange has been answered: let the client's further steps go on."""
        self.ended(exchange)
        self.pipeline.release()

    def ended(self, exchange: Exchange) -> None:
        """Keep up with the state of the transaction."""
        transaction = self.transaction
        if transaction is None:
            return
        transaction.failed = exchange.status == FAILED
        if exchange.status == IDLE:
            self.adjudicator.ended(self, committed=exchange.tag.startswith(b"COMMIT\0", 5))
            self.transaction = None

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that takes several exchanges; the client's further steps wait."""
        self.pipeline.held_up = True
        self._work = asyncio.ensure_future(work)
        self._work.add_done_callback(self._work_done)

    def _work_done(self, work: "asyncio.Task[None]") -> None:
        if self._work is work:  # and not the next, begun when the backend was quicker than this
            self._work = None
        if work.cancelled():
            return
        if (error := work.exception()) is not None:
            _log.error("a session's recovery failed", exc_info=error)
            self.close()
            return
        if self._work is None and not self.conversation.under_way:
            self.pipeline.release()

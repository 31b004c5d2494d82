"""A signed-in client and its PostgreSQL backend: two links, and what passes between them.

Outside an explicit transaction frames are forwarded as they come. Inside one, statements go one at
a time: so each can be held back until it is known whether it met a conflict, and between two of
them the transaction can be parked (see adjudicator.py).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from dsqlkit.local import wire
from dsqlkit.local.adjudicator import Adjudicator
from dsqlkit.local.analysis import Kind, Statement
from dsqlkit.local.autocommit import run_limited
from dsqlkit.local.conversation import Conversation
from dsqlkit.local.disruption import Disruption, can_hit
from dsqlkit.local.distance import Distance
from dsqlkit.local.exchange import FAILED, IDLE, IN_TRANSACTION, Exchange
from dsqlkit.local.faults import ActiveFaults
from dsqlkit.local.limits import (
    MAX_ROWS,
    TOO_MANY_ROWS,
    refusal_inside,
    refusal_outside,
    refused,
    too_old,
)
from dsqlkit.local.link import Link
from dsqlkit.local.open_transaction import OpenTransaction
from dsqlkit.local.recovery import Recovery
from dsqlkit.local.refusal import Refusal
from dsqlkit.local.savepoint import with_savepoint, without_savepoint
from dsqlkit.local.statements import rewrite
from dsqlkit.local.steps import FLUSH, SYNC, WANTED, End, Step, StepCutter

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
        self._faults = faults
        self._distance = Distance(faults, self._from_client)
        self.client = self._distance.link = Link(self._distance.receive, self._lost)
        self.conversation = Conversation(
            self.client,
            on_job,
            adjudicator.changed_schema,
            on_busy=lambda: adjudicator.busy(self),
            on_rest=lambda: adjudicator.at_rest(self),
            lost=self._lost,
        )
        self.backend = self.conversation.backend
        self.client.other, self.backend.other = self.backend, self.client
        self.adjudicator = adjudicator
        self._on_end = on_end
        self._ended = False
        self._frames = wire.FrameCutter(set(WANTED), limit=wire.MAX_CLIENT_FRAME)
        self._steps = StepCutter(rewrite)
        self._queue: deque[Step] = deque()
        self._held_up = False
        self._unsynced: list[Statement] | None = None
        self._autocommit = Exchange(forward=True)
        self._skipping = False
        self._wants_rows = False
        self._work: asyncio.Task[None] | None = None
        self.recovery = Recovery(self)
        self._disruption = Disruption(self, faults)
        self._expired = False

    def close(self) -> None:
        """End the session now. What was written to the client is still sent."""
        self._lost()

    def cut(self, done: Exchange | None = None) -> None:
        """Break the client's connection; `done` is the last answer, which it does not get."""
        if done is not None:
            self.ended(done)
        self.client.abort()
        self._lost()

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
            and not transaction.failed
            and not transaction.parked
            and not transaction.shadowed
        )

    @property
    def is_idle(self) -> bool:
        return not self.conversation.under_way and self._work is None

    @property
    def is_putting_back(self) -> bool:
        return self.recovery.is_putting_back

    @property
    def wants_rows(self) -> bool:
        return self.recovery.is_putting_back or self._wants_rows

    async def park(self) -> None:
        transaction = self.transaction
        if transaction is not None and self.can_be_parked:
            self._do(self.recovery.park(transaction))
            if self._work is not None:
                await asyncio.wait([self._work])

    def overdue(self, busy_s: float) -> Refusal | None:
        age_s = busy_s if self.transaction is None else self.transaction.age_s
        return too_old(age_s, self._faults.transaction_age_s)

    def expect_cancel(self, refusal: Refusal | None) -> None:
        self.conversation.expect_cancel(refusal)

    # What the recovery and the disruption use.

    def send_step(self, step: Step, data: bytes, *, forward: bool) -> None:
        """Send a step, or other frames in its place; hold back the answers unless `forward`."""
        hide = step.end in (End.FLUSH, End.NEXT)
        self._held_up = True
        self._wants_rows = step.statement is not None and step.statement.can_conflict
        exchange = Exchange(
            forward=forward,
            hide_ready=hide,
            is_query=step.end is End.QUERY,
            holds_end=step.statement is not None and step.statement.kind is Kind.COPY_IN,
            on_done=lambda done: self._step_done(step, done),
        )
        self.conversation.send(data + SYNC if hide else data, exchange)

    def finish(self, step: Step, exchange: Exchange) -> None:
        """Let the client have the end of a step, and go on."""
        if not exchange.forward or exchange.holds_end:
            self.give(step, exchange)
        elif exchange.error is not None and exchange.hide_ready:
            self._skipping = True
        self._answered(exchange)

    def give(self, step: Step, exchange: Exchange) -> None:
        """Give the client what was held back of a step's answers."""
        self.tell(step, exchange.held(), failed=exchange.error is not None)

    def tell(self, step: Step, answers: bytes, *, failed: bool) -> None:
        """Give the client the answers to a step, which in a pipeline end it if it failed."""
        self.client.write(answers)
        if failed and step.end in (End.FLUSH, End.NEXT):
            self._skipping = True

    def release(self) -> None:
        """Let the client's further steps, which had to wait, go on."""
        self._held_up = False
        self._go_on()

    # The client's side.

    def _from_client(self, data: bytes) -> None:
        try:
            for kind, frame in self._frames.feed(data):
                if kind == wire.RUN:
                    self.backend.write(frame)
                    continue
                for step in self._steps.feed(kind, frame):
                    if self.conversation.copying and step.statement is None:
                        # The Sync after CopyDone; the one before was lost on a backend in COPY.
                        self.conversation.copying = False
                        self.backend.write(step.data)
                    else:
                        self._queue.append(step)
        except wire.ProtocolViolation as violation:
            _log.info("a client broke the protocol: %s", violation)
            self.close()
            return
        self._go_on()

    def _go_on(self) -> None:
        """Handle the client's steps as far as none has to wait for an answer."""
        while self._queue and not self._held_up and not self._ended:
            step = self._queue.popleft()
            if step.data == FLUSH:
                continue  # all that was sent before has been answered, or is followed by a Sync
            if self._skipping:
                self._skip(step)
            elif self._expired:
                self.close()
            elif self.transaction is None:
                self._outside(step)
            else:
                self._inside(step, self.transaction)

    def _skip(self, step: Step) -> None:
        """After an error in a pipeline everything up to the client's Sync is left out."""
        if step.end is End.SYNC:
            self._skipping = False
            self._held_up = True
            self.conversation.send(SYNC, Exchange(forward=True, on_done=self._answered))

    def _outside(self, step: Step) -> None:
        statement = step.statement
        if statement is not None and statement.kind is Kind.BEGIN and self._unsynced is None:
            self._held_up = True
            begin = Exchange(
                forward=False,
                hide_ready=step.end in (End.FLUSH, End.NEXT),
                on_done=self._begun,
            )
            self.conversation.send(with_savepoint(step), begin)
            return
        if statement is None and step.end is End.FLUSH and self._unsynced is None:
            # Preparing and describing: what it gets in answer ends with no ReadyForQuery.
            self.backend.write(step.data)
            return
        if self._unsynced is None and statement is not None and step.end in (End.SYNC, End.QUERY):
            refusal = refusal_outside(statement.parts)
            if refusal is not None:
                self.send_step(step, refused(step, refusal), forward=True)
                return
            if statement.may_change_too_much and not self._faults.on_commit:
                self._do(run_limited(self, step, statement))
                return
        if self._unsynced is None:
            statements: list[Statement] = []
            self._unsynced = statements
            self._autocommit = Exchange(
                forward=True,
                is_query=step.end is End.QUERY,
                on_done=lambda done: self._autocommitted(done, statements),
            )
            self.conversation.expect(self._autocommit)
        if statement is not None:
            self._unsynced.append(statement)
        if step.end in (End.SYNC, End.QUERY):
            ended, self._unsynced = self._unsynced, None
            if self._faults.on_commit and can_hit(ended):
                self._do(self._disruption.autocommit(step, self._autocommit))
                return
        self.backend.write(step.data)

    def _inside(self, step: Step, transaction: OpenTransaction) -> None:
        statement = step.statement
        if (
            statement is None
            or transaction.failed
            or statement.kind in (Kind.ROLLBACK, Kind.BEGIN, Kind.MIXED)
        ):
            self.send_step(step, step.data, forward=True)
        elif old := self.overdue(0.0):
            refuse = (
                self.recovery.refuse_commit
                if statement.kind is Kind.COMMIT
                else self.recovery.refuse
            )
            self._do(refuse(step, old))
        elif statement.kind is Kind.COMMIT:
            if self._faults.on_commit and transaction.claimed:
                self._do(self._disruption.commit(step, transaction))
            elif transaction.lost or transaction.parked or transaction.locked:
                self._do(self.recovery.commit(step, transaction))
            else:
                self.send_step(step, step.data, forward=True)
        elif refusal := refusal_inside(transaction.ddl, transaction.dml, statement.parts):
            self.send_step(step, refused(step, refusal), forward=True)
        elif transaction.parked or transaction.shadowed:
            self._do(self.recovery.resume(step, statement, transaction))
        else:
            self.send_step(step, step.data, forward=not statement.can_conflict)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that takes several exchanges; the client's further steps wait."""
        self._held_up = True
        self._work = asyncio.ensure_future(work)
        self._work.add_done_callback(self._work_done)

    def _work_done(self, work: "asyncio.Task[None]") -> None:
        self._work = None
        if work.cancelled():
            return
        if (error := work.exception()) is not None:
            _log.error("a session's recovery failed", exc_info=error)
            self.close()
            return
        if not self.conversation.under_way:
            self.release()

    # What the backend answered.

    def _answered(self, exchange: Exchange) -> None:
        self.ended(exchange)
        self.release()

    def _begun(self, exchange: Exchange) -> None:
        if exchange.status == IN_TRANSACTION:
            self.transaction = self.adjudicator.began(self)
        self.client.write(without_savepoint(exchange.held()))
        self._skipping = exchange.error is not None and exchange.hide_ready
        self.release()

    def _autocommitted(self, exchange: Exchange, statements: list[Statement]) -> None:
        if exchange.status != IDLE:
            # A text with BEGIN among others: what came before the savepoint cannot be parked.
            self.transaction = self.adjudicator.began(self)
            self.transaction.movable = False
            self.transaction.failed = exchange.status == FAILED
        elif exchange.error is None:
            self.adjudicator.committed_alone(statements)

    def _step_done(self, step: Step, exchange: Exchange) -> None:
        statement, transaction = step.statement, self.transaction
        held = not exchange.forward or exchange.holds_end
        if transaction is not None and statement is not None:
            if exchange.error is None:
                if held and self.recovery.may_have_twins(statement, transaction):
                    self._do(self.recovery.check_keys(step, statement, transaction, exchange))
                    return
                transaction.note(step, statement)
                transaction.rows += exchange.changed
                if held and transaction.rows > MAX_ROWS:
                    self._do(self.recovery.refuse(step, TOO_MANY_ROWS))
                    return
            elif held and self.recovery.is_conflict(statement, exchange, transaction):
                self._do(self.recovery.lose(step, statement, transaction, exchange))
                return
        self.finish(step, exchange)

    def ended(self, exchange: Exchange) -> None:
        """Keep up with the state of the transaction."""
        transaction = self.transaction
        if transaction is None:
            return
        transaction.failed = exchange.status == FAILED
        if exchange.status == IDLE:
            self.adjudicator.ended(self, committed=exchange.tag.startswith(b"COMMIT\0", 5))
            self.transaction = None

    def _lost(self) -> None:
        if self._ended:
            return
        self._ended = True
        if self._work is not None:
            self._work.cancel()
        self.adjudicator.gone(self)
        self.transaction = None
        self.backend.write(wire.TERMINATE)
        self.backend.close()
        self.client.close()
        self._on_end(self)

"""A signed-in client and its PostgreSQL backend: two links, and what passes between them.

Outside an explicit transaction frames are forwarded as they come. Inside one, statements go one at
a time: so each can be held back until it is known whether it met a conflict, and between two of
them the transaction can be parked (see adjudicator.py).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any, Final

from dsqlkit.local import copy_in, implicit, wire
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
from dsqlkit.local.recovery import SCHEMA_CHANGED, Recovery
from dsqlkit.local.refusal import Refusal
from dsqlkit.local.savepoint import (
    BEGIN,
    BEGIN_COMPLETE,
    BEGUN,
    guarded,
    with_savepoint,
    without_savepoint,
)
from dsqlkit.local.statements import rewrite
from dsqlkit.local.steps import FLUSH, SYNC, WANTED, End, Step, StepCutter

_QUEUE_BYTES: Final = 1024 * 1024
"""How much of a pipeline is held here while its client waits for an earlier answer."""
_STEP_BYTES: Final = 512

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
        self.client = self._distance.link = Link(self._distance.receive, self._lost, watched=True)
        self.conversation = Conversation(
            self.client,
            on_job,
            adjudicator.changed_schema,
            on_busy=lambda: adjudicator.busy(self),
            on_rest=lambda: adjudicator.at_rest(self),
            on_copy=self._take_data,
            lost=self._lost,
        )
        self.backend = self.conversation.backend
        self.client.other, self.backend.other = self.backend, self.client
        self.adjudicator = adjudicator
        self._on_end = on_end
        self._ended = False
        self._frames = wire.FrameCutter({*WANTED, *copy_in.ENDS}, limit=wire.MAX_CLIENT_FRAME)
        self._steps = StepCutter(rewrite)
        self._queue: deque[Step] = deque()
        self._early: deque[tuple[int, bytes]] = deque()
        self._queued = 0
        self._held_up = False
        self._unsynced: list[Statement] | None = None
        self._autocommit = Exchange(forward=True)
        self._skipping = False
        self._wants_rows = False
        self._can_start_over = False
        self._copy: copy_in.CopyIn | None = None
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
        return self.recovery.is_putting_back or self._can_start_over

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

    @contextmanager
    def being_cancelled(self, refusal: Refusal | None) -> Generator[None, None, None]:
        with self.conversation.being_cancelled(refusal):
            yield
        self._go_on()

    # What others use that do a part of its work.

    def send_step(
        self, step: Step, data: bytes, *, forward: bool, guard: bool = False, again: bool = False
    ) -> None:
        """Send a step, or other frames in its place; hold back the answers unless `forward`.

        `guard`: a savepoint goes before it. `again`: it can be taken back and run again.
        """
        hide = step.hides_ready
        self._held_up = True
        self._wants_rows = step.statement is not None and step.statement.can_conflict
        self._can_start_over = again
        exchange = Exchange(
            forward=forward,
            hide_ready=hide,
            bounded=not step.copied,
            is_query=step.is_query,
            guarded=guard,
            copies=bool(step.copied),
            before=step.before,
            on_done=lambda done: self._step_done(step, done),
        )
        frames = guarded(data) if guard else data
        self.conversation.send(frames + SYNC if hide and not step.is_query else frames, exchange)

    def send_write(self, step: Step, transaction: OpenTransaction) -> None:
        """Send a step that may meet a conflict, so that it can be taken back by itself."""
        guard = bool(transaction.claimed) and self.adjudicator.is_contended(self)
        again = guard or not transaction.claimed
        self.send_step(step, step.data, forward=False, guard=guard, again=again)

    def put_first(self, step: Step) -> None:
        """Take this step as the client's next."""
        self._queue.appendleft(step)
        self._queued += len(step.data) + _STEP_BYTES

    def gather(self, copy: copy_in.CopyIn) -> None:
        """Take what the client sends now as the data of a COPY."""
        self._copy = copy
        self._go_on()
        self._take_data()

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
        if failed and step.hides_ready:
            self._skipping = True

    def release(self) -> None:
        """Let the client's further steps, which had to wait, go on."""
        self._held_up = False
        self._go_on()

    # The client's side.

    def _from_client(self, data: bytes) -> None:
        try:
            for kind, frame in self._frames.feed(data):
                if kind == wire.RUN or kind in copy_in.ENDS:
                    self._go_on()
                    self._early.append((kind, frame))
                    self._queued += len(frame)
                    self._take_data()
                    continue
                for step in self._steps.feed(kind, frame):
                    if self.conversation.copying and step.statement is None:
                        # The Sync after CopyDone; the one before was lost on a backend in COPY.
                        self.conversation.copying = False
                        self.backend.write(step.data)
                    else:
                        self._enqueue(step)
        except wire.ProtocolViolation as violation:
            _log.info("a client broke the protocol: %s", violation)
            self.close()
            return
        self._go_on()

    def _take_data(self) -> None:
        """Take data of a COPY as far as there is one that wants it: some clients do not wait to be
        asked. When nothing is under way nobody wants it, and PostgreSQL ignores it."""
        while self._early and (
            self._copy is not None
            or self.conversation.takes_data
            or not (self._queue or self._held_up or self.conversation.under_way)
        ):
            kind, frame = self._early.popleft()
            self._queued -= len(frame)
            if self._copy is None:
                self.conversation.send_data(frame, is_last=kind in copy_in.ENDS)
            elif (step := self._copy.take(kind, frame)) is not None:
                is_too_large, self._copy = self._copy.is_too_large, None
                if is_too_large:
                    step = step._replace(data=refused(step, copy_in.TOO_LARGE), statement=None)
                self.put_first(step)
        self.client.hold(self._queued > _QUEUE_BYTES)

    @property
    def _takes_steps(self) -> bool:
        return not self._held_up and self._copy is None and self.conversation.is_settled

    def _enqueue(self, step: Step) -> None:
        if not self._queue and self._takes_steps and not self._ended:
            self._handle(step)
            return
        self._queue.append(step)
        self._queued += len(step.data) + _STEP_BYTES

    def _go_on(self) -> None:
        """Handle the client's steps as far as none has to wait for an answer."""
        while self._queue and not self._ended:
            step = self._queue[0]
            # In the middle of a COPY a Sync means nothing.
            is_void = self._copy is not None and step.data == SYNC and not self._copy.is_part
            if not (is_void or self._takes_steps):
                break
            self._queue.popleft()
            self._queued -= len(step.data) + _STEP_BYTES
            if not is_void:
                self._handle(step)
        self.client.hold(self._queued > _QUEUE_BYTES)

    def _handle(self, step: Step) -> None:
        if step.data == FLUSH:
            pass  # all that was sent before has been answered, or is followed by a Sync
        elif self._skipping:
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
            if self.transaction is not None and self.transaction.implicit:
                self._do(implicit.end(self))
                return
            self._held_up = True
            self.conversation.send(SYNC, Exchange(forward=True, on_done=self._answered))

    def _outside(self, step: Step) -> None:
        statement = step.statement
        if statement is not None and statement.kind is Kind.BEGIN and self._unsynced is None:
            self._begin(step, statement)
            return
        if statement is not None and step.end is End.PART:
            if statement.kind in (Kind.COMMIT, Kind.ROLLBACK):
                self.send_step(step, step.data, forward=True)
            else:
                self._do(implicit.begin(self, step))
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
                is_query=step.is_query,
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

    def _begin(self, step: Step, statement: Statement) -> None:
        if statement.plain and step.end is End.QUERY and not self.conversation.under_way:
            # It is answered here and travels with the statement that comes next: the snapshot is of
            # that moment anyway.
            self.transaction = self.adjudicator.began(self)
            self.conversation.send_ahead(BEGIN, BEGIN_COMPLETE)
            self.client.write(BEGUN)
            return
        self._held_up = True
        begin = Exchange(forward=False, hide_ready=step.hides_ready, on_done=self._begun)
        self.conversation.send(with_savepoint(step), begin)

    def _inside(self, step: Step, transaction: OpenTransaction) -> None:
        statement = step.statement
        if transaction.implicit and step.data == SYNC:
            self._do(implicit.end(self))
        elif transaction.implicit and statement is not None and statement.kind is Kind.BEGIN:
            implicit.make_explicit(self)
        elif (
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
            elif transaction.needs_care or self.adjudicator.shared_since(transaction):
                self._do(self.recovery.commit(step, transaction))
            else:
                self.send_step(step, step.data, forward=True)
        else:
            self._run(step, statement, transaction)

    def _run(self, step: Step, statement: Statement, transaction: OpenTransaction) -> None:
        if transaction.abandoned:
            self.send_step(step, refused(step, SCHEMA_CHANGED), forward=True)
        elif refusal := refusal_inside(transaction.ddl, transaction.dml, statement.parts):
            self.send_step(step, refused(step, refusal), forward=True)
        elif statement.kind is Kind.COPY_IN and not step.copied:
            self._do(copy_in.begin(self, step))
        elif transaction.parked or transaction.shadowed:
            self._do(self.recovery.resume(step, statement, transaction))
        elif statement.can_conflict:
            self.send_write(step, transaction)
        else:
            self.send_step(step, step.data, forward=True)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that takes several exchanges; the client's further steps wait."""
        self._held_up = True
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
        # At private copies of tables there is nobody to conflict with.
        held = not exchange.forward and transaction is not None and not transaction.shadowed
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
                if step.fetches or statement.kind is Kind.CURSOR:
                    self._do(self.recovery.keep_cursors(step, transaction, exchange))
                    return
            elif held and self.recovery.is_conflict(statement, exchange, transaction):
                self._do(self.recovery.lose(step, statement, transaction, exchange))
                return
        elif transaction is not None and step.fetches and exchange.error is None:
            self._do(self.recovery.keep_cursors(step, transaction, exchange))
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
        self.backend.leave(wire.TERMINATE)
        self.client.close()
        self._on_end(self)

"""A signed-in client and its PostgreSQL backend, from the sign-in to the end of either.

What the client sends is cut into steps, which wait for their turn in the pipeline. What each turn
is turns.py says; it is carried out outside a transaction block by autocommit.py, inside one by
transaction_block.py, with the session's parts.
"""

import asyncio
import contextlib
import hmac
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

from dsqlkit.local.apart import Apart
from dsqlkit.local.backend.exchange import FORWARDED, Exchange
from dsqlkit.local.faults import ActiveFaults
from dsqlkit.local.occ.adjudicator import Adjudicator
from dsqlkit.local.session.autocommit import Autocommit
from dsqlkit.local.session.beginning import Beginning
from dsqlkit.local.session.contending import PARKING, ContendingSession
from dsqlkit.local.session.failing import CANCELLED
from dsqlkit.local.session.parts import Parts
from dsqlkit.local.session.telling import moment_of, verb_of, where_of
from dsqlkit.local.session.together import Together
from dsqlkit.local.session.transaction_block import TransactionBlock
from dsqlkit.local.session.turns import Turn, at_once
from dsqlkit.local.sessions import NO_TRANSACTION, SessionStatus
from dsqlkit.local.statements.statement import Kind
from dsqlkit.local.statements.steps import Step
from dsqlkit.local.wire.messages import FLUSH, SYNC, TERMINATE

_LONGEST_INTERNAL_S: Final = 5.0
_LOOK_S: Final = 0.002

_log = logging.getLogger(__name__)


class Session:
    """A signed-in client. It ends, on both sides, when either side does."""

    def __init__(
        self,
        *,
        role: str,
        adjudicator: Adjudicator,
        faults: ActiveFaults,
        apart: Apart,
        on_job: Callable[[], None],
        on_end: Callable[["Session"], None],
    ) -> None:
        self._contending = contending = ContendingSession()
        self._parts = contending.parts = parts = Parts(
            contending,
            adjudicator,
            faults,
            apart,
            on_job=on_job,
            handle=self._handle,
            close=self.close,
        )
        self.client = parts.client
        self.backend = parts.backend
        beginning = Beginning(parts)
        together = Together(parts)
        self._autocommit = Autocommit(parts, together)
        self._block = TransactionBlock(parts, together)
        self._role = role
        self._connected_s = time.monotonic()
        self._step: Step | None = None
        self._has_ended = False
        self._expired = False
        self._cancelling = asyncio.Lock()
        self._on_end = on_end
        self._outside: dict[Turn, Callable[[Step], None]] = {
            Turn.IGNORE: self._flush,
            Turn.SKIP: self._ignore,
            Turn.RESYNC: self._resync,
            Turn.CLOSE: self._expire,
            Turn.FORWARD: self._forward,
            Turn.OUTDATED: self._autocommit.tell_outdated,
            Turn.REFUSE: self._autocommit.refuse,
            Turn.DISRUPT: self._autocommit.disrupt,
            Turn.STREAM: self._autocommit.stream,
            Turn.PREPARE_ONLY: self._autocommit.prepare_only,
            Turn.LIMIT: self._autocommit.limit,
            Turn.COUNT: self._autocommit.count,
            Turn.EXPLAIN: self._autocommit.explain,
            Turn.BEGIN_AHEAD: beginning.ahead,
            Turn.BEGIN: beginning.at_once,
            Turn.BEGIN_TOGETHER: together.begin,
            Turn.BEGIN_IMPLICIT: beginning.implicit,
            Turn.TAKE_OVER: self._autocommit.take_over,
        }
        self._inside: dict[Turn, Callable[[Step], None]] = {
            Turn.IGNORE: self._flush,
            Turn.SKIP: self._ignore,
            Turn.RESYNC: self._resync,
            Turn.CLOSE: self._expire,
            Turn.FORWARD: self._block.writes.forward,
            Turn.OUTDATED: self._parts.tell_outdated,
            Turn.REFUSE: self._block.refuse,
            Turn.DISRUPT: self._block.disrupt,
            Turn.MAKE_EXPLICIT: self._block.make_explicit,
            Turn.END_IMPLICIT: self._block.end_implicit,
            Turn.SPLIT: self._block.split,
            Turn.HOLD: self._block.writes.hold,
            Turn.SEND_TOGETHER: together.send,
            Turn.GUARD: self._block.writes.guard,
            Turn.COUNT: self._block.count,
            Turn.GATHER_COPY: self._block.gather_copy,
            Turn.RESUME: self._block.resume,
            Turn.PREPARE_COMMIT: self._block.prepare_commit,
            Turn.FAIL: self._block.fail,
            Turn.FAIL_COMMIT: self._block.fail_commit,
        }

    def close(self) -> None:
        """End the session, on both sides. What was written to the client is still sent."""
        if self._has_ended:
            return
        self._has_ended = True
        parts = self._parts
        step, conversation = self._step, parts.conversation
        commits = step is None or step.statement is None or step.statement.kind is Kind.COMMIT
        if parts.transaction is not None and conversation.under_way and not commits:
            parts.adjudicator.cut_short(conversation.pid)
        parts.pipeline.close()
        parts.work.cancel()
        parts.adjudicator.gone(self._contending)
        parts.transaction = None
        parts.backend.leave(TERMINATE)
        parts.client.close()
        self._on_end(self)

    def expire(self) -> None:
        """Close it, as it is too old: at its next statement unless it is idle now."""
        self._expired = True
        if self._contending.is_idle and self._parts.transaction is None:
            self.close()

    @contextlib.asynccontextmanager
    async def being_cancelled(self, key: bytes) -> AsyncIterator[None]:
        """While a request to cancel is carried out, which is its client's if it has the key. What
        is under way of ours is waited for first, within a limit, and nothing is sent meanwhile;
        requests go one by one."""
        conversation = self._parts.conversation
        async with self._cancelling:
            until_s = time.monotonic() + _LONGEST_INTERNAL_S
            while conversation.is_internal and time.monotonic() < until_s:
                await asyncio.sleep(_LOOK_S)
            with conversation.sending_nothing():
                yield
            if hmac.compare_digest(key, conversation.key):
                self._parts.pipeline.cancel_copy(CANCELLED)
                if not conversation.under_way:
                    self._parts.pipeline.intake.cancel_reading(CANCELLED)
            self._parts.pipeline.go_on()

    @property
    def pid(self) -> int:
        """The process id of its backend."""
        return self._parts.conversation.pid

    def __repr__(self) -> str:
        parts = self._parts
        transaction = parts.transaction or NO_TRANSACTION
        return f"<session {self.pid} of {self._role}, {transaction}, {self._doing}>"

    def status(self) -> SessionStatus:
        """What it is doing now. It cannot tell whom it waits for."""
        transaction = self._parts.transaction
        since_s = self._connected_s if transaction is None else transaction.phase_since_s
        return SessionStatus(
            session=self.pid,
            role=self._role,
            connected_at=moment_of(self._connected_s),
            phase=NO_TRANSACTION if transaction is None else transaction.phase.value,
            since=moment_of(since_s),
            doing=self._doing,
            for_s=round(self._parts.adjudicator.watch.busy_s(self._contending), 3),
            lost=None if transaction is None else transaction.lost,
        )

    @property
    def _doing(self) -> str:
        parts = self._parts
        if parts.work.is_under_way:
            name = parts.work.name
            return PARKING if name == PARKING else f"{verb_of(self._step)}, {name}"
        if not parts.conversation.under_way:
            return "reading a long text" if parts.pipeline.intake.is_reading else "nothing"
        if parts.conversation.takes_data:
            return "COPY, waiting for the client's data"
        return ", ".join(
            dict.fromkeys(verb_of(each) for each in (self._step, *parts.under_way.together))
        )

    def _handle(self, step: Step) -> None:
        """Do with the client's next step what its turn is."""
        self._step = step
        parts = self._parts
        transaction = parts.transaction
        if step.statement is not None and step.statement.made is not None:
            parts.adjudicator.writers.made(step.statement.made)
        turn = at_once(
            is_flush=step.data == FLUSH,
            skipping=parts.pipeline.skipping,
            end=step.end,
            implicit=transaction is not None and transaction.implicit,
            expired=self._expired,
        )
        if transaction is None:
            turn = turn or self._autocommit.turn(step)
            act = self._outside[turn]
        else:
            turn = turn or self._block.turn(step, transaction)
            act = self._inside[turn]
        if parts.traces:
            where = where_of(
                transaction, contended=parts.adjudicator.is_contended(self._contending)
            )
            _log.debug("session %d: %s in %s -> %s", self.pid, verb_of(step), where, turn.name)
        act(step)

    def _ignore(self, _step: Step) -> None:
        pass

    def _flush(self, _step: Step) -> None:
        self._parts.client.write(b"")  # what was kept to go with more

    def _forward(self, step: Step) -> None:
        self._parts.send_step(step, step.data, forward=True)

    def _resync(self, _step: Step) -> None:
        parts = self._parts
        parts.pipeline.skipping = False
        parts.pipeline.held_up = True
        parts.conversation.send(SYNC, Exchange(FORWARDED, parts.answered))

    def _expire(self, _step: Step) -> None:
        self.close()

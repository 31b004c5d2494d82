"""Outside an explicit transaction: what comes up to a Sync, or in one Query, commits by itself.

Its frames are forwarded as they come, and so are the answers. Exceptions are what has to be
refused, what may change too many rows, and a COMMIT that a fault on demand may hit.
"""

import asyncio
from functools import partial
from typing import Final

from dsqlkit.local.backend.exchange import (
    FAILED,
    FORWARDED,
    IDLE,
    Exchange,
    Request,
)
from dsqlkit.local.dialect.carried import refused
from dsqlkit.local.dialect.limits import refusal_outside
from dsqlkit.local.dialect.refusal import SCHEMA_CHANGED, SCHEMA_CONFLICT, Refusal
from dsqlkit.local.session import disruption, implicit
from dsqlkit.local.session.alone import explain_alone
from dsqlkit.local.session.counting import counts_apart
from dsqlkit.local.session.limited_write import end_limited, run_limited
from dsqlkit.local.session.parts import Parts
from dsqlkit.local.session.together import Together
from dsqlkit.local.session.turns import Turn, outside
from dsqlkit.local.session.unsynced import Unsynced
from dsqlkit.local.statements.statement import BOUNDS, Kind, Statement
from dsqlkit.local.statements.steps import End, Step
from dsqlkit.quotas import MAX_ROWS

_ENDS: Final = (End.SYNC, End.QUERY)
_COPY_IN: Final = Kind.COPY_IN  # looked up once: every step is compared
_QUERIED: Final = Request(forward=True, is_query=True)
_SILENT_S: Final = 0.05
"""How long a client may send nothing before the Sync of what it sent: then others are let past."""


class Autocommit:
    """What one session's client sends outside of its transaction blocks."""

    def __init__(self, parts: Parts, together: Together) -> None:
        self._parts = parts
        self._together = together
        self._exchange = Exchange(FORWARDED)
        self._unsynced: Unsynced | None = None
        """What came since the last Sync, None after one."""

    def turn(self, step: Step) -> Turn:
        """What is to be done with a step."""
        statement, joins = step.statement, self._unsynced is not None
        on_commit = self._parts.faults.on_commit
        if statement is None:
            return outside(
                None,
                step.end,
                joins=joins,
                plain=False,
                idle=False,
                outdated=False,
                refused=False,
                limited=False,
                counted=joins and self._exchange.counts,
                apart=False,
                explains=False,
                disrupted=on_commit and self._can_be_hit(step),
                together=False,
                binds=step.binds,
            )
        apart = counts_apart(self._parts, statement)
        copies = statement.kind is _COPY_IN
        return outside(
            statement.kind,
            step.end,
            joins=joins,
            plain=statement.plain,
            idle=not self._parts.conversation.under_way,
            outdated=self._parts.knowledge.uses(statement),
            refused=self._refusal(statement) is not None,
            limited=(statement.may_change_too_much or apart) and (copies or not on_commit),
            counted=joins and self._may_be_too_much(statement),
            apart=(apart and not on_commit) or (copies and (joins or not step.is_query)),
            explains=statement.explained is not None,
            disrupted=on_commit and self._can_be_hit(step),
            together=statement.plain and not joins and self._together.begins_more(step),
            binds=step.binds,
        )

    def stream(self, step: Step) -> None:
        """Forward a step, with those before and after it up to a Sync."""
        begins = self._unsynced is None
        unsynced = self._join(step)
        if step.end in _ENDS:
            self._end(unsynced)
        elif begins:
            self._wait_for_sync(unsynced)
        self._parts.backend.write(step.data)

    def disrupt(self, step: Step) -> None:
        """Forward the last step up to a Sync, whose COMMIT a fault may hit."""
        self._join(step)
        self._unsynced = None
        self._parts.do(
            "a fault at a commit", disruption.autocommit(self._parts, step, self._exchange)
        )

    def count(self, step: Step) -> None:
        """Forward the last step up to a Sync, unless it and those before it changed too much."""
        self._join(step)
        executed = 0 if self._unsynced is None else len(self._unsynced.statements)
        self._unsynced = None
        work = end_limited(self._parts, step, self._exchange, executed)
        self._parts.do("counting the rows of a pipeline", work)

    def prepare_only(self, step: Step) -> None:
        """Forward a step that executes nothing."""
        self._parts.send_step(step, step.data, forward=True)

    def refuse(self, step: Step) -> None:
        """Send something that fails in place of a step that may not be a transaction, or not with
        those before it."""
        assert step.statement is not None
        refusal = self._refusal(step.statement)
        assert refusal is not None
        if self._unsynced is None and step.end in _ENDS:
            self._parts.send_step(step, refused(step, refusal), forward=True)
        else:
            self._fail(step, refusal)

    def tell_outdated(self, step: Step) -> None:
        """Have a step fail once, as somebody else has changed a table that the session knows."""
        assert step.statement is not None
        if self._unsynced is None and step.end in _ENDS:
            self._parts.tell_outdated(step)
            return
        self._fail(step, SCHEMA_CHANGED, outdated=step.statement.tables)

    def limit(self, step: Step) -> None:
        """Run a write that may change too many rows."""
        assert step.statement is not None
        self._parts.do("a limited write", run_limited(self._parts, step, step.statement))

    def explain(self, step: Step) -> None:
        """Run an EXPLAIN, whose plan is printed anew."""
        statement = step.statement
        assert statement is not None
        assert statement.explained is not None
        work = explain_alone(self._parts, step, statement, statement.explained)
        self._parts.do("an EXPLAIN", work)

    def take_over(self, step: Step | None) -> None:
        """Go on with what came since the last Sync as a transaction block: for a step, or for none
        yet."""
        assert self._unsynced is not None
        exchange, unsynced = self._exchange, self._unsynced
        self._unsynced = None
        note = partial(self._done, unsynced)
        work = implicit.take_over(self._parts, step, exchange, unsynced, note)
        self._parts.do("the begin of a pipeline", work)

    def _wait_for_sync(self, unsynced: Unsynced) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(_SILENT_S, self._outstay, unsynced, len(unsynced.statements))

    def _outstay(self, unsynced: Unsynced, known: int) -> None:
        """Go on as a block with what is still without its Sync, once its client is silent: whoever
        waits for it cannot be let past otherwise."""
        if self._unsynced is not unsynced or not self._parts.pipeline.is_open:
            return
        if len(unsynced.statements) > known or self._parts.pipeline.held_up:
            self._wait_for_sync(unsynced)
        else:
            self.take_over(None)

    def _join(self, step: Step) -> Unsynced:
        """Let a step be one of those up to the next Sync."""
        unsynced = self._unsynced
        if unsynced is None:
            self._unsynced = unsynced = Unsynced()
            request = _QUERIED if step.is_query else FORWARDED
            self._exchange = Exchange(request, partial(self._done, unsynced))
            self._parts.conversation.expect(self._exchange)
        if step.statement is not None:
            self._exchange.counts = not step.is_query and self._may_be_too_much(step.statement)
            unsynced.add(step.statement)
        return unsynced

    def _end(self, unsynced: Unsynced) -> None:
        """Its Sync is next. What comes after that waits for the answer where it may be in a block:
        that is another turn then."""
        self._unsynced = None
        if unsynced.in_block:
            self._parts.pipeline.held_up = True
            self._exchange.on_done = partial(self._done_in_block, unsynced)

    def _fail(self, step: Step, refusal: Refusal, outdated: frozenset[str] = frozenset()) -> None:
        """Have a step fail, and PostgreSQL skip what comes after it up to the Sync."""
        unsynced = self._join(step)
        unsynced.outdated = unsynced.outdated or outdated
        if step.end in _ENDS:
            self._end(unsynced)
        self._parts.backend.write(refused(step, refusal))

    def _refusal(self, statement: Statement) -> Refusal | None:
        """Why a statement may not be a transaction, or not with what came since the last Sync."""
        unsynced, parts = self._unsynced, statement.parts
        return refusal_outside(parts) if unsynced is None else unsynced.held.refusal(parts)

    def _may_be_too_much(self, statement: Statement) -> bool:
        """Whether with this one the statements since the last Sync may change too many rows. Of
        several transactions in one pipeline the rows are not counted."""
        if statement.kind in BOUNDS:
            return False
        is_counted = self._exchange.counts or not self._parts.faults.on_commit
        most = 0 if self._unsynced is None else self._unsynced.most
        return is_counted and most + statement.most > MAX_ROWS

    def _can_be_hit(self, step: Step) -> bool:
        """Whether it ends what is committed by itself, with a COMMIT that a fault may hit."""
        if step.end not in _ENDS:
            return False
        statements = [] if self._unsynced is None else self._unsynced.statements
        return disruption.can_hit(
            statements if step.statement is None else [*statements, step.statement]
        )

    def _done_in_block(self, unsynced: Unsynced, exchange: Exchange) -> None:
        self._done(unsynced, exchange)
        self._parts.pipeline.release()

    def _done(self, unsynced: Unsynced, exchange: Exchange) -> None:
        parts, verdict = self._parts, exchange.verdict
        if verdict.error is not None and SCHEMA_CONFLICT.encode() in verdict.error:
            parts.knowledge.learn(unsynced.outdated)
        if verdict.status != IDLE:
            # A BEGIN among others: what came before the savepoint cannot be parked.
            transaction = parts.begin()
            kept = unsynced.uncommitted
            transaction.keep(kept, 0 if unsynced.ends else verdict.changed, verdict.skipped)
            if verdict.status == FAILED:
                transaction.fail()
        elif verdict.error is None:
            parts.committed_alone(unsynced.statements, verdict.skipped)
            return
        if unsynced.ends:
            answered = exchange.ended if verdict.error is not None else len(unsynced.statements)
            parts.committed_alone(unsynced.committed(answered), verdict.skipped)

"""Inside a transaction block: from its BEGIN to its COMMIT or ROLLBACK.

Statements go one at a time: so each can be held back until it is known whether it met a conflict,
and between two of them the transaction can be parked (see occ/adjudicator.py).
"""

import logging

from dsqlkit.local.backend.exchange import IDLE, Exchange
from dsqlkit.local.dialect.carried import refused
from dsqlkit.local.dialect.limits import TOO_MANY_ROWS, refusal_inside, too_old
from dsqlkit.local.dialect.refusal import SCHEMA_CHANGED, Refusal
from dsqlkit.local.occ.open_transaction import OpenTransaction, Phase
from dsqlkit.local.session import copy_in, disruption, implicit
from dsqlkit.local.session.answered import After, after
from dsqlkit.local.session.conflicts import Conflicts
from dsqlkit.local.session.counting import counts_apart, rows_written
from dsqlkit.local.session.failing import fail, fail_commit, fail_unbegun
from dsqlkit.local.session.parts import Parts
from dsqlkit.local.session.together import Together
from dsqlkit.local.session.turns import Turn, inside, inside_executing_nothing
from dsqlkit.local.session.writes import Writes
from dsqlkit.local.statements.statement import ENDS, Kind, Statement
from dsqlkit.local.statements.steps import Step
from dsqlkit.local.wire.messages import SYNC
from dsqlkit.quotas import MAX_ROWS

_log = logging.getLogger(__name__)

# Looked up once, as every step and every answer is compared with them: see turns.py.
_COMMIT, _CURSOR, _AT_OVERLAYS = Kind.COMMIT, Kind.CURSOR, Phase.AT_OVERLAYS
_FINISH, _NOT_DONE_YET = After.FINISH, (After.SET_ASIDE, After.LEARN_ACTIONS)


class TransactionBlock:
    """The transaction blocks of one session, one after another."""

    def __init__(self, parts: Parts, together: Together) -> None:
        self._parts = parts
        self._together = together
        self._counting: int | None = None
        """How many rows were written before the step whose rows are counted."""
        self.writes = Writes(parts)
        self._conflicts = Conflicts(parts, answered=self.answered, write=self.writes.send)
        parts.on_answered = self.answered

    def turn(self, step: Step, transaction: OpenTransaction) -> Turn:
        """What is to be done with a step."""
        statement = step.statement
        if statement is None:
            return inside_executing_nothing(
                implicit=transaction.implicit,
                is_sync=step.data == SYNC,
                closes=not step.hides_ready,
            )
        parts, touched, kind = self._parts, transaction.touched, statement.kind
        commits = kind is _COMMIT
        writes = statement.can_conflict
        return inside(
            transaction.phase,
            kind,
            implicit=transaction.implicit,
            closes=not step.hides_ready,
            too_old=self._too_old(transaction) is not None,
            disrupted=commits and parts.faults.on_commit and bool(touched.claimed),
            needs_care=commits and self._needs_care(transaction),
            outdated=parts.knowledge.uses(statement)
            and transaction.lost is None
            and touched.tables.isdisjoint(statement.tables),
            refused=refusal_inside(touched.ddl, touched.dml, statement.parts) is not None,
            gathered=bool(step.copied),
            counted=counts_apart(parts, statement),
            guarded=writes and self.writes.is_guarded(transaction),
            writes=writes,
            together=self._together.goes_with_more(step, transaction),
        )

    def make_explicit(self, step: Step) -> None:
        """Take a BEGIN in the middle of a text, or of a pipeline."""
        work = implicit.make_explicit(self._parts, step, self._parts.open_transaction)
        self._parts.do("a begin in a text", work)

    def end_implicit(self, _step: Step) -> None:
        """End the transaction of a text."""
        self._parts.pipeline.skipping = False
        self._parts.do("the end of a text", implicit.end(self._parts, self._parts.open_transaction))

    def split(self, step: Step) -> None:
        """Let the end of a pipeline come by itself."""
        implicit.split(self._parts, step)

    def count(self, step: Step) -> None:
        """Send a step whose rows are counted apart."""
        self._parts.do("counting rows", self._count(step))

    def refuse(self, step: Step) -> None:
        """Send something that fails in place of a step that may not join the transaction."""
        touched = self._parts.open_transaction.touched
        assert step.statement is not None
        refusal = (
            SCHEMA_CHANGED
            if self._parts.open_transaction.phase is Phase.ABANDONED
            else refusal_inside(touched.ddl, touched.dml, step.statement.parts)
        )
        assert refusal is not None
        self._parts.send_step(step, refused(step, refusal), forward=True)

    def fail(self, step: Step) -> None:
        """Fail a step, and its transaction, which is too old."""
        refusal = self._too_old(self._parts.open_transaction)
        assert refusal is not None
        work = fail(self._parts, self._parts.open_transaction, step, refusal)
        self._parts.do("the end of an old transaction", work)

    def fail_commit(self, step: Step) -> None:
        """Fail the COMMIT of a transaction that is too old."""
        refusal = self._too_old(self._parts.open_transaction)
        assert refusal is not None
        work = fail_commit(self._parts, step, refusal)
        self._parts.do("the end of an old transaction", work)

    def gather_copy(self, step: Step) -> None:
        """Have the client send the data of a COPY."""
        self._parts.do("the begin of a COPY", copy_in.begin(self._parts, step))

    def resume(self, step: Step) -> None:
        """Let a transaction that was parked or has lost go on."""
        work = self._conflicts.resume(step, self._parts.open_transaction)
        self._parts.do("resuming a transaction", work)

    def prepare_commit(self, step: Step) -> None:
        """Commit, or fail to because another was first."""
        work = self._conflicts.commit(step, self._parts.open_transaction)
        self._parts.do("preparing a commit", work)

    def disrupt(self, step: Step) -> None:
        """COMMIT, as far as the faults let it."""
        work = disruption.commit(self._parts, step, self._parts.open_transaction)
        self._parts.do("a fault at a commit", work)

    def answered(self, step: Step, exchange: Exchange) -> None:
        """See what a step came to before its client has the end of the answer."""
        parts, verdict = self._parts, exchange.verdict
        statement, transaction = step.statement, parts.transaction
        if transaction is None:
            parts.finish(step, exchange)
            return
        failed = verdict.error is not None
        if exchange.fell_short and verdict.status == IDLE and not _ends(statement):
            work = fail_unbegun(parts, transaction, step)
            parts.do("failing a transaction that has not begun", work)
            return
        told_itself = False
        if (before := self._counting) is not None:
            self._counting = None
            # A function reports a conflict of its own.
            reads = statement is not None and not statement.can_conflict
            told_itself = reads and not verdict.given_way
            if not failed:
                parts.do("counting rows", self._counted(step, exchange, before))
                return
        withheld = not exchange.forwards
        held = withheld and transaction.phase is not _AT_OVERLAYS
        if statement is None:
            then = after(
                failed=failed,
                held=held,
                conflict=False,
                first=False,
                twins=False,
                passes_on=False,
                too_many=False,
                cursor=step.fetches,
            )
        else:
            recovery = parts.recovery
            then = after(
                failed=failed,
                held=held,
                conflict=failed
                and held
                and not told_itself
                and recovery.is_conflict(statement, verdict, transaction),
                first=failed and recovery.may_begin_again(transaction, verdict),
                twins=held and recovery.may_have_twins(statement, transaction),
                passes_on=held and recovery.passes_on(statement, transaction),
                too_many=withheld and transaction.touched.rows + verdict.changed > MAX_ROWS,
                cursor=step.fetches or statement.kind is _CURSOR,
            )
            if not failed and then not in _NOT_DONE_YET:
                transaction.note(step, statement, verdict.changed, verdict.skipped)
        if parts.traces:
            told = "well" if verdict.error is None else f"with {verdict.sqlstate}"
            pid, phase = parts.conversation.pid, transaction.phase.name
            _log.debug("session %d: answered %s in %s -> %s", pid, told, phase, then.name)
        if then is _FINISH:
            parts.finish(step, exchange)
        else:
            self._go_on(then, step, exchange, transaction)

    def _go_on(
        self, then: After, step: Step, exchange: Exchange, transaction: OpenTransaction
    ) -> None:
        """Do what an answer leads to that its client does not get yet."""
        parts = self._parts
        if then is After.BEGIN_AGAIN:
            parts.do("beginning a transaction again", self.writes.begin_again(step))
        elif then is After.LOSE:
            work = self._conflicts.take_back(step, exchange, transaction)
            parts.do("answering a conflict", work)
        elif then is After.LEARN_ACTIONS:
            parts.do("looking for actions", self._learn_actions(step, exchange))
        elif then is After.SET_ASIDE:
            work = self._conflicts.take_back(step, exchange, transaction)
            parts.do("setting a transaction aside", work)
        elif then is After.TOO_MANY:
            parts.do("refusing too many rows", fail(parts, transaction, step, TOO_MANY_ROWS))
        else:
            parts.do("keeping a cursor", self._keep_cursors(step, exchange))

    def _too_old(self, transaction: OpenTransaction) -> Refusal | None:
        return too_old(transaction.age_s, self._parts.faults.transaction_age_s)

    def _needs_care(self, transaction: OpenTransaction) -> bool:
        history = self._parts.adjudicator.history
        return transaction.needs_care or bool(history.shared_since(transaction))

    async def _count(self, step: Step) -> None:
        parts = self._parts
        assert step.statement is not None
        self._counting = await rows_written(parts.conversation)
        await parts.recovery.bind_again(step.bind)
        if not step.statement.can_conflict:
            parts.send_step(step, step.data, forward=False)
        else:
            self.writes.send(step)

    async def _counted(self, step: Step, exchange: Exchange, before: int) -> None:
        if self._parts.clock is not None:
            self._parts.clock.stop()
        exchange.verdict.changed = await rows_written(self._parts.conversation) - before
        self.answered(step, exchange)

    async def _learn_actions(self, step: Step, exchange: Exchange) -> None:
        assert step.statement is not None
        await self._parts.recovery.learn_actions([step.statement])
        self.answered(step, exchange)

    async def _keep_cursors(self, step: Step, exchange: Exchange) -> None:
        await self._parts.recovery.keep_cursors(self._parts.open_transaction)
        self._parts.finish(step, exchange)


def _ends(statement: Statement | None) -> bool:
    """Whether a statement ends its transaction even if it fails."""
    return statement is not None and statement.kind in ENDS

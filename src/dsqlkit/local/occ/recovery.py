"""What becomes of a transaction that was parked, that met a conflict, or that has lost.

What it asks of PostgreSQL it asks by the way. What the client is to see is for the session to send:
the answers here are frames to run, or that the step may run as it is.
"""

import time
from collections.abc import Iterable
from typing import Final

from dsqlkit.local.apart import Apart
from dsqlkit.local.backend.conversation import Conversation
from dsqlkit.local.backend.exchange import Refused, Verdict
from dsqlkit.local.backend.question import Question, Rows
from dsqlkit.local.backend.savepoint import BEGIN_AGAIN, BEGUN_AGAIN, TO_GUARD
from dsqlkit.local.dialect.refusal import DATA_CONFLICT, SCHEMA_CONFLICT
from dsqlkit.local.occ import cursors
from dsqlkit.local.occ.adjudicator import Adjudicator
from dsqlkit.local.occ.at_overlays import AtOverlay, AtOverlays
from dsqlkit.local.occ.changes import LET_GO, Changes, Locked, NotThere
from dsqlkit.local.occ.locked_places import LockedPlaces
from dsqlkit.local.occ.open_transaction import OpenTransaction, Phase
from dsqlkit.local.occ.parking import Parking
from dsqlkit.local.occ.redoing import Redoing
from dsqlkit.local.occ.repeating import can_repeat, surely_repeats
from dsqlkit.local.occ.row_locks import RowLocks
from dsqlkit.local.occ.steps_again import StepsAgain
from dsqlkit.local.statements.statement import Statement
from dsqlkit.local.statements.steps import Step

_SERIALIZATION_FAILURE: Final = "40001"
_DEADLOCK: Final = "40P01"
_CONFLICTS: Final = {_SERIALIZATION_FAILURE, _DEADLOCK}
_UNIQUE_VIOLATION: Final = "23505"
_FOREIGN_KEY_VIOLATION: Final = "23503"
_MOMENT_S: Final = 0.1
"""How long a transaction may be beaten to its first row and begin again. A statement that takes
longer has a snapshot of its beginning."""


class Recovery:
    """The recovery of one session's transactions, one after another."""

    def __init__(self, conversation: Conversation, adjudicator: Adjudicator, apart: Apart) -> None:
        self._conversation = conversation
        self._adjudicator = adjudicator
        self._again = StepsAgain(conversation)
        self._overlays = AtOverlays(conversation, adjudicator.overlays, apart, self._ask)
        redoing = Redoing(conversation, adjudicator.overlays, self._again)
        self.parking = Parking(
            conversation, self._ask, adjudicator.monitor.ask, self._overlays, redoing
        )
        places = LockedPlaces(conversation.ask, self._again, apart)
        self._row_locks = RowLocks(adjudicator, self._ask, places)

    def is_conflict(
        self, statement: Statement, verdict: Verdict, transaction: OpenTransaction
    ) -> bool:
        """Whether a statement failed because of what another transaction did."""
        sqlstate = verdict.sqlstate
        if sqlstate == _UNIQUE_VIOLATION:
            # Of a key that the snapshot has, or of one that somebody else committed since?
            return self._adjudicator.history.written_since(transaction, statement.tables)
        if sqlstate == _FOREIGN_KEY_VIOLATION:
            # By a row of the snapshot, or by one that somebody else committed since?
            return self._adjudicator.history.committed_since(transaction)
        return verdict.given_way or sqlstate in _CONFLICTS

    @staticmethod
    def _gave_way(verdict: Verdict) -> bool:
        return verdict.given_way or verdict.sqlstate == _DEADLOCK

    @staticmethod
    def may_begin_again(transaction: OpenTransaction, verdict: Verdict) -> bool:
        """Whether a transaction whose statement met a conflict may begin again: its snapshot is
        taken by its first statement, and of that the client has seen nothing."""
        sent_s = transaction.first_sent_s
        return (
            verdict.sqlstate == _SERIALIZATION_FAILURE
            and sent_s is not None
            and not transaction.touched.statements
            and time.monotonic() - sent_s < _MOMENT_S
        )

    async def begin_again(self, step: Step) -> None:
        """Begin its transaction again together with what is sent next, for a step to be sent."""
        self._conversation.send_ahead(BEGIN_AGAIN, BEGUN_AGAIN)
        await self._again.forget_prepared(step)
        await self._again.bind_again(step.bind)

    def may_have_twins(self, statement: Statement, transaction: OpenTransaction) -> bool:
        """Whether it may have inserted a key that its snapshot has, but others have deleted."""
        history = self._adjudicator.history
        return statement.inserts and history.deleted_since(transaction, statement.tables)

    def passes_on(self, statement: Statement, transaction: OpenTransaction) -> bool | None:
        """Whether actions of foreign keys may have left out rows of its snapshot, which others have
        changed since. None where `learn_actions` has to be asked first."""
        history = self._adjudicator.history
        if not (statement.changes and history.committed_since(transaction)):
            return False
        reached = self._adjudicator.actions.reached(statement)
        return None if reached is None else history.written_since(transaction, reached)

    async def learn_actions(self, statements: Iterable[Statement]) -> None:
        """Have `passes_on` know of these statements."""
        await self._adjudicator.actions.learn(statements)

    async def resume(
        self, step: Step, statement: Statement, transaction: OpenTransaction
    ) -> AtOverlay | None:
        """Let a transaction that was parked, or is at overlays, go on with this step.

        Gives what runs it there, or None where it runs as it is.

        Raises exchange.Refused and changes.Locked when it cannot go on as if it had not lost, and
        changes.Failing when the step fails by itself.
        """
        if transaction.phase is Phase.PARKED and transaction.touched.schema:
            await self.parking.restore(transaction)
            if not transaction.lost:
                await self._again.bind_again(step.bind)
                return None
        if transaction.phase is Phase.PARKED:
            await self._overlays.enter(transaction, statement.claimed)
        return await self._overlays.led(step, statement, transaction)

    async def take_back(
        self,
        step: Step,
        statement: Statement,
        transaction: OpenTransaction,
        verdict: Verdict,
        *,
        guarded: bool,
    ) -> AtOverlay:
        """Take back a step that was run: what runs it at overlays, where its transaction goes on.

        The transaction has lost if the step met a conflict, and not where it only gave way for
        another to go on, nor where it may leave out the row. `guarded`: there is a savepoint before
        the step.

        Raises exchange.Refused and changes.Locked when it cannot be done, for want of a privilege,
        and changes.NotThere and Failing as AtOverlays.led does.
        """
        changes: Changes | None = None
        first: tuple[Question, ...] = ()
        if guarded and not self._can_let_go(transaction):
            await self._conversation.ask(TO_GUARD)
            changes = await self.parking.set_down(transaction)
        else:
            first = ((LET_GO,),)
        await self._again.forget_prepared(step)
        if verdict.error is not None and not (self._gave_way(verdict) or statement.spares):
            transaction.lose(DATA_CONFLICT)
        await self._overlays.enter(transaction, statement.claimed, changes, first)
        return await self._overlays.led(step, statement, transaction)

    def _can_let_go(self, transaction: OpenTransaction) -> bool:
        """Whether nothing of what it did has to be kept for it to go on."""
        return not transaction.loose_cursors and surely_repeats(transaction.touched)

    async def can_repeat(self, transaction: OpenTransaction) -> bool:
        """Whether its statements do the same again; asked while one of them is under way."""
        return await can_repeat(self._adjudicator.monitor.ask, transaction.touched)

    async def prepare_commit(self, transaction: OpenTransaction, bind: bytes = b"") -> None:
        """Do what is left to do before COMMIT, or see to it that it fails. `bind` is as of
        `settle`."""
        await self.settle(transaction, bind)
        if transaction.lost:
            await self._conversation.ask("SELECT dsqlkit.lose($1)", transaction.lost)
            await self._again.bind_again(bind)

    async def settle(self, transaction: OpenTransaction, bind: bytes = b"") -> None:
        """Do what is left to do before COMMIT, unless the transaction has lost.

        `bind` is the COMMIT's own Bind where it was sent in an earlier step.
        """
        if transaction.phase in (Phase.PARKED, Phase.AT_OVERLAYS) and not transaction.lost:
            try:
                as_seen = await self._has_passed_on(transaction)
                await self.parking.restore(transaction, as_seen=as_seen)
            except (Refused, Locked, NotThere) as why:
                words = SCHEMA_CONFLICT if isinstance(why, Locked) else DATA_CONFLICT
                transaction.lose(words)
        if not transaction.lost:
            try:
                await self._row_locks.settle(transaction)
            except Refused:
                await self._conversation.ask(LET_GO)
                transaction.lose(DATA_CONFLICT)
        if not transaction.lost:
            await self._again.bind_again(bind)

    async def _has_passed_on(self, transaction: OpenTransaction) -> bool:
        """Whether actions of foreign keys, done again at the tables, may leave out rows of the
        transaction's snapshot."""
        if not self._adjudicator.history.committed_since(transaction):
            return False
        told = [step.statement for step in transaction.touched.steps if step.statement is not None]
        await self.learn_actions(told)
        return any(self.passes_on(each, transaction) is not False for each in told)

    async def bind_again(self, bind: bytes) -> None:
        """Make the client's unnamed portal again, which a question takes the place of."""
        await self._again.bind_again(bind)

    async def keep_cursors(self, transaction: OpenTransaction) -> None:
        """After a step that opened a cursor: see to it that the transaction can still be parked."""
        if transaction.touched.claimed:
            transaction.loose_cursors = True
        else:
            transaction.cursors_secured = await cursors.secure(self._conversation)

    async def _ask(self, sql: str, *parameters: str | None) -> Rows:
        """Ask inside the transaction, as the endpoint."""
        key = await self._adjudicator.monitor.key()
        return await self._conversation.ask(sql, key, *parameters)

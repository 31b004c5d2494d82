"""Sending a step of a transaction block as it is, or so that it can be taken back: writes and row
locks may meet a conflict."""

from functools import partial
from typing import Final

from dsqlkit.local.occ.open_transaction import OpenTransaction
from dsqlkit.local.session.going_first import lets_another
from dsqlkit.local.session.parts import Parts
from dsqlkit.local.session.turns import Turn, turn_of_write
from dsqlkit.local.statements.statement import Kind
from dsqlkit.local.statements.steps import Step

_READ: Final = Kind.READ  # looked up once: every step is compared


class Writes:
    """The writes of one session's transaction blocks, one by one."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def forward(self, step: Step) -> None:
        """Send a step as it is, and have its answer passed on as it comes."""
        parts, statement = self._parts, step.statement
        reads = statement is not None and statement.kind is _READ and bool(statement.tables)
        if reads and lets_another(parts, parts.open_transaction, partial(self.forward, step)):
            return
        parts.send_step(step, step.data, forward=True)

    def send(self, step: Step) -> None:
        """Send a step that may meet a conflict."""
        if turn_of_write(guarded=self.is_guarded(self._parts.open_transaction)) is Turn.GUARD:
            self.guard(step)
        else:
            self.hold(step)

    def hold(self, step: Step) -> None:
        """Send a step that may meet a conflict, and can be run again with its transaction."""
        parts, transaction = self._parts, self._parts.open_transaction
        again = not transaction.touched.claimed
        if lets_another(parts, transaction, partial(self.hold, step)):
            return
        parts.send_step(step, step.data, forward=False, again=again)

    def guard(self, step: Step) -> None:
        """Send a step that may meet a conflict, and can be taken back by itself."""
        self._parts.send_step(step, step.data, forward=False, guard=True, again=True)

    async def begin_again(self, step: Step) -> None:
        """Begin the transaction again with a step, the first of it, that met a conflict."""
        parts = self._parts
        await parts.adjudicator.luck.let_pass(parts.contender)
        parts.transaction = parts.adjudicator.began_again(parts.contender)
        await parts.recovery.begin_again(step)
        self.hold(step)

    def is_guarded(self, transaction: OpenTransaction) -> bool:
        """Whether a write has to be taken back by itself if it meets a conflict, as it may."""
        parts = self._parts
        return bool(transaction.touched.claimed) and parts.adjudicator.is_contended(parts.contender)

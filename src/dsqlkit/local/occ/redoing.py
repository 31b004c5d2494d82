"""What a transaction did beside its tables, done at them for its COMMIT: as its overlays hold it,
or by running its statements again."""

from typing import Final

from dsqlkit.local.backend.conversation import Conversation
from dsqlkit.local.backend.question import Question
from dsqlkit.local.occ.at_overlays import LEAVE
from dsqlkit.local.occ.open_transaction import OpenTransaction
from dsqlkit.local.occ.overlays import Overlays
from dsqlkit.local.occ.steps_again import StepsAgain, text_of
from dsqlkit.local.statements.quoting import array
from dsqlkit.local.statements.statement import Kind

_CARRY_OUT: Final = "SELECT dsqlkit.carry_out($1, $2::oid[], $3::boolean)"


class Redoing:
    """The redoing of one session's transactions, one after another; `again` runs their steps."""

    def __init__(self, conversation: Conversation, overlays: Overlays, again: StepsAgain) -> None:
        self._conversation = conversation
        self._overlays = overlays
        self._again = again

    async def carry_out(
        self, transaction: OpenTransaction, first: Question, *, deletions_first: bool
    ) -> None:
        """Do at the tables what the overlays hold, once `first` has been asked, and lock the rows
        that it has locked. Raises exchange.Refused."""
        reached = array(await self._overlays.reached(transaction.covered))
        key = await self._overlays.key()
        carry_out = (_CARRY_OUT, key, reached, "true" if deletions_first else "false")
        await self._conversation.ask_all(first, carry_out, (LEAVE,))
        for step in transaction.touched.steps:
            if step.statement is not None and step.statement.kind is Kind.LOCK:
                await self._again.run(step, step.statement, text_of(step))

    async def repeat(self, transaction: OpenTransaction) -> None:
        """Run again at the tables what it has run. Raises exchange.Refused."""
        for step in transaction.touched.steps:
            if step.statement is not None:
                await self._again.run(step, step.statement, text_of(step))

"""Parking a session's transaction when somebody waits for it: it lets go of all that it holds.

It keeps its snapshot. If its statements do the same again they are all that has to be kept; else
what they did is read out first (changes.py). It goes on at overlays, and does what it did at the
tables when it commits.
"""

import asyncio
from typing import Final

from dsqlkit.local.backend.conversation import Conversation
from dsqlkit.local.backend.exchange import Refused
from dsqlkit.local.backend.question import question
from dsqlkit.local.dialect.refusal import DATA_CONFLICT, SCHEMA_CONFLICT
from dsqlkit.local.occ import cursors
from dsqlkit.local.occ.at_overlays import AtOverlays
from dsqlkit.local.occ.changes import LET_GO, Ask, Changes, Locked, read_out
from dsqlkit.local.occ.cursors import OpenCursor
from dsqlkit.local.occ.differing import read_inserted
from dsqlkit.local.occ.open_transaction import OpenTransaction, Phase
from dsqlkit.local.occ.redoing import Redoing
from dsqlkit.local.occ.repeating import can_repeat, is_unsure, leaves_out, surely_repeats

_PASSING: Final = {"57014", "40P01"}
"""A cancellation, of ours or of the client's, and a deadlock: the next time it may go well."""
_MATTERS_OF_ORDER: Final = {"23505", "23503"}
"""Unique and foreign keys: done in another order it may go well."""
_PAUSE_S: Final = 0.002
_TRY: Final = "SAVEPOINT dsqlkit_try"
_TRY_AGAIN: Final = "ROLLBACK TO SAVEPOINT dsqlkit_try"


class Parking:
    """Parking and restoring the transactions of one session, one after another.

    `ask` asks inside them, as the endpoint, and `ask_outside` outside of any. `is_restoring`: what
    a transaction did is being done at its tables.
    """

    def __init__(
        self,
        conversation: Conversation,
        ask: Ask,
        ask_outside: Ask,
        overlays: AtOverlays,
        redoing: Redoing,
    ) -> None:
        self.is_restoring = False
        self._conversation = conversation
        self._ask = ask
        self._ask_outside = ask_outside
        self._overlays = overlays
        self._redoing = redoing

    async def park(self, transaction: OpenTransaction) -> None:
        """Let go of what the transaction holds."""
        conversation = self._conversation
        if transaction.phase is Phase.FAILED:
            # Its error undid the statement that failed, and not what came before that.
            await conversation.ask(LET_GO)
            await conversation.run(question("SELECT dsqlkit.fail('25P02', '')"))
            transaction.empty()
            return
        if transaction.phase is Phase.AT_OVERLAYS:
            # It holds no rows, so it is a change of schema that waits.
            await conversation.ask(LET_GO)
            transaction.abandon()
            return
        try:
            transaction.park(await self.set_down(transaction))
        except (Refused, Locked) as why:
            # What cannot be read cannot be put back. It has to lose for the other to go on.
            words = SCHEMA_CONFLICT if isinstance(why, Locked) else DATA_CONFLICT
            transaction.lose(words)
            transaction.park(Changes())
            await conversation.ask(LET_GO)

    async def set_down(self, transaction: OpenTransaction) -> Changes | None:
        """Let go of what the transaction did, and keep its cursors. Gives what was read out, None
        if its statements can be run again.

        Raises exchange.Refused and Locked.
        """
        conversation = self._conversation
        loose: list[OpenCursor] = []
        if transaction.loose_cursors:
            loose = await cursors.read_out(conversation, transaction.cursors_secured)
        changes = None
        if not await can_repeat(conversation.ask, transaction.touched):
            changes = await read_inserted(conversation.ask, self._ask, transaction.touched)
            if changes is None:
                changes = await read_out(self._ask, self._ask_outside, conversation.pid)
        await conversation.ask(LET_GO)
        if loose:
            await cursors.open_again(conversation, loose, transaction.cursors_secured)
        if transaction.loose_cursors:
            transaction.cursors_secured = await cursors.secure(conversation)
            transaction.loose_cursors = False
        return changes

    async def restore(self, transaction: OpenTransaction, *, as_seen: bool = False) -> None:
        """Do at the tables what the transaction did, for its COMMIT or as it changes the schema. It
        has lost if another was first. `as_seen`: to rows of its snapshot, which its statements may
        not find again there. Raises exchange.Refused, Locked and changes.NotThere."""
        conversation = self._conversation
        self.is_restoring = True
        deletions_first = False
        # Quicker than to find out at which tables it did something, and what.
        touched = transaction.touched
        has_left_out = as_seen or leaves_out(touched)
        repeats = not (transaction.loose_cursors or has_left_out) and surely_repeats(touched)
        try:
            has_read_out = transaction.changes is not None
            if transaction.phase is Phase.PARKED and (has_read_out or has_left_out):
                await self._overlays.enter(transaction, ())
            if repeats and transaction.phase is Phase.AT_OVERLAYS:
                repeats = not await is_unsure(conversation.ask, touched)
            while True:
                try:
                    await self._redo(transaction, repeats=repeats, deletions_first=deletions_first)
                except Refused as refused:
                    await conversation.ask(LET_GO if repeats else _TRY_AGAIN)
                    if refused.sqlstate in _PASSING:
                        await asyncio.sleep(_PAUSE_S)
                        continue
                    if refused.sqlstate in _MATTERS_OF_ORDER and not deletions_first:
                        deletions_first = True
                        continue
                    transaction.lose(DATA_CONFLICT)
                return
        finally:
            self.is_restoring = False

    async def _redo(
        self, transaction: OpenTransaction, *, repeats: bool, deletions_first: bool
    ) -> None:
        """Try to do at the tables what the transaction did. Raises exchange.Refused."""
        if transaction.phase is not Phase.AT_OVERLAYS:
            await self._conversation.ask(_TRY)
            await self._redoing.repeat(transaction)
            transaction.unpark()
        elif repeats:
            await self._conversation.ask(LET_GO)
            await self._redoing.repeat(transaction)
        else:
            await self._redoing.carry_out(transaction, (_TRY,), deletions_first=deletions_first)

"""Parking a session's transaction when somebody waits for it, and restoring it before it goes on.

What PostgreSQL is asked for this is in changes.py.
"""

import asyncio
from typing import Final

from dsqlkit.local.backend.conversation import Conversation
from dsqlkit.local.backend.exchange import Refused, question
from dsqlkit.local.dialect.refusal import DATA_CONFLICT, SCHEMA_CONFLICT
from dsqlkit.local.occ import cursors
from dsqlkit.local.occ.changes import Ask, Changes, Locked, let_go, put_back, read_out
from dsqlkit.local.occ.cursors import OpenCursor
from dsqlkit.local.occ.open_transaction import OpenTransaction, Phase
from dsqlkit.local.occ.private_copies import PrivateCopies
from dsqlkit.local.statements.statement import Kind

_PASSING: Final = {"57014", "40P01"}
"""A cancellation, of ours or of the client's, and a deadlock: the next time it may go well."""
_MATTERS_OF_ORDER: Final = {"23505", "23503"}
"""Unique and foreign keys: done in another order it may go well."""
_PAUSE_S: Final = 0.002


class Parking:
    """Parking and restoring the transactions of one session, one after another.

    `ask` asks inside them, as the endpoint, and `ask_outside` outside of any. `is_restoring`: a
    transaction is being restored.
    """

    def __init__(
        self, conversation: Conversation, ask: Ask, ask_outside: Ask, copies: PrivateCopies
    ) -> None:
        self.is_restoring = False
        self._conversation = conversation
        self._ask = ask
        self._ask_outside = ask_outside
        self._copies = copies

    async def park(self, transaction: OpenTransaction) -> None:
        """Read out what the transaction did, and let go of its locks."""
        conversation = self._conversation
        if transaction.phase is Phase.FAILED:
            # Its error undid the statement that failed, and not what came before that.
            await let_go(conversation.ask)
            await conversation.run(question("SELECT dsqlkit.fail('25P02', '')"))
            transaction.empty()
            return
        if transaction.phase is Phase.AT_COPIES:
            # It holds no rows, so it is a change of schema that waits.
            await let_go(conversation.ask)
            transaction.abandon()
            return
        try:
            transaction.park(await self.read_out(transaction))
        except (Refused, Locked) as why:
            # What cannot be read cannot be put back. It has to lose for the other to go on.
            words = SCHEMA_CONFLICT if isinstance(why, Locked) else DATA_CONFLICT
            transaction.lose(words)
            transaction.park(Changes())
            await let_go(conversation.ask)

    async def restore(self, transaction: OpenTransaction) -> Changes | None:
        """Put back what was read out; give it back when another was first."""
        conversation = self._conversation
        changes = transaction.changes
        assert changes is not None
        self.is_restoring = True
        deletions_first = False
        try:
            while True:
                try:
                    await self._copies.repeat(transaction, (Kind.SETTING,))
                    await put_back(self._ask, changes, deletions_first=deletions_first)
                    await self._copies.repeat(transaction, (Kind.SCHEMA, Kind.LOCK))
                except Refused as refused:
                    await let_go(conversation.ask)
                    if refused.sqlstate in _PASSING:
                        await asyncio.sleep(_PAUSE_S)
                        continue
                    if refused.sqlstate in _MATTERS_OF_ORDER and not deletions_first:
                        deletions_first = True
                        continue
                    transaction.lose(DATA_CONFLICT)
                    transaction.unpark()
                    return changes
                transaction.unpark()
                return None
        finally:
            self.is_restoring = False

    async def read_out(self, transaction: OpenTransaction) -> Changes:
        """Read out what the transaction did, let go of it, and keep its cursors.

        Raises exchange.Refused and Locked.
        """
        conversation = self._conversation
        loose: list[OpenCursor] = []
        if transaction.loose_cursors:
            loose = await cursors.read_out(conversation, transaction.cursors_secured)
        changes = await read_out(self._ask, self._ask_outside, conversation.pid)
        await let_go(conversation.ask)
        if loose:
            await cursors.open_again(conversation, loose, transaction.cursors_secured)
        if transaction.loose_cursors:
            transaction.cursors_secured = await cursors.secure(conversation)
            transaction.loose_cursors = False
        return changes

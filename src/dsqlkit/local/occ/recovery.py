"""What becomes of a transaction that was parked, that met a conflict, or that has lost.

What it asks of PostgreSQL it asks by the way. What the client is to see is for the session to send:
the answers here are frames to run, or that the step may run as it is.
"""

import asyncio
from typing import Final

from dsqlkit.local.backend.conversation import Conversation
from dsqlkit.local.backend.exchange import Refused, Rows, Verdict
from dsqlkit.local.backend.savepoint import STATEMENT_SAVEPOINT
from dsqlkit.local.dialect.refusal import DATA_CONFLICT
from dsqlkit.local.occ import cursors
from dsqlkit.local.occ.adjudicator import Adjudicator
from dsqlkit.local.occ.changes import Changes, let_go
from dsqlkit.local.occ.open_transaction import OpenTransaction, Phase
from dsqlkit.local.occ.parking import Parking
from dsqlkit.local.occ.private_copies import PrivateCopies
from dsqlkit.local.occ.row_locks import settle_locks
from dsqlkit.local.statements.statement import Statement
from dsqlkit.local.statements.steps import Step

_DEADLOCK: Final = "40P01"
_CONFLICTS: Final = {"40001", _DEADLOCK}
_UNIQUE_VIOLATION: Final = "23505"
_FOREIGN_KEY_VIOLATION: Final = "23503"
_PAUSE_S: Final = 0.002

_HAS_TWINS: Final = "SELECT dsqlkit.has_twins($1, $2::regclass)"


class Recovery:
    """The recovery of one session's transactions, one after another."""

    def __init__(self, conversation: Conversation, adjudicator: Adjudicator) -> None:
        self._conversation = conversation
        self._adjudicator = adjudicator
        self._copies = PrivateCopies(conversation, self._ask)
        self.parking = Parking(conversation, self._ask, adjudicator.monitor.ask, self._copies)

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

    def may_have_twins(self, statement: Statement, transaction: OpenTransaction) -> bool:
        """Whether it may have inserted a key that its snapshot has, but others have deleted."""
        history = self._adjudicator.history
        return statement.inserts and history.deleted_since(transaction, statement.tables)

    async def has_twins(self, statement: Statement) -> bool:
        """Whether it inserted a key that the transaction's snapshot has already.

        PostgreSQL allows it when another transaction has deleted that row since.
        """
        for table in sorted(statement.claimed):
            if (await self._ask(_HAS_TWINS, table))[0][0] == "t":
                return True
        return False

    async def resume(
        self, step: Step, statement: Statement, transaction: OpenTransaction
    ) -> bytes | None:
        """Let a transaction that was parked or has lost go on with this step: the frames that run
        it at private copies, or None where it runs as it is.

        Raises exchange.Refused when it cannot go on as if it had not lost.
        """
        left = None
        if transaction.phase is Phase.PARKED:
            left = await self.parking.restore(transaction)
        if left is not None:
            await self._copies.give(transaction, set(transaction.touched.claimed), left)
        if transaction.phase is Phase.AT_COPIES:
            return await self._copies.frames(step, statement, transaction)
        await self._copies.bind_again(step.bind)
        return None

    async def lose(
        self,
        step: Step,
        statement: Statement,
        transaction: OpenTransaction,
        verdict: Verdict,
        *,
        guarded: bool,
    ) -> bytes | None:
        """Take back a step that met a conflict: the frames that run it as if it had met none.

        None for one that only gave way, as two transactions waited for each other: the transaction
        is parked, and is to be resumed with the step. `guarded`: there is a savepoint before it.
        Raises exchange.Refused and changes.Locked when it cannot be done, for want of a privilege.
        """
        ask = self._conversation.ask
        changes: Changes | None = None
        if guarded:
            await ask(f"ROLLBACK TO SAVEPOINT {STATEMENT_SAVEPOINT}")
            changes = await self.parking.read_out(transaction)
        else:
            await let_go(ask)
            if not transaction.touched.claimed:
                changes = Changes()
        await self._copies.forget_prepared(step)
        if (verdict.given_way or verdict.sqlstate == _DEADLOCK) and changes is not None:
            transaction.park(changes)
            await asyncio.sleep(_PAUSE_S)
            return None
        transaction.lose(DATA_CONFLICT)
        tables = transaction.touched.claimed | statement.claimed
        await self._copies.give(transaction, tables, changes)
        return await self._copies.frames(step, statement, transaction)

    async def prepare_commit(self, transaction: OpenTransaction, bind: bytes = b"") -> None:
        """Do what is left to do before COMMIT, or see to it that it fails.

        `bind` is the COMMIT's own Bind where it was sent in an earlier step.
        """
        ask = self._conversation.ask
        if transaction.phase is Phase.PARKED and not transaction.lost:
            await self.parking.restore(transaction)
        if not transaction.lost:
            try:
                await settle_locks(self._adjudicator, self._ask, transaction)
            except Refused:
                await let_go(ask)
                transaction.lose(DATA_CONFLICT)
        if transaction.lost:
            await ask("SELECT dsqlkit.lose($1)", transaction.lost)
        await self._copies.bind_again(bind)

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

"""What a session does when its transaction was parked, met a conflict, or has lost."""

import asyncio
from typing import TYPE_CHECKING, Final

from dsqlkit.local.backend.exchange import (
    READY_FAILED,
    READY_IDLE,
    Exchange,
    Refused,
    Rows,
    question,
)
from dsqlkit.local.backend.savepoint import STATEMENT_SAVEPOINT
from dsqlkit.local.dialect.refusal import DATA_CONFLICT, Refusal
from dsqlkit.local.occ import cursors
from dsqlkit.local.occ.at_overlays import AtOverlays
from dsqlkit.local.occ.changes import Changes, Locked, let_go
from dsqlkit.local.occ.open_transaction import OpenTransaction
from dsqlkit.local.occ.overlay_text import Upsert
from dsqlkit.local.occ.parking import Parking
from dsqlkit.local.occ.row_locks import settle_locks
from dsqlkit.local.statements.statement import Statement
from dsqlkit.local.statements.steps import Step
from dsqlkit.local.wire.messages import SYNC

if TYPE_CHECKING:
    from dsqlkit.local.session.session import Session

_DEADLOCK: Final = "40P01"
_CONFLICTS: Final = {"40001", _DEADLOCK}
_UNIQUE_VIOLATION: Final = "23505"
_FOREIGN_KEY_VIOLATION: Final = "23503"

_HAS_TWINS: Final = "SELECT dsqlkit.has_twins($1, $2::regclass)"


class Recovery:
    """The recovery of one session's transactions."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._overlays = AtOverlays(session.conversation, session.adjudicator.overlays, self._ask)
        self.parking = Parking(session, self._ask, self._overlays)

    def is_conflict(
        self, statement: Statement, exchange: Exchange, transaction: OpenTransaction
    ) -> bool:
        """Whether a statement failed because of what another transaction did."""
        sqlstate = exchange.sqlstate
        if sqlstate == _UNIQUE_VIOLATION:
            # Of a key that the snapshot has, or of one that somebody else committed since?
            return self._session.adjudicator.history.written_since(transaction, statement.tables)
        if sqlstate == _FOREIGN_KEY_VIOLATION:
            # By a row of the snapshot, or by one that somebody else committed since?
            return self._session.adjudicator.history.committed_since(transaction)
        return exchange.given_way or sqlstate in _CONFLICTS

    def may_have_twins(self, statement: Statement, transaction: OpenTransaction) -> bool:
        """Whether it may have inserted a key that its snapshot has, but others have deleted."""
        history = self._session.adjudicator.history
        return statement.inserts and history.deleted_since(transaction, statement.tables)

    async def resume(self, step: Step, statement: Statement, transaction: OpenTransaction) -> None:
        """Run a step of a transaction that was parked, or that goes on at overlays."""
        try:
            if transaction.parked and transaction.schema:
                await self.parking.restore(transaction)
                if not transaction.lost:
                    await self._send(step, statement, transaction)
                    return
            if transaction.parked:
                changes, transaction.changes = transaction.changes, None
                transaction.parked = False
                await self._overlays.enter(transaction, statement.claimed, changes)
            await self._run_at_overlays(step, statement, transaction)
        except (Refused, Locked):
            # It cannot be answered as if it had not lost: the conflict shows now.
            await self.refuse(step, Refusal("40001", DATA_CONFLICT))

    async def lose(
        self, step: Step, statement: Statement, transaction: OpenTransaction, failed: Exchange
    ) -> None:
        """Answer a step that met a conflict as if it had not.

        One that only gave way, as two transactions waited for each other, has not lost.
        """
        ask = self._session.conversation.ask
        try:
            changes: Changes | None = None
            if failed.guarded:
                await ask(f"ROLLBACK TO SAVEPOINT {STATEMENT_SAVEPOINT}")
                changes = await self.parking.set_down(transaction)
            else:
                await let_go(ask)
            await self._overlays.forget_prepared(step)
            if not (failed.given_way or failed.sqlstate == _DEADLOCK):
                transaction.lost = transaction.lost or DATA_CONFLICT
            await self._overlays.enter(transaction, statement.claimed, changes)
            await self._run_at_overlays(step, statement, transaction)
        except (Refused, Locked):
            # It cannot be answered so, for want of a privilege say: the conflict shows now.
            transaction.failed = True
            self._session.give(step, failed)

    async def _run_at_overlays(
        self, step: Step, statement: Statement, transaction: OpenTransaction
    ) -> None:
        if statement.can_conflict:
            await self._overlays.enter_path(transaction)
            await self._overlays.cover(transaction, statement.claimed)
        found = self._overlays.upsert_in(step, statement)
        if found is not None:
            await self._upsert(step, found)
            return
        frames = await self._overlays.led(step, statement, transaction)
        # Of a COPY's answer the client has had the start.
        self._session.send_step(step, frames, forward=not step.copied)

    async def _upsert(self, step: Step, found: Upsert) -> None:
        relation = await self._overlays.begin_upsert(step, found)
        frames = await self._overlays.upsert_frames(step, found)
        answered = asyncio.get_running_loop().create_future()
        exchange = Exchange(
            forward=False,
            hide_ready=step.hides_ready,
            is_query=step.is_query,
            before=step.before,
            on_done=answered.set_result,
        )
        needs_sync = step.hides_ready and not step.is_query
        self._session.conversation.send(frames + (SYNC if needs_sync else b""), exchange)
        done: Exchange = await answered
        if done.error is None:
            await self._overlays.end_upsert(relation)
        self._session.answer(step, done)

    async def check_keys(
        self, step: Step, statement: Statement, transaction: OpenTransaction, done: Exchange
    ) -> None:
        """See whether a step inserted a key that the transaction's snapshot has already.

        PostgreSQL allows it when another transaction has deleted that row since.
        """
        for table in sorted(statement.claimed):
            if (await self._ask(_HAS_TWINS, table))[0][0] == "t":
                await self.lose(step, statement, transaction, done)
                return
        transaction.note(step, statement)
        self._session.finish(step, done)

    async def refuse(self, step: Step, refusal: Refusal) -> None:
        """Fail a step that has run, and the transaction with it."""
        await self._session.conversation.run(
            question("SELECT dsqlkit.fail($1, $2)", (refusal.sqlstate, refusal.message))
        )
        assert self._session.transaction is not None
        self._session.transaction.failed = True
        ready = b"" if step.hides_ready else READY_FAILED
        self._session.tell(step, refusal.as_error() + ready, failed=True)

    async def refuse_commit(self, step: Step, refusal: Refusal) -> None:
        """Roll back in place of a COMMIT, which fails."""
        done = await self._session.conversation.run(question("ROLLBACK"))
        self._session.ended(done)
        ready = b"" if step.hides_ready else READY_IDLE
        self._session.tell(step, refusal.as_error() + ready, failed=True)

    async def commit(self, step: Step, transaction: OpenTransaction) -> None:
        """Commit, or fail to because another was first."""
        await self.prepare_commit(transaction, step.bind)
        self._session.send_step(step, step.data, forward=True)

    async def prepare_commit(self, transaction: OpenTransaction, bind: bytes = b"") -> None:
        """Do what is left to do before COMMIT, or see to it that it fails.

        `bind` is the COMMIT's own Bind where it was sent in an earlier step.
        """
        session = self._session
        if (transaction.parked or transaction.at_overlays) and not transaction.lost:
            await self.parking.restore(transaction)
        if not transaction.lost:
            try:
                await settle_locks(self._session, self._ask, transaction)
            except Refused:
                await let_go(session.conversation.ask)
                transaction.lost = DATA_CONFLICT
        if transaction.lost:
            await session.conversation.ask("SELECT dsqlkit.lose($1)", transaction.lost)
        await self._overlays.bind_again(bind)

    async def keep_cursors(self, step: Step, transaction: OpenTransaction, done: Exchange) -> None:
        """After a step that opened a cursor: see to it that the transaction can still be parked."""
        if transaction.claimed:
            transaction.loose_cursors = True
        else:
            transaction.cursors_secured = await cursors.secure(self._session.conversation)
        self._session.finish(step, done)

    async def _ask(self, sql: str, *parameters: str | None) -> Rows:
        """Ask inside the transaction, as the endpoint."""
        key = await self._session.adjudicator.monitor.key()
        return await self._session.conversation.ask(sql, key, *parameters)

    async def _send(self, step: Step, statement: Statement, transaction: OpenTransaction) -> None:
        await self._overlays.bind_again(step.bind)
        if statement.can_conflict:
            self._session.send_write(step, transaction)
        else:
            self._session.send_step(step, step.data, forward=True)

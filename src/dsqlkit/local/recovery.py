"""What a session does when its transaction is parked, put back, or has lost.

A transaction that has lost goes on until its COMMIT: every statement is answered from its own
snapshot and its own changes. For that it gets private copies of the tables that it writes, as
PostgreSQL would not let it write a row that another has changed.
"""

import asyncio
from typing import TYPE_CHECKING, Final

from dsqlkit.local import parking, wire
from dsqlkit.local.analysis import Kind, Statement
from dsqlkit.local.exchange import Exchange, Refused, question
from dsqlkit.local.open_transaction import DATA_CONFLICT, SCHEMA_CONFLICT, OpenTransaction
from dsqlkit.local.parking import Changes, Locked
from dsqlkit.local.refusal import Refusal
from dsqlkit.local.steps import SYNC, End, Step
from dsqlkit.local.unqualified import bound_to_private, unqualified_parse, unqualified_query

if TYPE_CHECKING:
    from dsqlkit.local.session import Session

_CONFLICTS: Final = {"40001", "40P01"}
_UNIQUE_VIOLATION: Final = "23505"
_READY_FAILED: Final = wire.message(b"Z", b"E")
_READY_IDLE: Final = wire.message(b"Z", b"I")
_PAUSE_S: Final = 0.002

# Another search path makes PostgreSQL look up names in prepared statements again.
_FORGET_NAMES: Final = """
SELECT pg_catalog.set_config('search_path',
    pg_catalog.current_setting('search_path') || ', dsqlkit', true)
"""

_HAS_TWINS: Final = "SELECT dsqlkit.has_twins($1::regclass)"
_TABLE: Final = """
SELECT oid::text FROM pg_catalog.pg_class
WHERE oid = pg_catalog.to_regclass($1) AND relpersistence <> 't'
"""


class Recovery:
    """The recovery of one session's transactions."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self.is_putting_back = False

    def is_conflict(
        self, statement: Statement, exchange: Exchange, transaction: OpenTransaction
    ) -> bool:
        """Whether a statement failed because of what another transaction did."""
        sqlstate = exchange.sqlstate
        if sqlstate == _UNIQUE_VIOLATION:
            # Of a key that the snapshot has, or of one that somebody else committed since?
            return self._session.adjudicator.written_since(transaction, statement.tables)
        return exchange.given_way or sqlstate in _CONFLICTS

    def may_have_twins(self, statement: Statement, transaction: OpenTransaction) -> bool:
        """Whether it may have inserted a key that its snapshot has, but others have deleted."""
        adjudicator = self._session.adjudicator
        return statement.inserts and adjudicator.deleted_since(transaction, statement.tables)

    async def park(self, transaction: OpenTransaction) -> None:
        """Read out what the transaction did, and let go of its locks."""
        session = self._session
        try:
            transaction.changes = await parking.read_out(
                session.conversation.ask, session.adjudicator.ask, session.pid
            )
        except (Refused, Locked) as why:
            # What cannot be read cannot be put back. It has to lose for the other to go on.
            words = SCHEMA_CONFLICT if isinstance(why, Locked) else DATA_CONFLICT
            transaction.lost = transaction.lost or words
            transaction.changes = Changes()
            await parking.let_go(session.conversation.ask)

    async def resume(self, step: Step, statement: Statement, transaction: OpenTransaction) -> None:
        """Run a step of a transaction that was parked or has lost."""
        if transaction.parked:
            await self._put_back(transaction)
        if transaction.shadowed:
            await self._run_shadowed(step, statement, transaction)
        else:
            self._session.send_step(step, step.data, forward=not statement.can_conflict)

    async def lose(
        self, step: Step, statement: Statement, transaction: OpenTransaction, failed: Exchange
    ) -> None:
        """Answer a step that met a conflict as if it had not."""
        transaction.lost = transaction.lost or DATA_CONFLICT
        try:
            await parking.let_go(self._session.conversation.ask)
            await self._forget_prepared(step)
            await self._shadow(transaction, transaction.claimed | statement.claimed, None)
            await self._run_shadowed(step, statement, transaction)
        except Refused:
            # It cannot be answered so, for want of a privilege say: the conflict shows now.
            transaction.failed = True
            self._session.give(step, failed)

    async def check_keys(
        self, step: Step, statement: Statement, transaction: OpenTransaction, done: Exchange
    ) -> None:
        """See whether a step inserted a key that the transaction's snapshot has already.

        PostgreSQL allows it when another transaction has deleted that row since.
        """
        for table in sorted(statement.claimed):
            if (await self._session.conversation.ask(_HAS_TWINS, table))[0][0] == "t":
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
        ready = b"" if step.end in (End.FLUSH, End.NEXT) else _READY_FAILED
        self._session.tell(step, refusal.as_error() + ready, failed=True)

    async def refuse_commit(self, step: Step, refusal: Refusal) -> None:
        """Roll back in place of a COMMIT, which fails."""
        done = await self._session.conversation.run(question("ROLLBACK"))
        self._session.ended(done)
        ready = b"" if step.end in (End.FLUSH, End.NEXT) else _READY_IDLE
        self._session.tell(step, refusal.as_error() + ready, failed=True)

    async def commit(self, step: Step, transaction: OpenTransaction) -> None:
        """Commit, or fail to because another was first."""
        await self.prepare_commit(transaction)
        self._session.send_step(step, step.data, forward=True)

    async def prepare_commit(self, transaction: OpenTransaction) -> None:
        """Do what is left to do before COMMIT, or see to it that it fails."""
        session = self._session
        if transaction.parked and not transaction.lost:
            await self._put_back(transaction)
        if transaction.lost:
            await session.conversation.ask("SELECT dsqlkit.lose($1)", transaction.lost)
        elif transaction.locked and session.adjudicator.has_others(session):
            for table in sorted(transaction.locked):
                await session.conversation.ask("SELECT dsqlkit.claim_locked($1::regclass)", table)

    async def _put_back(self, transaction: OpenTransaction) -> None:
        session = self._session
        assert transaction.changes is not None
        self.is_putting_back = True
        try:
            while True:
                try:
                    await self._repeat(transaction, (Kind.SETTING,))
                    await parking.put_back(session.conversation.ask, transaction.changes)
                    await self._repeat(transaction, (Kind.SCHEMA, Kind.LOCK))
                except Refused as refused:
                    await parking.let_go(session.conversation.ask)
                    if refused.given_way:
                        await asyncio.sleep(_PAUSE_S)
                        continue
                    transaction.lost = transaction.lost or DATA_CONFLICT
                    changes, transaction.changes = transaction.changes, None
                    await self._shadow(transaction, set(transaction.claimed), changes)
                    return
                transaction.changes = None
                return
        finally:
            self.is_putting_back = False

    async def _repeat(self, transaction: OpenTransaction, kinds: tuple[Kind, ...]) -> None:
        for step in transaction.done:
            if step.statement is not None and step.statement.kind in kinds:
                (await self._session.conversation.run(step.again)).rows()

    async def _shadow(
        self, transaction: OpenTransaction, tables: set[str], changes: Changes | None
    ) -> None:
        """Give the transaction copies of tables, with its changes: read out, or made once more."""
        await self._session.conversation.ask(_FORGET_NAMES)
        await self._copy(transaction, tables, changes)
        if changes is None:
            for step in list(transaction.done):
                if step.statement is not None:
                    await self._session.conversation.run(
                        await self._within_shadows(step, step.again)
                    )

    async def _copy(
        self, transaction: OpenTransaction, tables: set[str], changes: Changes | None
    ) -> None:
        for table in sorted(tables - transaction.shadowed):
            rows = await self._session.conversation.ask(_TABLE, table)
            transaction.shadowed.add(table)
            for (relation,) in rows:
                # One table may be written under two names.
                if relation is not None and relation not in transaction.shadowed:
                    transaction.shadowed.add(relation)
                    await parking.shadow(self._session.conversation.ask, relation, changes)

    async def _run_shadowed(
        self, step: Step, statement: Statement, transaction: OpenTransaction
    ) -> None:
        if not transaction.failed:
            await self._copy(transaction, set(statement.claimed), None)
        data = await self._within_shadows(step, step.data)
        self._session.send_step(step, data, forward=True)

    async def _forget_prepared(self, step: Step) -> None:
        """Let the step prepare its statement once more under the same name."""
        name = step.parse[5 : step.parse.find(b"\0", 5)]
        if name and step.parse in step.data:
            await self._session.conversation.run(wire.message(b"C", b"S" + name + b"\0") + SYNC)

    async def _within_shadows(self, step: Step, frames: bytes) -> bytes:
        """Frames of a step, with names that lead to the copies of tables."""
        if step.statement is None or not step.statement.qualified:
            return frames
        if not step.parse:
            return unqualified_query(frames, step.statement.qualified)
        await self._session.conversation.run(
            unqualified_parse(step.parse, step.statement.qualified)
        )
        return bound_to_private(frames)

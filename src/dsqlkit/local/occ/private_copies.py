"""The private copies of tables at which a transaction that has lost goes on until its COMMIT.

Every statement of it is answered from its own snapshot and its own changes, as if it had not lost.
PostgreSQL would not let it write a row that another has changed, so it gets copies of the tables
that it writes (see server/sql/adjudication.sql).
"""

from typing import Final

from dsqlkit.local.backend.conversation import Conversation
from dsqlkit.local.occ.changes import Ask, Changes, shadow
from dsqlkit.local.occ.open_transaction import OpenTransaction
from dsqlkit.local.occ.unqualified import bound_to_private, unqualified_parse, unqualified_query
from dsqlkit.local.statements.statement import Kind, Statement
from dsqlkit.local.statements.steps import Step
from dsqlkit.local.wire.messages import PORTAL, STATEMENT, SYNC, Frontend, message

# Prepared statements have to look up names again.
_FORGET_NAMES: Final = "DISCARD PLANS"
_TABLE: Final = """
SELECT oid::text FROM pg_catalog.pg_class
WHERE oid = pg_catalog.to_regclass($1) AND relpersistence <> 't'
"""


class PrivateCopies:
    """Private copies of one session's tables. `ask` asks inside a transaction."""

    def __init__(self, conversation: Conversation, ask: Ask) -> None:
        self._conversation = conversation
        self._ask = ask

    async def repeat(self, transaction: OpenTransaction, kinds: tuple[Kind, ...]) -> None:
        """Run the transaction's statements of these kinds once more. Raises exchange.Refused."""
        for step in transaction.touched.steps:
            if step.statement is not None and step.statement.kind in kinds:
                (await self._conversation.run(step.again)).rows()

    async def give(
        self, transaction: OpenTransaction, tables: set[str], changes: Changes | None
    ) -> None:
        """Give the transaction copies of tables, with its changes: read out, or made once more."""
        if changes is not None:
            await self.repeat(transaction, (Kind.SETTING,))
        await self._copy(transaction, tables, changes)
        if changes is None:
            for step in list(transaction.touched.steps):
                if step.statement is not None:
                    frames = step.data if step.copied else step.again
                    await self._conversation.run(await self._leading_there(step, frames))

    async def _copy(
        self, transaction: OpenTransaction, tables: set[str], changes: Changes | None
    ) -> None:
        wanted = []
        for table in sorted(tables - transaction.copied):
            transaction.add_copies({table})
            for (relation,) in await self._conversation.ask(_TABLE, table):
                # One table may be written under two names.
                if relation is not None and relation not in transaction.copied:
                    wanted.append(relation)
        if wanted or (changes is not None and changes.tables):
            transaction.add_copies(set(await shadow(self._ask, wanted, changes)))
            await self._conversation.ask(_FORGET_NAMES)

    async def frames(self, step: Step, statement: Statement, transaction: OpenTransaction) -> bytes:
        """The frames that run a step at the copies, made ready for it. Raises exchange.Refused."""
        await self._copy(transaction, set(statement.claimed), None)
        data = await self._leading_there(step, step.data)
        await self.bind_again(bound_to_private(step.bind) if statement.qualified else step.bind)
        return data

    async def bind_again(self, bind: bytes) -> None:
        """Make a portal again that was bound in an earlier step: it went with what was let go."""
        if bind:
            close = message(Frontend.CLOSE, PORTAL + bind[5 : bind.find(b"\0", 5) + 1])
            await self._conversation.run(close + bind + SYNC)

    async def forget_prepared(self, step: Step) -> None:
        """Let the step prepare its statement once more under the same name."""
        name = step.parse[5 : step.parse.find(b"\0", 5)]
        if name and step.parse in step.data:
            close = message(Frontend.CLOSE, STATEMENT + name + b"\0")
            await self._conversation.run(close + SYNC)

    async def _leading_there(self, step: Step, frames: bytes) -> bytes:
        """Frames of a step, with names that lead to the copies of tables."""
        if step.statement is None or not step.statement.qualified:
            return frames
        if not step.parse:
            text = step.again if step.copied else frames
            return unqualified_query(text, step.statement.qualified) + step.copied
        await self._conversation.run(unqualified_parse(step.parse, step.statement.qualified))
        return bound_to_private(frames)

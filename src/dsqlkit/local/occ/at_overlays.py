"""How one session's transaction goes on at the overlays of its tables until its COMMIT.

There it answers every statement from its own snapshot and its own changes, and holds no row that
another could wait for. If it has not lost by then, its COMMIT does the same at the tables
(redoing.py).
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, NamedTuple

from dsqlkit.local.apart import Apart
from dsqlkit.local.backend.conversation import Conversation
from dsqlkit.local.backend.question import Question
from dsqlkit.local.dialect.catalog import SYSTEM_COLUMN
from dsqlkit.local.occ.changes import Ask, Changes, Failing, NotThere, TableChanges
from dsqlkit.local.occ.covering import Covering
from dsqlkit.local.occ.open_transaction import OpenTransaction
from dsqlkit.local.occ.overlay_text import at_overlays, copied_from_query, copied_table
from dsqlkit.local.occ.overlays import Overlays
from dsqlkit.local.occ.repeating import is_unsure
from dsqlkit.local.occ.steps_again import StepsAgain, text_of
from dsqlkit.local.occ.upsert_text import upsert
from dsqlkit.local.occ.upserting import Begun, Upserting
from dsqlkit.local.statements.statement import Kind, Statement
from dsqlkit.local.statements.steps import Step

_COPIED: Final = """
SELECT a.attname, pg_catalog.quote_ident(a.attname) FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
WHERE c.oid = dsqlkit.behind($1) AND c.relkind = 'r'
AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum
"""
"""What COPY has of a table."""
_ENTER: Final = "SELECT dsqlkit.to_overlays()"
LEAVE: Final = "SELECT dsqlkit.from_overlays()"
_LAY_OVER: Final = "SELECT dsqlkit.lay_over($1, $2::oid, $3::tid[], $4::text[])"
_ASKS_FOR_PATH: Final = re.compile(rb"current_schema|search_path", re.IGNORECASE)


class AtOverlay(NamedTuple):
    """The frames that run a step at overlays; `after` is what is to be done once it has run
    well."""

    frames: bytes
    after: Callable[[], Awaitable[None]] | None = None


class AtOverlays:
    """The overlays of one session's transactions. `ask` asks inside them, as the endpoint; long
    texts are read `apart`."""

    def __init__(
        self, conversation: Conversation, overlays: Overlays, apart: Apart, ask: Ask
    ) -> None:
        self._apart = apart
        self._conversation = conversation
        self._covering = Covering(conversation, overlays)
        self._ask = ask
        self._again = StepsAgain(conversation)
        self._upserting = Upserting(conversation, ask, self._again)

    async def enter(
        self,
        transaction: OpenTransaction,
        tables: Iterable[str],
        changes: Changes | None = None,
        first: Sequence[Question] = (),
    ) -> None:
        """Let the transaction go on at the overlays of its tables, with what it did: as it was read
        out (`changes`, or those that it was parked with), or done once more.

        It must hold nothing once `first` has been asked. Raises exchange.Refused, changes.Locked
        and NotThere.
        """
        try:
            await self._enter(transaction, tables, changes, first)
        except Failing as why:
            raise NotThere from why  # what it did before did not fail then

    async def _enter(
        self,
        transaction: OpenTransaction,
        tables: Iterable[str],
        changes: Changes | None,
        first: Sequence[Question],
    ) -> None:
        changes = changes or transaction.changes
        path = (await self._conversation.ask_all(*first, (_ENTER,)))[-1][0][0]
        await self._covering.cover(transaction, transaction.touched.claimed.union(tables), path)
        transaction.go_to_overlays()
        inserted = None if changes is None else changes.inserted
        for number, step in enumerate(transaction.touched.steps):
            statement = step.statement
            if inserted is not None and number in inserted:
                await self._lay_over(inserted[number])
                continue
            is_read_out = changes is not None and inserted is None
            if statement is None or (is_read_out and statement.kind is not Kind.SETTING):
                continue
            if (begun := await self._upsert_begun(step, statement, transaction)) is not None:
                await self._again.run(step, statement, begun.text)
                await begun.end()
            elif statement.kind in (Kind.SETTING, Kind.WRITE, Kind.COPY_IN):
                await self._again.run(
                    step, statement, self._text_there(step, statement, transaction)
                )
            if statement.kind is Kind.SETTING:
                await self._conversation.ask(_ENTER)
        if changes is not None:
            for each in changes.tables:
                await self._lay_over(each)
        if (changes is None or inserted is not None) and await is_unsure(
            self._conversation.ask, transaction.touched
        ):
            raise NotThere
        transaction.names_lead = True

    async def _lay_over(self, changes: TableChanges) -> None:
        await self._ask(_LAY_OVER, changes.relation, changes.removed, changes.images)

    async def led(
        self, step: Step, statement: Statement, transaction: OpenTransaction
    ) -> AtOverlay:
        """A step, led to the overlays. Raises exchange.Refused, changes.Locked, NotThere, and
        Failing where it is known by now that it fails."""
        if statement.tables and SYSTEM_COLUMN.search(text_of(step)):
            raise NotThere
        if statement.kind is Kind.SETTING:
            transaction.names_lead = False
            return AtOverlay(step.data)
        asks_for_path = not statement.tables and _ASKS_FOR_PATH.search(text_of(step))
        explained = statement.explained
        # A plan by itself is that of the tables, as if the transaction had not lost.
        if asks_for_path or (explained is not None and not explained.analyze):
            return await self._at_tables(step, transaction)
        if not transaction.names_lead:
            await self._conversation.ask(_ENTER)
            transaction.names_lead = True
        if statement.can_conflict:
            await self._covering.cover(transaction, statement.claimed)
        if (begun := await self._upsert_begun(step, statement, transaction)) is not None:
            return AtOverlay(await self._again.frames(step, begun.text), begun.end)
        text = self._text_there(step, statement, transaction)
        if statement.kind is Kind.READ and (copied := copied_table(text)) is not None:
            table, listed = copied
            rows = await self._conversation.ask(_COPIED, table)
            columns = {str(name): str(written) for name, written in rows}
            if not columns or len(columns.keys() & set(listed)) < len(listed):
                return await self._at_tables(step, transaction)  # which refuse it
            wanted = [columns[name] for name in listed or columns]
            text = copied_from_query(text, wanted)
        return AtOverlay(await self._led(step, text))

    async def _at_tables(self, step: Step, transaction: OpenTransaction) -> AtOverlay:
        """A step that changes nothing, left to the tables."""
        await self._conversation.ask(LEAVE)
        transaction.names_lead = False
        return AtOverlay(step.data)

    async def _upsert_begun(
        self, step: Step, statement: Statement, transaction: OpenTransaction
    ) -> Begun | None:
        """An INSERT ... ON CONFLICT, prepared for; None if it is none, or has no such table.
        Raises exchange.Refused, changes.NotThere and Failing."""
        if statement.kind is not Kind.WRITE:
            return None
        found = await self._apart.read(upsert, self._text_there(step, statement, transaction))
        if found is None:
            return None
        relation = (await self._covering.oids([found.table])).get(found.table)
        return None if relation is None else await self._upserting.begin(step, found, relation)

    def _text_there(self, step: Step, statement: Statement, transaction: OpenTransaction) -> bytes:
        """A step's text at overlays."""
        text = text_of(step)
        if statement.qualified:
            text = at_overlays(text, statement.qualified, transaction.overlaid)
        return text

    async def _led(self, step: Step, text: bytes) -> bytes:
        # What was prepared before leads to tables whose overlays were not there yet.
        is_analysed_now = not step.parse or step.parse in step.data
        if text == text_of(step) and is_analysed_now:
            await self._again.bind_again(step.bind)
            return step.data
        return await self._again.frames(step, text)

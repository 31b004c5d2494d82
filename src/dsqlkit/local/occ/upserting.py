"""INSERT ... ON CONFLICT at an overlay, which as a view has no keys that PostgreSQL could look at.

Where it leaves alone what is there, the overlay leaves out such rows; else a table like the overlay
is filled with the rows that may meet, the statement is run there, and what it did is kept in the
overlay. The SQL is in server/sql/overlays.sql.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, NamedTuple

from dsqlkit.local.backend.conversation import Conversation
from dsqlkit.local.backend.exchange import Refused
from dsqlkit.local.occ.changes import Ask, Failing, NotThere
from dsqlkit.local.occ.steps_again import StepsAgain
from dsqlkit.local.occ.upsert_text import Target, Upsert
from dsqlkit.local.statements.quoting import array
from dsqlkit.local.statements.steps import Step

_BEGIN_SKIPPING: Final = "SELECT dsqlkit.begin_skipping($1::oid::regclass, $2, $3::text[])"
_END_SKIPPING: Final = "SELECT dsqlkit.end_skipping()"
_BEGIN: Final = "SELECT dsqlkit.begin_upsert($1, $2::oid::regclass)"
_FILL: Final = "SELECT dsqlkit.fill_upsert($1, $2::oid::regclass)"
_END: Final = "SELECT dsqlkit.end_upsert($1, $2::oid::regclass)"
_CONFLICTS: Final = "40"


class Begun(NamedTuple):
    """The text of an INSERT ... ON CONFLICT that was prepared for, and what is to be done after."""

    text: bytes
    end: Callable[[], Awaitable[None]]


class Upserting:
    """The INSERT ... ON CONFLICT of one session. `ask` asks inside its transaction, as the
    endpoint; `again` runs its steps."""

    def __init__(self, conversation: Conversation, ask: Ask, again: StepsAgain) -> None:
        self._conversation = conversation
        self._ask = ask
        self._again = again

    async def begin(self, step: Step, found: Upsert, relation: str) -> Begun:
        """Prepare for one, which was found in the text of a step, at the overlay of a table (oid).
        Raises exchange.Refused, changes.Failing, and changes.NotThere if other writes are part of
        it, which would be done twice."""
        assert step.statement is not None
        if found.skips is not None and await self._begin_skipping(relation, found.skips):
            return Begun(found.first, self._end_skipping)
        if found.mixed:
            raise NotThere
        self._conversation.tells_of(relation)
        await self._ask(_BEGIN, relation)
        parameters = None
        try:
            if step.parse:
                parameters = await self._again.prepare(step.parse, found.second)
            await self._again.run(step, step.statement, found.first, parameters)
        except Refused as why:
            if why.given_way or why.sqlstate.startswith(_CONFLICTS):
                raise
            raise Failing(why.sqlstate, why.message) from why
        await self._ask(_FILL, relation)
        return Begun(found.second, partial(self._keep, relation))

    async def _keep(self, relation: str) -> None:
        """Keep what it did in the overlay."""
        await self._ask(_END, relation)

    async def _begin_skipping(self, relation: str, target: Target) -> bool:
        """Have the overlay leave out rows to insert that meet these keys; False if there are no
        such keys, or the role may not know."""
        columns = None if target.columns is None else array(target.columns)
        rows = await self._conversation.ask(_BEGIN_SKIPPING, relation, target.constraint, columns)
        return rows[0][0] == "t"

    async def _end_skipping(self) -> None:
        await self._conversation.ask(_END_SKIPPING)

"""What the catalog says of the tables of a session's plans, kept until some schema changes."""

from collections.abc import Iterable
from typing import Final

from dsqlkit.local.backend.conversation import Conversation
from dsqlkit.local.explain.facts import Table, tables_of
from dsqlkit.local.occ.adjudicator import Adjudicator
from dsqlkit.local.statements.quoting import array

Name = tuple[str, str]
"""A schema and a table in it."""

_TABLES: Final = "SELECT dsqlkit.plan_tables($1)"


class PlanTables:
    """The tables of one session's plans."""

    def __init__(self, adjudicator: Adjudicator) -> None:
        self._adjudicator = adjudicator
        self._known: dict[Name, Table] = {}
        self._version = -1

    async def of(
        self, conversation: Conversation, names: Iterable[Name], *, anew: bool
    ) -> dict[Name, Table]:
        """These tables. `anew`: the session's own transaction has changed some schema, so that what
        it sees is to be asked for, and not to be kept. Raises exchange.Refused."""
        wanted = tuple(dict.fromkeys(names))
        version = self._adjudicator.schema_version
        if anew or version != self._version:
            self._known.clear()
            self._version = version
        if not self._known.keys() >= set(wanted):
            parts = [part for name in wanted for part in name]
            ((document,),) = await conversation.ask(_TABLES, array(parts))
            self._known |= tables_of(document or "[]")
        found = {name: self._known[name] for name in wanted if name in self._known}
        if anew:
            self._known.clear()
        return found

"""Where the rows are that a transaction has locked: its statements are asked once more."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from dsqlkit.local.apart import Apart
from dsqlkit.local.backend.exchange import Refused
from dsqlkit.local.backend.question import Rows
from dsqlkit.local.occ.changes import Ask
from dsqlkit.local.occ.differing import differs_again
from dsqlkit.local.occ.locking_texts import Places, places_of
from dsqlkit.local.occ.replay import Doings
from dsqlkit.local.occ.steps_again import StepsAgain, text_of
from dsqlkit.local.occ.touched import Touched
from dsqlkit.local.statements.steps import Step

_TRY: Final = "SAVEPOINT dsqlkit_places"
_GIVE_UP: Final = "ROLLBACK TO SAVEPOINT dsqlkit_places"
_DONE: Final = "RELEASE SAVEPOINT dsqlkit_places"


class LockedPlaces:
    """Those of one session's transactions. `ask` asks inside them; `again` runs their steps, whose
    long texts are read `apart`."""

    def __init__(self, ask: Ask, again: StepsAgain, apart: Apart) -> None:
        self._ask = ask
        self._again = again
        self._apart = apart

    async def find(self, touched: Touched) -> dict[str, set[str]] | None:
        """The places of all rows that it has locked, by table (oid), and perhaps of others; None
        where that cannot be told from its statements. Raises exchange.Refused.

        They are looked for among what its statements would find now, and so many rows more as it
        has written since. A row that it has written need not be found: it is in the race by that.
        """
        if any(each.locked or each.shared for each in touched.kept):
            return None
        found: dict[str, set[str]] = {}
        for step, written_before in touched.locking:
            read = partial(places_of, written=touched.rows - written_before)
            questions = await self._apart.read(read, text_of(step))
            if questions is None:
                return None
            for question in questions:
                rows = await self._asked(step, question)
                if rows is None:
                    return None
                for row in rows:
                    for oid, place in _pairs(row[-2 * question.tables :]):
                        found.setdefault(oid, set()).add(place)
        return found

    async def _asked(self, step: Step, question: Places) -> Rows | None:
        """The rows of a question; None if they may be others than they were, or it cannot be asked
        by itself."""
        assert step.statement is not None
        called = Doings(calls=question.calls)
        if question.calls and await differs_again(self._ask, called):
            return None
        if not question.is_part:
            return await self._again.run(step, step.statement, question.sql)
        types = await self._again.prepare(step.parse, text_of(step)) if step.parse else None
        await self._ask(_TRY)
        try:
            rows = await self._again.run(step, step.statement, question.sql, types)
        except Refused:
            await self._ask(_GIVE_UP)
            return None
        await self._ask(_DONE)
        return rows


def _pairs(values: Sequence[str | None]) -> Iterator[tuple[str, str]]:
    """Each two values, where there are any: an outer join may have none."""
    for first, second in zip(values[::2], values[1::2], strict=True):
        if first is not None and second is not None:
            yield first, second

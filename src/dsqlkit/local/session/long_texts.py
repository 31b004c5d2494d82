"""Reading a long text of a client's in another process, while the other clients are served."""

import asyncio
from collections import OrderedDict
from contextlib import aclosing
from typing import Final

from dsqlkit.local.apart import Apart
from dsqlkit.local.dialect.carried import failing
from dsqlkit.local.dialect.reading import read_in_pieces
from dsqlkit.local.dialect.refusal import Refusal
from dsqlkit.local.statements.statement import OTHER, Statement
from dsqlkit.local.statements.steps import Part, Reading

_KEPT_BYTES: Final = 256 * 1024
_MOST_KEPT: Final = 16
_UNREADABLE: Final = Refusal("53200", "out of memory")
"""PostgreSQL's words where a text is more than it can take. Our process ends only so, or killed."""


_kept: Final[OrderedDict[bytes, Reading]] = OrderedDict()


def known(sql: bytes) -> Reading | None:
    """What a text is that was read lately: drivers send the same INSERT of many rows, with
    parameters, again and again."""
    reading = _kept.get(sql)
    if reading is not None:
        _kept.move_to_end(sql)
    return reading


def _keep(sql: bytes, reading: Reading) -> None:
    if len(sql) > _KEPT_BYTES or reading.parts:
        return
    _kept[sql] = reading
    if len(_kept) > _MOST_KEPT:
        _kept.popitem(last=False)


class LongText:
    """The reading of one text, from its begin on."""

    def __init__(self, apart: Apart, sql: bytes) -> None:
        self._refusal: Refusal | None = None
        self._task = asyncio.ensure_future(_read(apart, sql))

    async def reading(self) -> Reading:
        """What the text is. One that cannot be read, or whose reading was ended, fails."""
        try:
            return await self._task
        except EOFError:
            refusal = _UNREADABLE
        except asyncio.CancelledError:
            if self._refusal is None:
                raise
            refusal = self._refusal
        return Reading(OTHER, failing(refusal).encode())

    def end(self, refusal: Refusal) -> None:
        """Read no further: the text fails with this answer."""
        self._refusal = refusal
        self._task.cancel()


async def _read(apart: Apart, sql: bytes) -> Reading:
    statement, run = OTHER, b""
    parts: list[Part] = []
    known: dict[Statement, Statement] = {}
    async with aclosing(apart.pieces(read_in_pieces, sql)) as pieces:
        async for piece in pieces:
            if isinstance(piece, Reading):
                statement, run = piece.statement, piece.run
                continue
            for part in piece:
                same = known.setdefault(part.statement, part.statement)
                parts.append(part._replace(statement=same))
    reading = Reading(statement, run or sql, tuple(parts))
    _keep(sql, reading)
    return reading

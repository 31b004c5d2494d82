"""COPY FROM STDIN inside a transaction: its data is gathered here and sent in one piece.

So the transaction holds no locks while its client takes its time, can be parked meanwhile, and the
COPY can be run once more like any other write. PostgreSQL is asked at first for a COPY of no rows,
whose answer tells the client in which format to send.
"""

import asyncio
from typing import TYPE_CHECKING, Final

from dsqlkit.local.backend.exchange import Exchange
from dsqlkit.local.dialect.refusal import Refusal
from dsqlkit.local.statements.steps import End, Step
from dsqlkit.local.wire.messages import SYNC, Backend, Frontend, message

if TYPE_CHECKING:
    from dsqlkit.local.session.session import Session

TOO_LARGE: Final = Refusal("54000", "transaction size limit 10mb exceeded")
"""What a transaction of such a size gets on a real cluster, if not before its COMMIT."""

_MAX_BYTES: Final = 64 * 1024 * 1024
"""Kept of one COPY. Text takes more room than the rows that come of it, so it may exceed 10 MiB."""

ENDS: Final = frozenset((Frontend.COPY_DONE, Frontend.COPY_FAIL))
"""The kinds of frames that end the client's data."""

_COPY_DONE: Final = message(Frontend.COPY_DONE, b"")
_EMPTY_BINARY: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\xff\xff"


class CopyIn:
    """What a client sends of one COPY, until it ends it."""

    def __init__(self, step: Step) -> None:
        text = step.again if step.is_query else _text(step.parse)
        # In the extended protocol the client ends with a Sync of its own.
        self._step = step._replace(
            data=text, again=text, parse=b"", end=step.end if step.is_query else End.PART
        )
        self.is_part = step.end is End.PART
        self._pieces: list[bytes] = []
        self._size = 0

    @property
    def is_too_large(self) -> bool:
        return self._size > _MAX_BYTES

    def take(self, kind: int, frame: bytes) -> Step | None:
        """Take more of the data; at its end, give the step that runs the COPY."""
        self._size += len(frame)
        if self.is_too_large:
            self._pieces.clear()
        elif kind == Frontend.COPY_FAIL:
            self._pieces = [frame]
        else:
            self._pieces.append(frame)
        if kind not in ENDS:
            return None
        copied = b"".join(self._pieces)
        return self._step._replace(data=self._step.data + copied, copied=copied)


async def begin(session: "Session", step: Step) -> None:
    """Have the client send its data, unless PostgreSQL refuses the COPY."""
    answered = asyncio.get_running_loop().create_future()

    def no_rows(start: bytes) -> None:
        is_binary = start[5] == 1
        data = message(Frontend.COPY_DATA, _EMPTY_BINARY) if is_binary else b""
        session.backend.write(data + _COPY_DONE + (b"" if step.is_query else SYNC))

    exchange = Exchange(
        forward=False,
        hide_ready=step.hides_ready,
        is_query=True,
        before=step.before,
        on_done=answered.set_result,
        on_copy=no_rows,
    )
    # A Sync is for the case of an error; in COPY it is ignored.
    needs_sync = not step.is_query and step.end is not End.SYNC
    session.conversation.send(step.data + (SYNC if needs_sync else b""), exchange)
    await answered
    kinds = [kind for kind, _ in exchange.pieces]
    if exchange.error is not None or Backend.COPY_IN_RESPONSE not in kinds:
        session.finish(step, exchange)
        return
    shown = exchange.pieces[: kinds.index(Backend.COPY_IN_RESPONSE) + 1]
    session.client.write(b"".join(piece for _, piece in shown))
    session.pipeline.gather(CopyIn(step))


def _text(parse: bytes) -> bytes:
    """A Query with the text of a Parse frame."""
    start = parse.find(b"\0", 5) + 1
    return message(Frontend.QUERY, parse[start : parse.find(b"\0", start) + 1])

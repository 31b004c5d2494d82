"""COPY FROM STDIN inside a transaction: its data is gathered here and sent in one piece.

So the transaction holds no locks while its client takes its time, can be parked meanwhile, and the
COPY can be run once more like any other write. PostgreSQL is asked at first for a COPY of no rows,
whose answer tells the client in which format to send.

So a row that is wrong is told at the end of the data, where PostgreSQL tells of it at once. To know
it before, PostgreSQL would have to take the rows as they come, and hold them while the client takes
its time: whoever wants one of their keys would wait for that, or the COPY lose to one that may roll
back. Who sends more than a COPY may have is told at once (copied.py).
"""

import asyncio
from typing import Final

from dsqlkit.local.backend.exchange import IDLE, Exchange, Request
from dsqlkit.local.session.copied import Copied
from dsqlkit.local.session.failing import fail_unbegun
from dsqlkit.local.session.parts import Parts
from dsqlkit.local.statements.steps import End, Step
from dsqlkit.local.wire.messages import SYNC, Backend, Frontend, message

_COPY_DONE: Final = message(Frontend.COPY_DONE, b"")
_EMPTY_BINARY: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\xff\xff"


async def begin(parts: Parts, step: Step) -> None:
    """Have the client send its data, unless PostgreSQL refuses the COPY."""
    answered = asyncio.get_running_loop().create_future()

    def no_rows(start: bytes) -> None:
        is_binary = start[5] == 1
        data = message(Frontend.COPY_DATA, _EMPTY_BINARY) if is_binary else b""
        parts.backend.write(data + _COPY_DONE + (b"" if step.is_query else SYNC))

    request = Request(
        hide_ready=step.hides_ready, is_query=True, before=step.before, on_copy=no_rows
    )
    exchange = Exchange(request, answered.set_result)
    # A Sync is for the case of an error; in COPY it is ignored.
    needs_sync = not step.is_query and step.end is not End.SYNC
    parts.conversation.send(step.data + (SYNC if needs_sync else b""), exchange)
    await answered
    if exchange.fell_short and exchange.verdict.status == IDLE and parts.transaction is not None:
        await fail_unbegun(parts, parts.transaction, step)
        return
    kinds = [kind for kind, _ in exchange.pieces]
    if exchange.verdict.error is not None or Backend.COPY_IN_RESPONSE not in kinds:
        parts.finish(step, exchange)
        return
    shown = exchange.pieces[: kinds.index(Backend.COPY_IN_RESPONSE) + 1]
    parts.client.write(b"".join(piece for _, piece in shown))
    parts.pipeline.gather(Copied(step))

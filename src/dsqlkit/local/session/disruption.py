"""What a session does at a COMMIT while faults are switched on: wait, fail, or break.

A COMMIT here is that of a transaction that wrote or locked rows, and the end of writes in
autocommit. A COPY in a Query of its own is spared.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

from dsqlkit.local.backend.exchange import Exchange
from dsqlkit.local.dialect.refusal import CONFLICT_ON_PURPOSE
from dsqlkit.local.faults import ActiveFaults, Fate
from dsqlkit.local.occ.open_transaction import OpenTransaction
from dsqlkit.local.session.parts import Parts
from dsqlkit.local.statements.statement import Kind, Statement
from dsqlkit.local.statements.steps import End, Step
from dsqlkit.local.wire.messages import (
    MAX_BACKEND_FRAME,
    STATEMENT,
    SYNC,
    Backend,
    FrameCutter,
    Frontend,
    message,
)

_NAME: Final = b"dsqlkit_lose\0"
_LOST: Final = f"SELECT dsqlkit.lose('{CONFLICT_ON_PURPOSE}')"
# Without a Sync, and with a name of its own: it joins the client's implicit transaction and leaves
# the client's unnamed statement alone.
_LOSE: Final = (
    message(Frontend.PARSE, _NAME + _LOST.encode() + bytes(3))
    + message(Frontend.BIND, _NAME + _NAME + bytes(6))
    + message(Frontend.EXECUTE, _NAME + bytes(4))
    + message(Frontend.CLOSE, STATEMENT + _NAME)
)
_LOSE_ANSWER: Final = (
    message(Backend.PARSE_COMPLETE, b"")
    + message(Backend.BIND_COMPLETE, b"")
    + message(Backend.DATA_ROW, b"\0\1\xff\xff\xff\xff")
    + message(Backend.COMMAND_COMPLETE, b"SELECT 1\0")
    + message(Backend.CLOSE_COMPLETE, b"")
)
_PLAIN: Final = {Kind.READ, Kind.LOCK, Kind.WRITE}


def can_hit(statements: Iterable[Statement]) -> bool:
    """Whether these statements, run in autocommit, end with a COMMIT that a fault may hit."""
    kinds = {statement.kind for statement in statements}
    return Kind.WRITE in kinds and kinds <= _PLAIN


async def commit(parts: Parts, step: Step, transaction: OpenTransaction) -> None:
    """COMMIT an explicit transaction, as far as fate lets it."""
    fate = await next_fate(parts.faults)
    if fate is Fate.CUT_BEFORE:
        parts.cut()
        return
    if fate is Fate.CONFLICT:
        transaction.lose(CONFLICT_ON_PURPOSE)
    await parts.recovery.prepare_commit(transaction, step.bind)
    if fate is Fate.CUT_AFTER:
        ends_itself = step.is_query or step.end is End.SYNC
        parts.cut(await parts.conversation.run(step.data + (b"" if ends_itself else SYNC)))
    else:
        parts.send_step(step, step.data, forward=True)


async def autocommit(parts: Parts, step: Step, exchange: Exchange) -> None:
    """Send the last step of writes in autocommit; `exchange` is under way for them."""
    fate = await next_fate(parts.faults)
    if fate is Fate.CUT_BEFORE:
        parts.cut()
        return
    note = exchange.on_done

    def done(exchange: Exchange) -> None:
        if note is not None:
            note(exchange)
        if fate is Fate.CUT_AFTER:
            parts.cut()
            return
        if fate is Fate.CONFLICT:
            parts.client.write(_as_if_failed(exchange.held()))
        parts.pipeline.release()

    exchange.forwards = fate is Fate.COMMIT
    exchange.on_done = done
    parts.backend.write(_certain_to_lose(step) if fate is Fate.CONFLICT else step.data)


async def next_fate(faults: ActiveFaults) -> Fate:
    """What becomes of the next COMMIT, after the wait that is switched on for it."""
    fate = faults.next_commit()
    await asyncio.sleep(faults.commit_s)
    return fate


def _certain_to_lose(step: Step) -> bytes:
    if step.is_query:
        return _LOSE + step.data
    return step.data.removesuffix(SYNC) + _LOSE + SYNC


def _as_if_failed(answer: bytes) -> bytes:
    """The answer to writes that lost, without our part, and with no success before the error."""
    own, _, rest = answer.partition(_LOSE_ANSWER)
    cutter = FrameCutter({Backend.COMMAND_COMPLETE}, limit=MAX_BACKEND_FRAME)
    pieces = list(cutter.feed(own))
    if pieces and pieces[-1][0] == Backend.COMMAND_COMPLETE:
        # Many drivers do not expect an error that comes after a success, at the Sync.
        pieces.pop()
    return b"".join(piece for _, piece in pieces) + rest

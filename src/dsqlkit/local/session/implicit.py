"""The implicit transaction of a text that has statements beside its BEGIN ... COMMIT, and of a
pipeline with an EXPLAIN among others.

PostgreSQL runs them in one transaction up to the next COMMIT, or the end of the text, or the Sync.
As they are sent one by one, a BEGIN and a COMMIT that the client does not see make it so.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from dsqlkit.local.backend.exchange import (
    IN_TRANSACTION,
    READY_FAILED,
    READY_IDLE,
    READY_IN_TRANSACTION,
    Exchange,
)
from dsqlkit.local.backend.savepoint import BEGIN, BEGIN_COMPLETE, BEGIN_TAG
from dsqlkit.local.dialect.limits import too_old
from dsqlkit.local.dialect.refusal import CONFLICT_ON_PURPOSE
from dsqlkit.local.faults import Fate
from dsqlkit.local.occ.open_transaction import OpenTransaction
from dsqlkit.local.session.disruption import next_fate
from dsqlkit.local.session.limited_write import FAIL
from dsqlkit.local.session.parts import Parts
from dsqlkit.local.session.unsynced import Unsynced
from dsqlkit.local.statements.steps import TEXT_END, End, Step
from dsqlkit.local.wire.messages import FLUSH, SYNC, Backend, Frontend, message

# Not as a Query, which would drop what the client has bound in an earlier message.
_BEGIN: Final = BEGIN + SYNC
_COMMIT: Final = message(Frontend.QUERY, b"COMMIT\0")
_ROLLBACK: Final = message(Frontend.QUERY, b"ROLLBACK\0")


async def begin(parts: Parts, step: Step) -> None:
    """Begin the transaction for a step, which comes next."""
    (await parts.conversation.run(_BEGIN)).rows()
    parts.begin().implicit = True
    parts.pipeline.put_first(step)


async def take_over(
    parts: Parts,
    step: Step | None,
    exchange: Exchange,
    unsynced: Unsynced,
    note: Callable[[Exchange], None],
) -> None:
    """Have the transaction of what came since the last Sync, or since a COMMIT or ROLLBACK after
    it, go on for a step, which comes next; for none yet, where its client takes its time.

    `exchange` is under way for it, and `note` is told how that ended.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Exchange] = loop.create_future()
    exchange.on_done = ended.set_result
    exchange.request = exchange.request._replace(hide_ready=True)
    begins = not unsynced.in_block
    is_too_much = False
    if begins:
        # In a pipeline what came before a BEGIN is in its transaction.
        known: asyncio.Future[bool] = loop.create_future()
        exchange.counts = True
        exchange.tell_after(len(unsynced.statements), known)
        parts.backend.write(FLUSH)
        is_too_much = await known
        begins = not is_too_much and exchange.verdict.error is None
    if begins:
        exchange.forwards = False
    frames = BEGIN if begins else FAIL if is_too_much else b""
    parts.backend.write(frames + SYNC)
    done = await ended
    verdict = done.verdict
    if begins:
        parts.client.write(done.held().removesuffix(BEGIN_COMPLETE))
    if begins and verdict.status == IN_TRANSACTION:
        if unsynced.ends:
            parts.committed_alone(unsynced.committed(len(unsynced.statements)), verdict.skipped)
        transaction = parts.begin()
        transaction.implicit = True
        transaction.keep(unsynced.uncommitted, verdict.changed, verdict.skipped)
    else:
        note(done)
    has_failed = verdict.error is not None or is_too_much
    if step is None or (has_failed and step.is_query):
        parts.pipeline.skipping = has_failed
    elif has_failed:
        parts.tell(step, b"" if step.hides_ready else READY_IDLE, failed=True)
    else:
        parts.pipeline.put_first(step)


def split(parts: Parts, step: Step) -> None:
    """Have the end of a pipeline come by itself, after its last step."""
    if step.is_query:
        parts.pipeline.put_first(TEXT_END)
        parts.pipeline.put_first(step._replace(end=End.PART))
    else:
        parts.pipeline.put_first(Step(SYNC, End.SYNC, None))
        parts.pipeline.put_first(step._replace(data=step.data.removesuffix(SYNC), end=End.NEXT))


async def make_explicit(parts: Parts, step: Step, transaction: OpenTransaction) -> None:
    """The client's BEGIN: what the text did before is part of the transaction."""
    transaction.implicit = False
    if step.is_query:
        parts.client.write(BEGIN_TAG)
        return
    # To PostgreSQL it is the second, of which it warns.
    done = await parts.conversation.run(step.data + SYNC)
    pieces = (piece for kind, piece in done.pieces if kind != Backend.NOTICE_RESPONSE)
    answer = b"".join(pieces).removesuffix(READY_IN_TRANSACTION)
    failed = done.verdict.error is not None
    if failed:
        transaction.fail()
    parts.tell(step, answer.removesuffix(READY_FAILED), failed=failed)


async def end(parts: Parts, transaction: OpenTransaction) -> None:
    """Commit it at the end of the text or the pipeline, as far as fate lets it, or roll it back
    after an error, or when it is too old."""
    if transaction.has_failed:
        ended = await parts.conversation.run(_ROLLBACK)
        parts.keep_up(ended.verdict)
        parts.client.write(READY_IDLE)
        return
    refusal = too_old(transaction.age_s, parts.faults.transaction_age_s)
    if refusal is not None:
        ended = await parts.conversation.run(_ROLLBACK)
        parts.keep_up(ended.verdict)
        parts.client.write(refusal.as_error() + READY_IDLE)
        return
    is_hit = parts.faults.on_commit and transaction.touched.claimed
    fate = await next_fate(parts.faults) if is_hit else Fate.COMMIT
    if fate is Fate.CUT_BEFORE:
        parts.cut()
        return
    if fate is Fate.CONFLICT:
        transaction.lose(CONFLICT_ON_PURPOSE)
    await parts.recovery.prepare_commit(transaction)
    ended = await parts.conversation.run(_COMMIT)
    if fate is Fate.CUT_AFTER:
        parts.cut(ended)
        return
    parts.keep_up(ended.verdict)
    parts.client.write(READY_IDLE if ended.verdict.error is None else ended.held())

"""An EXPLAIN by itself: in a hidden transaction, so that what it read and wrote can be measured."""

import asyncio
from typing import Final

from dsqlkit.local.backend.exchange import HELD, READY_IDLE, Exchange, Request
from dsqlkit.local.backend.question import question, unfinished
from dsqlkit.local.dialect.limits import TOO_MANY_ROWS
from dsqlkit.local.dialect.refusal import MADE_CONFLICT
from dsqlkit.local.faults import Fate
from dsqlkit.local.session.counting import WRITTEN, counts_apart, written_since
from dsqlkit.local.session.cpu_clock import CpuClock
from dsqlkit.local.session.disruption import next_fate
from dsqlkit.local.session.explaining import Ran
from dsqlkit.local.session.parts import Parts
from dsqlkit.local.session.plan_answers import STATE
from dsqlkit.local.statements.explained import Explained
from dsqlkit.local.statements.statement import Statement
from dsqlkit.local.statements.steps import Step
from dsqlkit.quotas import MAX_ROWS

_BEGIN: Final = question("BEGIN")
_BEGIN_AND_STATE: Final = unfinished("BEGIN") + question(STATE)
_COMMIT: Final = question("COMMIT")
_ROLLBACK: Final = question("ROLLBACK")


async def explain_alone(
    parts: Parts,
    step: Step,
    statement: Statement,
    explained: Explained,
) -> None:
    """Run an EXPLAIN that is all there is up to a Sync, and commit it."""
    conversation = parts.conversation
    answered = asyncio.get_running_loop().create_future()
    request = Request(hide_ready=True, is_query=step.is_query, before=step.before)
    begin, before = _BEGIN, Exchange(HELD)
    counts = counts_apart(parts, statement)
    keeps = explained.analyze and not counts and not statement.can_conflict
    tells = keeps and parts.plans.answers.may_know
    if counts:
        (await conversation.run(_BEGIN)).rows()
        before = await conversation.run(WRITTEN)
        begin = b""
    else:
        begin = _BEGIN_AND_STATE if tells else _BEGIN
        conversation.expect(before)
    conversation.expect(Exchange(request, answered.set_result))
    clock = CpuClock(conversation.pid) if explained.wants_dpu else None
    conversation.backend.write(begin + step.data)
    done: Exchange = await answered
    taken = None if clock is None else clock.stop()
    if done.verdict.error is not None:
        await conversation.run(_ROLLBACK)
        # A cancellation may have met the question before it.
        answer = done.held() if before.verdict.error is None else before.errors()
        parts.tell(step, answer + READY_IDLE, failed=True)
        return
    if counts and await written_since(conversation, before) > MAX_ROWS:
        await conversation.run(_ROLLBACK)
        parts.tell(step, TOO_MANY_ROWS.as_error() + READY_IDLE, failed=True)
        return
    state = before.answers()[1][0][0] if tells else None
    ran = Ran(explained, done, taken, state=state, keeps=keeps)
    if not statement.can_conflict:
        # What only read cannot fail; the client need not wait for it, only its next step.
        last = _COMMIT, Exchange(HELD, lambda _: parts.pipeline.release())
        answer = await parts.plans.printed(ran, last)
        parts.tell(step, answer + READY_IDLE, failed=False)
        return
    await _commit(parts, step, statement, await parts.plans.printed(ran))


async def _commit(parts: Parts, step: Step, statement: Statement, answer: bytes) -> None:
    """Commit what an EXPLAIN has written, as far as fate lets it, and give its answer."""
    conversation, fate = parts.conversation, Fate.COMMIT
    if statement.writes_explained and parts.faults.on_commit:
        fate = await next_fate(parts.faults)
    if fate is Fate.CUT_BEFORE:
        parts.cut()
        return
    if fate is Fate.CONFLICT:
        await conversation.run(_ROLLBACK)
        parts.tell(step, MADE_CONFLICT.as_error() + READY_IDLE, failed=True)
        return
    committed = await conversation.run(_COMMIT)
    if committed.verdict.error is None:
        parts.committed_alone([statement])
    else:
        answer = committed.errors()
    if fate is Fate.CUT_AFTER:
        parts.cut()
        return
    parts.tell(step, answer + READY_IDLE, failed=committed.verdict.error is not None)

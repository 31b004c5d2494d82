"""What the turns of a session are carried out with: its two links, and what passes between them.

Each part does one thing, and whoever carries out a turn is handed all of them here. None of them
knows the session itself.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from functools import lru_cache, partial
from typing import Any

from dsqlkit.local.apart import Apart
from dsqlkit.local.backend.answers import AnswerRewriter
from dsqlkit.local.backend.conversation import Conversation
from dsqlkit.local.backend.exchange import FAILED, IDLE, Exchange, Request, Verdict
from dsqlkit.local.backend.savepoint import GUARD_COMPLETE, guarded
from dsqlkit.local.dialect.carried import refused
from dsqlkit.local.dialect.refusal import SCHEMA_CHANGED, SCHEMA_CONFLICT
from dsqlkit.local.faults import ActiveFaults
from dsqlkit.local.occ.adjudicator import Adjudicator
from dsqlkit.local.occ.contender import Contender
from dsqlkit.local.occ.open_transaction import OpenTransaction
from dsqlkit.local.occ.recovery import Recovery
from dsqlkit.local.occ.schema_changes import Knowledge
from dsqlkit.local.session.cpu_clock import CpuClock
from dsqlkit.local.session.distance import Distance
from dsqlkit.local.session.explaining import Plans, Ran
from dsqlkit.local.session.pipeline import Pipeline
from dsqlkit.local.session.under_way import UnderWay
from dsqlkit.local.session.work import Work
from dsqlkit.local.statements.explained import Explained
from dsqlkit.local.statements.statement import Statement
from dsqlkit.local.statements.steps import Step
from dsqlkit.local.wire.link import Link
from dsqlkit.local.wire.messages import SYNC, TERMINATE

_log = logging.getLogger(__name__)


@lru_cache(maxsize=256)
def _request(
    forward: bool,
    hide: bool,
    goes_on: bool,
    is_query: bool,
    guard: bool,
    copies: bool,
    before: int,
) -> Request:
    """What is wanted of a step's exchange; there are few that differ."""
    return Request(
        forward=forward,
        bounded=not copies,
        hide_ready=hide,
        goes_on=goes_on,
        is_query=is_query,
        guarded=guard,
        copies=copies,
        before=before,
    )


class Parts:
    """The parts of one session, and the few things that every turn does with them.

    `traces`: the log is to have a line a turn. `contender` is the session as the adjudicator knows
    it, `knowledge` what it knows of the catalog. `apart` does what takes long. `under_way` says
    what may be done with the step that was sent last; `clock` runs while that is an EXPLAIN whose
    DPU are to be told. `handle` is called with each step whose turn has come; `close` ends the
    session. `work` is what takes several exchanges.
    """

    def __init__(
        self,
        contender: Contender,
        adjudicator: Adjudicator,
        faults: ActiveFaults,
        apart: Apart,
        *,
        on_job: Callable[[], None],
        handle: Callable[[Step], None],
        close: Callable[[], None],
    ) -> None:
        self.contender = contender
        self.adjudicator = adjudicator
        self.faults = faults
        self.close = close
        self.knowledge = Knowledge(adjudicator.schema_changes)
        self.transaction: OpenTransaction | None = None
        self.on_answered: Callable[[Step, Exchange], None] = self.finish
        self.clock: CpuClock | None = None
        self.under_way = UnderWay()
        self._stopping: asyncio.Future[None] | None = None
        self.traces = _log.isEnabledFor(logging.DEBUG)
        distance = Distance(faults)
        self.client = distance.link = Link(
            distance.receive, close, watched=True, farewell=TERMINATE
        )
        self.conversation = Conversation(
            self.client,
            AnswerRewriter(
                on_job, adjudicator.changed_schema, self._dropped, adjudicator.overlays.names
            ),
            on_signed_in=self._signed_in,
            on_busy=partial(adjudicator.watch.busy, contender),
            on_rest=partial(adjudicator.watch.at_rest, contender),
            on_copy=self._copy_wanted,
            lost=close,
        )
        self.pipeline = Pipeline(self.client, self.conversation, apart, handle=handle, broken=close)
        distance.deliver = self.pipeline.intake.receive
        self.pipeline.held_up = True  # until its client is signed in
        self.work = Work(self.conversation, self.pipeline, close)
        self.backend = self.conversation.backend
        self.client.other, self.backend.other = self.backend, self.client
        self.recovery = Recovery(self.conversation, adjudicator, apart)
        self.plans = Plans(self.conversation, adjudicator)

    def _signed_in(self) -> None:
        self.pipeline.release()

    def _dropped(self, jobs: set[str]) -> None:
        """The client has dropped what these jobs build: it hears of that once they have stopped."""
        if self.adjudicator.builds.run(jobs):
            self.client.hold_back(True)
            self._stopping = asyncio.ensure_future(self.adjudicator.builds.ended(jobs))
            self._stopping.add_done_callback(lambda _: self.client.hold_back(False))

    def _copy_wanted(self) -> None:
        self.pipeline.stream_data()

    def committed_alone(self, statements: Sequence[Statement], skipped: int = 0) -> None:
        """Statements in autocommit are committed, of which so many parts had nothing to do."""
        statements = [each for each in statements if not each.changes_nothing(skipped)]
        self.knowledge.committed(statements)
        self.adjudicator.committed_alone(statements)

    def begin(self) -> OpenTransaction:
        """A transaction begins."""
        self.transaction = self.adjudicator.began(self.contender)
        return self.transaction

    @property
    def open_transaction(self) -> OpenTransaction:
        """The transaction that is open: for what is done within one alone."""
        assert self.transaction is not None
        return self.transaction

    def send_step(
        self, step: Step, data: bytes, *, forward: bool, guard: bool = False, again: bool = False
    ) -> None:
        """Send a step, or other frames in its place; hold back the answers unless `forward`.

        `guard`: a savepoint goes before it. `again`: it can be taken back and run again.
        """
        statement = step.statement
        if statement is not None and statement.explained is not None:
            forward = False
            wants_dpu = statement.explained.wants_dpu
            self.clock = CpuClock(self.conversation.pid) if wants_dpu else None
        hide = step.hides_ready
        self.pipeline.held_up = True
        self.under_way.is_step(statement, again=again, guard=guard)
        request = _request(
            forward, hide, step.goes_on, step.is_query, guard, bool(step.copied), step.before
        )
        exchange = Exchange(
            request, partial(self.on_answered, step), GUARD_COMPLETE if guard else b""
        )
        frames = guarded(data) if guard else data
        self.conversation.send(frames + SYNC if hide and not step.is_query else frames, exchange)

    def tell_outdated(self, step: Step) -> None:
        """Tell the client, in place of a step, that somebody else has changed a table of it."""
        assert step.statement is not None
        self.knowledge.learn(step.statement.tables)
        self.send_step(step, refused(step, SCHEMA_CHANGED), forward=True)

    def finish(self, step: Step, exchange: Exchange) -> None:
        """Let the client have the end of a step, and go on."""
        statement = step.statement
        if (
            statement is not None
            and statement.explained is not None
            and exchange.verdict.error is None
        ):
            self.do("printing a plan", self._print(step, statement.explained, exchange))
            return
        if not exchange.forwards or exchange.request.holds_end:
            self.give(step, exchange)
        elif exchange.verdict.error is not None and exchange.request.hide_ready:
            self.pipeline.skipping = True
        self.answered(exchange)

    async def _print(self, step: Step, explained: Explained, exchange: Exchange) -> None:
        taken_s = None if self.clock is None else self.clock.stop()
        changing = self.transaction is not None and self.transaction.touched.ddl
        ran = Ran(explained, exchange, taken_s, anew=changing)
        self.tell(step, await self.plans.printed(ran), failed=False)
        self.answered(exchange)

    def give(self, step: Step, exchange: Exchange) -> None:
        """Give the client what was held back of a step's answers."""
        self.tell(step, exchange.held(), failed=exchange.verdict.error is not None)

    def tell(self, step: Step, answers: bytes, *, failed: bool) -> None:
        """Give the client the answers to a step, which in a pipeline end it if it failed."""
        if step.goes_on and not failed:
            self.client.keep(answers)
        else:
            self.client.write(answers)
        if failed and step.hides_ready:
            self.pipeline.skipping = True

    def answered(self, exchange: Exchange) -> None:
        """All of an exchange has been answered: let the client's further steps go on."""
        self.keep_up(exchange.verdict)
        self.pipeline.release()

    def keep_up(self, verdict: Verdict) -> None:
        """Keep up with the state of the transaction."""
        transaction = self.transaction
        if transaction is None:
            return
        if verdict.status == FAILED:
            transaction.fail()
        elif verdict.status == IDLE:
            committed = verdict.tag.startswith(b"COMMIT\0", 5)
            touched = transaction.touched
            if transaction.lost == SCHEMA_CONFLICT:
                self.knowledge.learn(touched.tables)
            elif committed and touched.changed_schema:
                again = (step.statement for step in touched.steps if step.statement is not None)
                self.knowledge.committed([*touched.kept, *again])
            self.adjudicator.ended(self.contender, committed=committed)
            self.transaction = None

    def cut(self, done: Exchange | None = None) -> None:
        """Break the client's connection; `done` is the last answer, which it does not get."""
        if done is not None:
            self.keep_up(done.verdict)
        self.client.abort()
        self.close()

    def do(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Do something that takes several exchanges; the client's further steps wait."""
        if self.traces:
            _log.debug("session %d: begins %s", self.conversation.pid, name)
        self.work.begin(name, work)

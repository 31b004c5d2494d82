"""Writes of a transaction that a client sends several of at once: sent on at once.

One by one each would make a round trip to the backend, for its answer tells whether it met a
conflict. As the client has had no answer yet, all of them can be taken back where one did, to the
transaction's begin or to a savepoint before them, and go one by one.
"""

from collections.abc import Sequence
from functools import partial
from itertools import takewhile
from typing import Final, NamedTuple

from dsqlkit.local.backend.exchange import IDLE, Exchange, Request
from dsqlkit.local.backend.savepoint import (
    GUARD_COMPLETE,
    TO_GUARD,
    begun_alone,
    guarded,
    with_savepoint_between,
)
from dsqlkit.local.occ.changes import LET_GO
from dsqlkit.local.occ.open_transaction import OpenTransaction
from dsqlkit.local.session.counting import counts_apart
from dsqlkit.local.session.failing import fail_unbegun
from dsqlkit.local.session.going_first import lets_another
from dsqlkit.local.session.parts import Parts
from dsqlkit.local.statements.statement import Kind, Statement
from dsqlkit.local.statements.steps import Step
from dsqlkit.local.wire.messages import INT32, STATEMENT, SYNC, Frontend
from dsqlkit.quotas import MAX_ROWS

_MOST: Final = 100
"""How many go at once: all of them run again where one meets a conflict."""
_KINDS: Final = frozenset((Kind.LOCK, Kind.WRITE))
"""Those whose answers are held back by themselves. What only reads is answered as it comes."""
_BEGINNINGS: Final = 2
"""A BEGIN, and the savepoint behind it."""
# Looked up once: every frame is compared.
_NAMING: Final = frozenset((Frontend.PARSE, Frontend.BIND, Frontend.EXECUTE))
_CLOSE: Final = Frontend.CLOSE


class _Group(NamedTuple):
    """What is sent at once: perhaps a BEGIN, and statements. `guarded`: there is something before
    them in their transaction, and a savepoint in between."""

    begin: Step | None
    steps: Sequence[Step]
    guarded: bool

    @property
    def statements(self) -> Sequence[Statement]:
        return [step.statement for step in self.steps if step.statement is not None]


def leaves_nothing(frames: bytes) -> bool:
    """Whether frames can be sent again once what they did has been rolled back: they prepare no
    statement or portal under a name, and give up none."""
    position = 0
    while position < len(frames):
        kind = frames[position]
        first = frames[position + 5 : position + 6]
        if (kind in _NAMING and first != b"\0") or (kind == _CLOSE and first == STATEMENT):
            return False
        position += 1 + INT32.unpack_from(frames, position + 1)[0]
    return True


class Together:
    """The groups of one session, one after another."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._following = 0
        """How many of the steps that come next can go along with the one that was asked about."""

    def begins_more(self, step: Step) -> bool:
        """Whether statements that came with this BEGIN can be sent together with it."""
        return step.goes_on and leaves_nothing(step.data) and self._is_followed()

    def goes_with_more(self, step: Step, transaction: OpenTransaction) -> bool:
        """Whether others that came with this step can be sent together with it."""
        return (
            step.goes_on
            and not transaction.goes_singly
            and transaction.movable
            and self._goes_along(step)
            and self._is_followed()
        )

    def begin(self, step: Step) -> None:
        """Send a BEGIN, and what came with it."""
        steps = self._parts.pipeline.take(self._following)
        self._parts.begin()
        self._send(_Group(step, steps, guarded=False))

    def send(self, step: Step) -> None:
        """Send a step, and what came with it."""
        steps = [step, *self._parts.pipeline.take(self._following)]
        self._send(_Group(None, steps, guarded=self._parts.open_transaction.touched.statements > 0))

    def _is_followed(self) -> bool:
        self._following = 0
        for step in takewhile(self._goes_along, self._parts.pipeline.coming(_MOST)):
            self._following += 1
            if not step.goes_on:
                break  # its answer ends with a ReadyForQuery of its own
        return self._following > 0

    def _goes_along(self, step: Step) -> bool:
        statement = step.statement
        return (
            statement is not None
            and not step.is_query
            and statement.kind in _KINDS
            and statement.explained is None
            and not (step.fetches or step.bind or step.copied)
            and not self._parts.knowledge.uses(statement)
            and not counts_apart(self._parts, statement)
            and leaves_nothing(step.data)
        )

    def _send(self, group: _Group) -> None:
        parts = self._parts
        parts.pipeline.held_up = True
        if lets_another(parts, self._parts.open_transaction, partial(self._send, group)):
            return
        parts.under_way.is_group(group.steps, guard=group.guarded)
        last = group.steps[-1]
        frames = b"".join(step.data for step in group.steps)
        if group.begin is not None:
            frames = with_savepoint_between(group.begin.data, frames)
        elif group.guarded:
            frames = guarded(frames)
        request = Request(
            hide_ready=last.hides_ready,
            goes_on=last.goes_on,
            guarded=group.guarded,
            begins=group.begin is not None,
        )
        unheard = GUARD_COMPLETE if group.guarded else b""
        exchange = Exchange(request, partial(self._answered, group), unheard)
        exchange.each = []
        parts.conversation.send(frames + SYNC if last.hides_ready else frames, exchange)

    def _answered(self, group: _Group, exchange: Exchange) -> None:
        """See what they came to before the client has the end of the answer."""
        parts, transaction = self._parts, self._parts.open_transaction
        parts.under_way.together = ()
        if exchange.fell_short and exchange.verdict.status == IDLE:
            work = fail_unbegun(parts, transaction, group.steps[-1])
            parts.do("failing a transaction that has not begun", work)
            return
        assert exchange.each is not None
        changed = exchange.each[_BEGINNINGS if group.begin is not None else 0 :]
        if not exchange.begun and self._has_to_go_singly(group, exchange, transaction):
            parts.do("sending statements one by one", self._go_singly(group, exchange))
            return
        for step, statement, rows in zip(group.steps, group.statements, changed, strict=False):
            transaction.note(step, statement, rows)
        parts.finish(group.steps[-1], exchange)

    def _has_to_go_singly(
        self, group: _Group, exchange: Exchange, transaction: OpenTransaction
    ) -> bool:
        verdict, recovery = exchange.verdict, self._parts.recovery
        if verdict.error is None:
            return transaction.touched.rows + verdict.changed > MAX_ROWS or any(
                recovery.may_have_twins(statement, transaction)
                or recovery.passes_on(statement, transaction) is not False
                for statement in group.statements
            )
        assert exchange.each is not None
        number = len(exchange.each)
        if group.begin is not None:
            if number < _BEGINNINGS:
                return number > 0 and verdict.given_way
            number -= _BEGINNINGS
        return number < len(group.statements) and recovery.is_conflict(
            group.statements[number], verdict, transaction
        )

    async def _go_singly(self, group: _Group, exchange: Exchange) -> None:
        parts, transaction = self._parts, self._parts.open_transaction
        if parts.recovery.may_begin_again(transaction, exchange.verdict):
            await parts.adjudicator.luck.let_pass(parts.contender)
            parts.transaction = transaction = parts.adjudicator.began_again(parts.contender)
            await parts.recovery.begin_again(group.steps[0])
        else:
            await parts.conversation.ask(TO_GUARD if group.guarded else LET_GO)
        transaction.goes_singly = True
        if group.begin is not None:
            parts.client.keep(begun_alone(exchange.held()))
        for step in reversed(group.steps):
            parts.pipeline.put_first(step)

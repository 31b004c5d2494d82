"""Outside an explicit transaction: what comes up to a Sync, or in one Query, commits by itself.

Its frames are forwarded as they come, and so are the answers. Exceptions are what has to be
refused, what may change too many rows, and a COMMIT that a fault on demand may hit.
"""

from typing import TYPE_CHECKING

from dsqlkit.local.backend.exchange import FAILED, IDLE, Exchange
from dsqlkit.local.dialect.limits import refusal_outside
from dsqlkit.local.dialect.rewriting import refused
from dsqlkit.local.session import implicit
from dsqlkit.local.session.disruption import can_hit
from dsqlkit.local.session.limited_write import run_limited
from dsqlkit.local.statements.statement import Kind, Statement
from dsqlkit.local.statements.steps import End, Step

if TYPE_CHECKING:
    from dsqlkit.local.session.session import Session


class Autocommit:
    """That of one session. `unsynced` are the statements since the last Sync, None after one."""

    def __init__(self, session: "Session") -> None:
        self.unsynced: list[Statement] | None = None
        self._session = session
        self._exchange = Exchange(forward=True)

    def handle(self, step: Step) -> None:
        """Handle a step that begins no explicit transaction."""
        session, statement = self._session, step.statement
        if statement is not None and step.end is End.PART:
            if statement.kind in (Kind.COMMIT, Kind.ROLLBACK):
                session.send_step(step, step.data, forward=True)
            else:
                session.do(implicit.begin(session, step))
            return
        ends = step.end in (End.SYNC, End.QUERY)
        if self.unsynced is None:
            if statement is None and step.end is End.FLUSH:
                # Preparing and describing: what it gets in answer ends with no ReadyForQuery.
                session.backend.write(step.data)
                return
            if statement is not None and ends:
                refusal = refusal_outside(statement.parts)
                if refusal is not None:
                    session.send_step(step, refused(step, refusal), forward=True)
                    return
                if statement.may_change_too_much and not session.faults.on_commit:
                    session.do(run_limited(session, step, statement))
                    return
            statements: list[Statement] = []
            self.unsynced = statements
            self._exchange = Exchange(
                forward=True,
                is_query=step.is_query,
                on_done=lambda done: self._done(done, statements),
            )
            session.conversation.expect(self._exchange)
        if statement is not None:
            self.unsynced.append(statement)
        if ends:
            ended, self.unsynced = self.unsynced, None
            if session.faults.on_commit and can_hit(ended):
                session.do(session.disruption.autocommit(step, self._exchange))
                return
        session.backend.write(step.data)

    def _done(self, exchange: Exchange, statements: list[Statement]) -> None:
        session = self._session
        if exchange.status != IDLE:
            # A text with BEGIN among others: what came before the savepoint cannot be parked.
            session.transaction = session.adjudicator.began(session)
            session.transaction.movable = False
            session.transaction.failed = exchange.status == FAILED
        elif exchange.error is None:
            session.adjudicator.committed_alone(statements)

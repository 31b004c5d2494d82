"""Inside a transaction block: from its BEGIN to its COMMIT or ROLLBACK.

Statements go one at a time: so each can be held back until it is known whether it met a conflict,
and between two of them the transaction can be parked (see adjudicator.py).
"""

from typing import TYPE_CHECKING

from dsqlkit.local.backend.exchange import IN_TRANSACTION, Exchange
from dsqlkit.local.backend.savepoint import (
    BEGIN,
    BEGIN_COMPLETE,
    BEGUN,
    with_savepoint,
    without_savepoint,
)
from dsqlkit.local.dialect.limits import TOO_MANY_ROWS, refusal_inside
from dsqlkit.local.dialect.refusal import SCHEMA_CHANGED
from dsqlkit.local.dialect.rewriting import refused
from dsqlkit.local.occ.open_transaction import OpenTransaction
from dsqlkit.local.session import copy_in, implicit
from dsqlkit.local.statements.statement import Kind, Statement
from dsqlkit.local.statements.steps import End, Step
from dsqlkit.local.wire.messages import SYNC
from dsqlkit.quotas import MAX_ROWS

if TYPE_CHECKING:
    from dsqlkit.local.session.session import Session


class TransactionBlock:
    """The transaction blocks of one session, one after another."""

    def __init__(self, session: "Session") -> None:
        self._session = session

    def begin(self, step: Step, statement: Statement) -> None:
        """Begin one at the client's BEGIN."""
        session = self._session
        if statement.plain and step.end is End.QUERY and not session.conversation.under_way:
            # It is answered here and travels with the statement that comes next: the snapshot is of
            # that moment anyway.
            session.transaction = session.adjudicator.began(session)
            session.conversation.send_ahead(BEGIN, BEGIN_COMPLETE)
            session.client.write(BEGUN)
            return
        session.pipeline.held_up = True
        begin = Exchange(forward=False, hide_ready=step.hides_ready, on_done=self._begun)
        session.conversation.send(with_savepoint(step), begin)

    def handle(self, step: Step, transaction: OpenTransaction) -> None:
        """Handle a step inside of it."""
        session, statement = self._session, step.statement
        if transaction.implicit and step.data == SYNC:
            session.do(implicit.end(session))
        elif transaction.implicit and statement is not None and statement.kind is Kind.BEGIN:
            implicit.make_explicit(session)
        elif (
            statement is None
            or transaction.failed
            or statement.kind in (Kind.ROLLBACK, Kind.BEGIN, Kind.MIXED)
        ):
            session.send_step(step, step.data, forward=True)
        elif old := session.overdue(0.0):
            refuse = (
                session.recovery.refuse_commit
                if statement.kind is Kind.COMMIT
                else session.recovery.refuse
            )
            session.do(refuse(step, old))
        elif statement.kind is Kind.COMMIT:
            if session.faults.on_commit and transaction.claimed:
                session.do(session.disruption.commit(step, transaction))
            elif transaction.needs_care or session.adjudicator.history.shared_since(transaction):
                session.do(session.recovery.commit(step, transaction))
            else:
                session.send_step(step, step.data, forward=True)
        else:
            self._run(step, statement, transaction)

    def answered(self, step: Step, exchange: Exchange) -> None:
        """See what a step came to before its client has the end of the answer."""
        session = self._session
        statement, transaction = step.statement, session.transaction
        # At private copies of tables there is nobody to conflict with.
        held = not exchange.forward and transaction is not None and not transaction.shadowed
        if transaction is not None and statement is not None:
            if exchange.error is None:
                if held and session.recovery.may_have_twins(statement, transaction):
                    session.do(session.recovery.check_keys(step, statement, transaction, exchange))
                    return
                transaction.note(step, statement)
                transaction.rows += exchange.changed
                if held and transaction.rows > MAX_ROWS:
                    session.do(session.recovery.refuse(step, TOO_MANY_ROWS))
                    return
                if step.fetches or statement.kind is Kind.CURSOR:
                    session.do(session.recovery.keep_cursors(step, transaction, exchange))
                    return
            elif held and session.recovery.is_conflict(statement, exchange, transaction):
                session.do(session.recovery.lose(step, statement, transaction, exchange))
                return
        elif transaction is not None and step.fetches and exchange.error is None:
            session.do(session.recovery.keep_cursors(step, transaction, exchange))
            return
        session.finish(step, exchange)

    def _begun(self, exchange: Exchange) -> None:
        session = self._session
        if exchange.status == IN_TRANSACTION:
            session.transaction = session.adjudicator.began(session)
        session.client.write(without_savepoint(exchange.held()))
        session.pipeline.skipping = exchange.error is not None and exchange.hide_ready
        session.pipeline.release()

    def _run(self, step: Step, statement: Statement, transaction: OpenTransaction) -> None:
        session = self._session
        if transaction.abandoned:
            session.send_step(step, refused(step, SCHEMA_CHANGED), forward=True)
        elif refusal := refusal_inside(transaction.ddl, transaction.dml, statement.parts):
            session.send_step(step, refused(step, refusal), forward=True)
        elif statement.kind is Kind.COPY_IN and not step.copied:
            session.do(copy_in.begin(session, step))
        elif transaction.parked or transaction.shadowed:
            session.do(session.recovery.resume(step, statement, transaction))
        elif statement.can_conflict:
            session.send_write(step, transaction)
        else:
            session.send_step(step, step.data, forward=True)

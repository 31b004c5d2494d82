"""A session as the adjudicator sees it: what may be done with what it has under way."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from dsqlkit.local.dialect.limits import too_old
from dsqlkit.local.dialect.refusal import Refusal
from dsqlkit.local.occ.open_transaction import OpenTransaction, Phase
from dsqlkit.local.session.parts import Parts

PARKING: Final = "parking a transaction"
"""The name of that work."""


class ContendingSession:
    """What `occ.contender.Contender` asks for, answered from the `parts` of the session, which are
    made with it and given to it then.
    """

    parts: Parts

    @property
    def transaction(self) -> OpenTransaction | None:
        return self.parts.transaction

    @property
    def pid(self) -> int:
        return self.parts.conversation.pid

    @property
    def can_be_parked(self) -> bool:
        transaction = self.parts.transaction
        return transaction is not None and self.is_idle and transaction.can_be_parked

    @property
    def is_idle(self) -> bool:
        return not (self.parts.conversation.under_way or self.parts.work.is_under_way)

    @property
    def can_start_over(self) -> bool:
        return self.parts.recovery.parking.is_restoring or self.parts.under_way.can_start_over

    @property
    def can_step_aside(self) -> bool:
        parts, transaction = self.parts, self.parts.transaction
        return (
            transaction is not None
            and transaction.phase is Phase.OPEN
            and transaction.movable
            and not parts.work.is_under_way
            and parts.under_way.can_step_aside
            and parts.conversation.can_take_back
        )

    async def can_be_taken_back(self) -> bool:
        parts, transaction = self.parts, self.parts.transaction
        if transaction is None:
            return False
        if parts.under_way.is_guarded or not transaction.touched.claimed:
            return True
        return await parts.recovery.can_repeat(transaction)

    @property
    def is_committing(self) -> bool:
        return self.parts.recovery.parking.is_restoring

    @property
    def can_be_refused(self) -> bool:
        parts = self.parts
        return (
            parts.transaction is None
            and not parts.work.is_under_way
            and parts.conversation.can_take_back
        )

    @property
    def awaits_data(self) -> bool:
        return self.parts.transaction is None and self.parts.conversation.takes_data

    def fail_copy(self, refusal: Refusal) -> None:
        self.parts.conversation.fail_copy(refusal)

    @property
    def wants_rows(self) -> bool:
        return self.parts.recovery.parking.is_restoring or self.parts.under_way.wants_rows

    @property
    def makes_rivals(self) -> bool:
        return self.parts.recovery.parking.is_restoring or self.parts.under_way.makes_rivals

    async def park(self) -> None:
        parts, transaction = self.parts, self.parts.transaction
        if transaction is not None and self.can_be_parked:
            parts.do(PARKING, parts.recovery.parking.park(transaction))
            await parts.work.ended()

    def overdue(self, busy_s: float) -> Refusal | None:
        transaction = self.parts.transaction
        age_s = busy_s if transaction is None else transaction.age_s
        return too_old(age_s, self.parts.faults.transaction_age_s)

    @property
    def may_sleep_on(self) -> bool:
        transaction, faults = self.parts.transaction, self.parts.faults
        return transaction is not None and transaction.age_s < faults.connection_age_s

    @contextmanager
    def being_cancelled(self, refusal: Refusal | None) -> Generator[None, None, None]:
        takes_back = self.can_step_aside
        with self.parts.conversation.being_cancelled(refusal, takes_back=takes_back):
            yield
        self.parts.pipeline.go_on()

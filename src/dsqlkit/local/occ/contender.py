"""Who takes part in conflicts: sessions, and backends of the endpoint's own."""

import contextlib
from contextlib import AbstractContextManager
from typing import Protocol

from dsqlkit.local.dialect.refusal import Refusal
from dsqlkit.local.occ.open_transaction import OpenTransaction


class Contender(Protocol):
    """Whoever may hold locks or wait for them, as the adjudicator sees it; mostly a session."""

    @property
    def transaction(self) -> OpenTransaction | None:
        """The explicit transaction that it is in."""

    @property
    def pid(self) -> int:
        """The process id of its backend."""

    @property
    def can_be_parked(self) -> bool:
        """Whether it is idle inside a transaction that can be parked."""

    @property
    def is_idle(self) -> bool:
        """Whether no statement of it is under way."""

    @property
    def wants_rows(self) -> bool:
        """Whether what is under way writes or locks rows."""

    @property
    def makes_rivals(self) -> bool:
        """Whether whoever has a row that it waits for is its rival: not where the row may be left
        out. If it is not, its COMMIT tells."""

    async def park(self) -> None:
        """Have its transaction let go of its locks, to do again later what it did."""

    def overdue(self, busy_s: float, /) -> Refusal | None:
        """Why its statement, under way for so many seconds, goes on no longer."""

    @property
    def may_sleep_on(self) -> bool:
        """Whether its statement goes on when that is overdue, as long as it does nothing."""

    @property
    def can_start_over(self) -> bool:
        """Whether what is under way can be cancelled and run again later."""

    @property
    def can_step_aside(self) -> bool:
        """Whether what is under way may be cancelled, for its transaction to go on at overlays."""

    async def can_be_taken_back(self) -> bool:
        """Whether all that its transaction did can be had again there."""

    @property
    def is_committing(self) -> bool:
        """Whether its COMMIT does now at the tables what its transaction did."""

    @property
    def can_be_refused(self) -> bool:
        """Whether what is under way is in autocommit, and can still fail as a whole."""

    @property
    def awaits_data(self) -> bool:
        """Whether it has a COPY in autocommit under way, and its client has yet to end the data."""

    def fail_copy(self, refusal: Refusal, /) -> None:
        """Have that COPY fail. A cancellation would meet it at its client's next message."""

    def being_cancelled(self, refusal: Refusal | None, /) -> AbstractContextManager[None]:
        """While its statement is being cancelled, and what to tell of it: None if it gives way in a
        conflict."""


class Bystander:
    """A backend of ours that may wait, and has no transaction that others wait for."""

    transaction: OpenTransaction | None = None
    can_be_parked = False
    is_idle = False
    may_sleep_on = False
    can_start_over = False
    can_step_aside = False
    is_committing = False
    can_be_refused = False
    awaits_data = False
    wants_rows = False
    makes_rivals = False

    def __init__(self, pid: int) -> None:
        self.pid = pid

    async def park(self) -> None:
        """There is nothing to park."""

    async def can_be_taken_back(self) -> bool:
        """There is nothing to take back."""
        return False

    def overdue(self, _busy_s: float, /) -> Refusal | None:
        """A build may take its time."""
        return None

    def fail_copy(self, _refusal: Refusal, /) -> None:
        """There is no COPY."""

    def being_cancelled(self, _refusal: Refusal | None, /) -> AbstractContextManager[None]:
        """A build that is cancelled fails, and its job says so."""
        return contextlib.nullcontext()

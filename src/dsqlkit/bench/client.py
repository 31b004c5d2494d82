"""One client of a bench: it transfers until it is told to stop, and remembers each report."""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final
from uuid import uuid4

from dsqlkit import accounts
from dsqlkit.accounts import AccountId
from dsqlkit.bench.figures import Counted
from dsqlkit.bench.plan import Schedule
from dsqlkit.bench.proof import Report
from dsqlkit.bench.script import Order, Script
from dsqlkit.connection import Connections
from dsqlkit.errors import (
    ConflictLimitReached,
    ConnectionFailed,
    DsqlkitError,
    InsufficientBalance,
    OutcomeUnknown,
)
from dsqlkit.pausing import pause
from dsqlkit.transaction import Retry, RetryPolicy

POLICY: Final = RetryPolicy()

_REHEARSALS: Final = 8
"""More than the executions after which the driver prepares a statement."""
_LOOK_S: Final = 0.05
_PAUSE: Final = RetryPolicy(base_s=0.05, cap_s=1.0)


class Client:
    """Draws its orders from a script of its own; for one thread at a time, or one of a crew.

    `counted` may be read by another thread; `reports` when the client has ended.
    """

    def __init__(
        self, connections: Connections, seed: int, number: int, ids: Sequence[AccountId]
    ) -> None:
        self.counted = Counted()
        self._connections = connections
        self._seed = seed
        self._number = number
        self._ids = ids
        self._reports = bytearray()
        self._failures = 0

    def warm_up(self) -> None:
        """Connect, and send a few transfers that are rolled back. Raises what they raise."""
        payer, payee = self._ids[0], self._ids[1]
        for _ in range(_REHEARSALS):
            try:
                accounts.rehearse(self._connections, payer, payee, Decimal("0.01"), uuid4())
            except InsufficientBalance:
                payer, payee = payee, payer

    def run(
        self, started: float, ends: float, schedule: Schedule | None, stop: threading.Event
    ) -> None:
        """Transfer from moment `started` to `ends` (monotonic), or until `stop` is set."""
        script = Script(self._seed, self._number, self._ids)
        while not stop.is_set():
            due = time.monotonic()
            if schedule is not None:
                offset = schedule.take()
                if offset is None:
                    return
                due = started + offset
                if not _reaches(due, stop):
                    return
            if time.monotonic() >= ends:
                return
            report = self._carry_out(script.next(), due)
            self._reports.append(report)
            if self._failures:
                _reaches(time.monotonic() + _PAUSE.wait_s(self._failures, random.uniform), stop)

    @property
    def started(self) -> int:
        """How many transfers it has begun and ended."""
        return len(self._reports)

    @property
    def reports(self) -> Iterator[tuple[Order, Report]]:
        """Each order so far, and what was reported of it."""
        script = Script(self._seed, self._number, self._ids)
        return ((script.next(), Report(report)) for report in self._reports)

    def settle(self) -> None:
        """Ask again for the orders whose outcome is unknown: each is made then, if it was not."""
        for number, (order, report) in enumerate(self.reports):
            if report is Report.UNKNOWN:
                self._reports[number] = again = self._carry_out(order, None)
                if again is not Report.UNKNOWN:
                    self.counted.found_out()

    def _carry_out(self, order: Order, due: float | None) -> Report:
        """Make a transfer. Without a moment when it was due its outcome was unknown before."""
        met = self.counted

        def conflict(_: Retry) -> None:
            met.conflict()

        try:
            done = accounts.transfer(
                self._connections,
                order.payer,
                order.payee,
                order.amount,
                POLICY,
                conflict,
                key=order.key,
            )
        except OutcomeUnknown as error:
            self._failures += 1
            if due is not None:
                met.failed(error.code)
            return Report.UNKNOWN
        except ConnectionFailed as error:
            self._failures += 1
            if due is None:
                return Report.UNKNOWN
            met.failed(error.code)
            return Report.NOT_MADE
        except DsqlkitError as error:
            if isinstance(error, ConflictLimitReached):
                met.conflict()
            self._failures = 0
            met.failed(error.code)
            return Report.NOT_MADE
        self._failures = 0
        if due is None:
            met.made_late(done.attempts)
        else:
            met.made(time.monotonic() - due, done.attempts, done.doubts)
        return Report.MADE


def _reaches(moment: float, stop: threading.Event) -> bool:
    """Wait up to a moment (monotonic); whether it was reached before `stop` was set."""
    while not stop.is_set():
        left_s = moment - time.monotonic()
        if left_s <= 0:
            return True
        pause(min(left_s, _LOOK_S))
    return False

"""A bench from its warm-up to its proof."""

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import chain
from typing import Final

from dsqlkit.accounts import ledger
from dsqlkit.bench import crew
from dsqlkit.bench.benched import Benched, Ledger
from dsqlkit.bench.client import Client
from dsqlkit.bench.figures import Second, Tally
from dsqlkit.bench.participants import Participants
from dsqlkit.bench.plan import BenchPlan, Schedule
from dsqlkit.bench.price import transfer_cost
from dsqlkit.bench.proof import Proof, Sum, prove, total
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import Endpoint
from dsqlkit.errors import ConnectionFailed, OutcomeUnknown
from dsqlkit.token import TokenSigner

_TICK_S: Final = 1.0
_JOIN_S: Final = 0.1
_LAST_JOIN_S: Final = 1.0
_PROOF_LIMIT_S: Final = 60.0
"""How long a cluster that went away may take to come back for the proof."""


class Bench:
    """One run of a plan among these accounts. Each client has a connection, and all of them one
    thread."""

    def __init__(self, endpoint: Endpoint, participants: Participants, plan: BenchPlan) -> None:
        self._endpoint = endpoint
        self._participants = participants
        self._plan = plan
        self._stop = threading.Event()

    def stop(self) -> None:
        """Let each client finish the transfer it is in; what was done is proven and reported."""
        self._stop.set()

    def run(
        self,
        on_second: Callable[[Second], None] = lambda _: None,
        on_phase: Callable[[str], None] = lambda _: None,
    ) -> Benched:
        """Warm up, transfer, prove. `on_second` hears what each second brought, `on_phase` what is
        done now; both in the caller's thread.

        Raises `tables.WrongShape` or `ledger.LedgerClosed` for a ledger that cannot be used, and
        what `accounts.transfer` raises for the first connection; ConnectionFailed when the cluster
        is gone at the end, and nothing can be proven.
        """
        plan, ids = self._plan, self._participants.ids
        signer = TokenSigner(self._endpoint)
        seed = secrets.randbits(64)
        with ExitStack() as kept:
            lent = [
                kept.enter_context(KeptConnection(self._endpoint, signer, crew.connect))
                for _ in range(plan.threads)
            ]
            clients = [Client(each, seed, number, ids) for number, each in enumerate(lent)]
            ledger.have(lent[0])
            on_phase("Warming up")
            for client in clients:
                client.warm_up()
            before = total(lent[0], self._participants)
            on_phase("Transferring")
            tally, seconds, elapsed_s = self._transfer(clients, on_second)
            on_phase("Proving")
            return self._proven(lent[0], clients, tally, seconds, elapsed_s, before)

    def _transfer(
        self, clients: Sequence[Client], on_second: Callable[[Second], None]
    ) -> tuple[Tally, list[Second], float]:
        plan = self._plan
        started = time.monotonic()
        ends = started + plan.duration_s
        schedule = None if plan.rate is None else Schedule(plan.rate, plan.duration_s)
        defects: list[BaseException] = []

        def work(client: Client) -> None:
            try:
                client.run(started, ends, schedule, self._stop)
            except BaseException as error:
                defects.append(error)
                self._stop.set()

        works = [partial(work, client) for client in clients]
        # A daemon: whoever has no patience left need not wait for it.
        thread = threading.Thread(
            target=crew.run_all, args=(works,), name="bench-clients", daemon=True
        )
        thread.start()
        try:
            tally, seconds = self._watch(clients, thread, started, on_second)
        except BaseException:
            self._stop.set()
            thread.join(_LAST_JOIN_S)
            raise
        if defects:
            raise defects[0]
        elapsed_s = time.monotonic() - started
        if schedule is not None:
            begun = sum(client.started for client in clients)
            if left := schedule.due_by(elapsed_s) - begun:
                tally.errors["not_started"] += left
        return tally, seconds, elapsed_s

    def _watch(
        self,
        clients: Sequence[Client],
        thread: threading.Thread,
        started: float,
        on_second: Callable[[Second], None],
    ) -> tuple[Tally, list[Second]]:
        """Take what the clients count each second, until all have ended."""
        tally = Tally()
        seconds: list[Second] = []
        last = started
        while True:
            running = thread.is_alive()
            if running:
                thread.join(_JOIN_S)
            now = time.monotonic()
            if running and now - last < _TICK_S:
                continue
            lately = Tally()
            for client in clients:
                lately.add(client.counted.take())
            seconds.append(lately.second(now - started, now - last))
            on_second(seconds[-1])
            tally.add(lately)
            last = now
            if not running:
                return tally, seconds

    def _proven(
        self,
        connections: KeptConnection,
        clients: Sequence[Client],
        tally: Tally,
        seconds: Sequence[Second],
        elapsed_s: float,
        before: Sum,
    ) -> Benched:
        table = self._participants.table
        for client in clients:
            client.settle()
            tally.add(client.counted.take())
        proof, after = _patiently(
            lambda: (
                prove(connections, table, chain.from_iterable(each.reports for each in clients)),
                total(connections, self._participants),
            )
        )
        tally.errors[OutcomeUnknown.code] -= proof.unknown_made
        successes = tally.attempts.total() + proof.unknown_made
        return Benched(
            table=table,
            transfers=successes,
            elapsed_s=elapsed_s,
            attempts=dict(sorted(tally.attempts.items())),
            latency_ms=tally.latency_ms,
            conflicts=tally.conflicts,
            errors=dict(+tally.errors),
            balance_before=before.balance,
            balance_after=after.balance,
            accounts_before=before.accounts,
            accounts_after=after.accounts,
            ledger=Ledger(
                successes,
                proof.found,
                tally.doubts + proof.unknown_made,
                proof.missing,
                proof.unexpected,
                proof.different,
            ),
            seconds=seconds,
            complete=not self._stop.is_set(),
            cost=transfer_cost(connections, self._endpoint, self._participants),
        )


def _patiently(ask: "Callable[[], tuple[Proof, Sum]]") -> tuple[Proof, Sum]:
    """Ask a cluster that may be on its way back."""
    deadline = time.monotonic() + _PROOF_LIMIT_S
    while True:
        try:
            return ask()
        except ConnectionFailed:
            if time.monotonic() > deadline:
                raise
        time.sleep(_TICK_S)

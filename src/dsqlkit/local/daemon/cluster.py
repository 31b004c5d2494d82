"""The endpoint before one server: who is connected, what it was asked, and when it ends."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum, auto
from functools import partial
from pathlib import Path
from typing import Final

from dsqlkit.local.apart import Apart
from dsqlkit.local.backend.answers import SERVER_VERSION
from dsqlkit.local.daemon.session_status import tell_sessions
from dsqlkit.local.door.connection_age import AgeLimit
from dsqlkit.local.door.listener import Listener
from dsqlkit.local.door.login import Reception
from dsqlkit.local.door.token_check import TokenChecker
from dsqlkit.local.faults import ActiveFaults
from dsqlkit.local.jobs.runner import JobRunner
from dsqlkit.local.occ.adjudicator import Adjudicator
from dsqlkit.local.server import postgres, superuser
from dsqlkit.local.session.session import Session
from dsqlkit.local.state import Listening, StateFolder
from dsqlkit.local.wire.negotiation import tls_context

_CHECK_S: Final = 1.0
_COLLECT_AT: Final = (5_000, 3, 3)
"""The garbage collector's thresholds: it runs seldom while statements run, as they leave no cycles,
and goes through everything before what ended sessions leave behind grows large."""
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wishes:
    """What whoever started this process asked for.

    `ready_fd` is closed when the cluster can be reached. Without a client for `idle_limit_s` it
    ends. The end of `owner_fd` is the end of the cluster and of all its files.
    """

    ready_fd: int | None
    idle_limit_s: float
    owner_fd: int | None = None
    template: Path | None = None


class End(Enum):
    """Why a cluster does not go on as it was."""

    OVER = auto()
    SERVER_LOST = auto()
    TO_BE_EMPTIED = auto()


class RunningCluster:
    """The running cluster, as long as it has one server: who is connected, since when nobody is."""

    def __init__(
        self,
        state: StateFolder,
        server: postgres.Server,
        listening: socket.socket,
        wishes: Wishes,
        ready_fd: int | None,
    ) -> None:
        self._state = state
        self._server = server
        self._listening = listening
        self._ready_fd = ready_fd
        self._wishes = wishes
        self._sessions: set[Session] = set()
        self._idle_since = time.monotonic()
        self._stopping = asyncio.Event()
        self._is_to_be_emptied = False
        self._faults = ActiveFaults(state.faults())
        self._faults_change = state.faults_change()
        self._adjudicator = Adjudicator(server.socket_folder)
        self._apart = Apart()
        self._telling: asyncio.Task[None] | None = None
        self._ages = AgeLimit(lambda: self._faults.connection_age_s)
        self._count = os.open(state.connection_count, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)

    async def run(self) -> End:
        """Serve until it cannot go on as it is; why."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._asked)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        if self._wishes.owner_fd is not None:
            loop.add_reader(self._wishes.owner_fd, self._stopping.set)
        credentials = self._state.credentials()
        assert credentials is not None
        port = self._listening.getsockname()[1]
        adjudicator = self._adjudicator
        jobs = JobRunner(
            self._server.socket_folder,
            on_change=lambda table: adjudicator.changed_schema([table]),
            attend=adjudicator.attend,
            running=adjudicator.builds.running,
        )
        reception = Reception(
            checker=TokenChecker(port, credentials.access_key_id, credentials.secret_access_key),
            may_sign_in=partial(superuser.may_sign_in, self._server.socket_folder),
            socket=self._server.socket,
            adjudicator=adjudicator,
            faults=self._faults,
            apart=self._apart,
            on_job=jobs.wake,
            sessions=self._sessions,
            on_begin=self._begun,
            on_end=self._ended,
        )
        listener = Listener(self._listening, tls_context(str(self._state.certificate)), reception)
        self._write_count()
        accepting = asyncio.create_task(listener.run())
        working = asyncio.create_task(jobs.run())
        judging = asyncio.create_task(adjudicator.run())
        # What is here now stays, as does the driver, and little of what comes is in cycles.
        loading = asyncio.create_task(superuser.load_driver())
        loading.add_done_callback(lambda _: gc.freeze())
        gc.freeze()
        gc.set_threshold(*_COLLECT_AT)
        gc.enable()
        self._announce(port)
        end = End.OVER
        try:
            end = await self._until_over(accepting, working, judging)
        finally:
            loading.cancel()
            accepting.cancel()
            working.cancel()
            judging.cancel()
            if end is not End.OVER:
                # Its backends end when their clients are gone.
                self._close_sessions()
            if end is not End.TO_BE_EMPTIED:
                # PostgreSQL tells each client that it is shut down, and closes.
                at_once = self._wishes.owner_fd is not None
                await asyncio.to_thread(partial(self._server.stop, at_once=at_once))
            self._close_sessions()
            await self._apart.close()
            os.close(self._count)
        if end is not End.OVER:
            # What comes before there are handlers again is to wait for them.
            signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        return end

    def _close_sessions(self) -> None:
        for session in list(self._sessions):
            session.close()

    def _announce(self, port: int) -> None:
        """Say where we are, then let whoever started us go on."""
        known = self._state.listening()
        if known is not None and known.running and known.pid == os.getpid():
            return
        self._state.save_listening(
            Listening(
                port=port,
                running=True,
                pid=os.getpid(),
                started_at=datetime.now(UTC).isoformat(timespec="seconds"),
                server_version=SERVER_VERSION,
                traces=_log.isEnabledFor(logging.DEBUG),
                emptied=self._state.wanted_emptying(),
                port_is_kept=known is not None and known.port_is_kept,
            )
        )
        _log.info("listening on port %d", port)
        if self._ready_fd is not None:
            os.close(self._ready_fd)

    async def _until_over(self, *tasks: asyncio.Task[None]) -> End:
        """Wait until there is a reason to end."""
        while not self._stopping.is_set():
            if not self._state.root.exists():
                _log.error("the folder %s is gone", self._state.root)
                return End.OVER
            if why := self._server.why_lost():
                _log.error("%s", why)
                return End.SERVER_LOST
            for task in tasks:
                if task.done():
                    task.result()
            if (
                not self._sessions
                and time.monotonic() - self._idle_since > self._wishes.idle_limit_s
            ):
                _log.info("no client for %.0f s", self._wishes.idle_limit_s)
                return End.OVER
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _CHECK_S)
        return End.TO_BE_EMPTIED if self._is_to_be_emptied else End.OVER

    def _asked(self) -> None:
        """Somebody wants us to read the faults, to say what sessions do, or to go empty."""
        known = self._state.listening()
        if known is not None and self._state.wanted_emptying() > known.emptied:
            self._is_to_be_emptied = True
            self._stopping.set()
            return
        self._read_faults()
        if self._telling is None or self._telling.done():
            found = {each.pid: each.status() for each in self._sessions}
            telling = tell_sessions(self._state, found, self._adjudicator.monitor)
            self._telling = asyncio.create_task(telling)

    def _read_faults(self) -> None:
        """Act on the faults as they are in the state folder now, if they are others."""
        try:
            faults, change = self._state.faults(), self._state.faults_change()
            listening = self._state.listening()
        except (OSError, ValueError, TypeError) as error:
            _log.error("the faults stay as they were: %s", error)
            return
        assert listening is not None
        if change == self._faults_change:
            return
        self._faults_change = change
        self._faults.switch(faults)
        self._ages.changed()
        self._state.save_listening(replace(listening, faults_change=change))
        _log.info("faults: %s", faults.on or "none")

    def _begun(self, session: Session) -> None:
        self._sessions.add(session)
        self._ages.begun(session)
        self._write_count()

    def _ended(self, session: Session) -> None:
        self._sessions.discard(session)
        self._ages.ended(session)
        self._idle_since = time.monotonic()
        self._write_count()

    def _write_count(self) -> None:
        # For `status`. A fixed width, so that one write replaces the other.
        os.pwrite(self._count, b"%8d" % len(self._sessions), 0)

"""The local cluster's process: the server, the endpoint before it, and the end of both."""

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import resource
import secrets
import shutil
import signal
import socket
import string
import sys
import time
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum, auto
from functools import partial
from pathlib import Path
from typing import Final

from dsqlkit.errors import LocalClusterFailed
from dsqlkit.local.backend.answers import SERVER_VERSION
from dsqlkit.local.door.certificates import ensure_certificates
from dsqlkit.local.door.connection_age import AgeLimit
from dsqlkit.local.door.listener import Listener, bind
from dsqlkit.local.door.login import Reception
from dsqlkit.local.door.token_check import TokenChecker
from dsqlkit.local.faults import ActiveFaults
from dsqlkit.local.jobs.runner import JobRunner
from dsqlkit.local.occ.adjudicator import Adjudicator
from dsqlkit.local.server import emptying, postgres, superuser
from dsqlkit.local.server.home import remove_home
from dsqlkit.local.server.losses import Losses
from dsqlkit.local.server.template import keep_spare
from dsqlkit.local.session.session import Session
from dsqlkit.local.sessions import explained
from dsqlkit.local.state import Credentials, Listening, StateFolder, take_lock
from dsqlkit.local.wire.negotiation import tls_context

_CHECK_S: Final = 1.0
_COLLECT_AT: Final = (5_000, 3, 3)
"""The garbage collector's thresholds: it runs seldom while statements run, as they leave no cycles,
and goes through everything before what ended sessions leave behind grows large."""
_FILES: Final = 4096
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_KEY_ID_START: Final = "AKIALOCAL"
_KEY_ID_LENGTH: Final = 20

_log = logging.getLogger(__name__)


def run(given: argparse.Namespace) -> None:
    """Run the local cluster of the default state folder until it is told to stop.

    `given` are the options of `__main__`.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    if given.trace:
        logging.getLogger("dsqlkit.local").setLevel(logging.DEBUG)
    state = StateFolder.default()
    try:
        state.create()
        lock = take_lock(state.daemon_lock, timeout_s=1.0)
        if lock is None:
            raise LocalClusterFailed("The local cluster is running already.")
        state.forget_process()
        wishes = _Wishes(given.ready_fd, given.idle_limit, given.owner_fd, given.template)
        try:
            serve(state, wishes)
        finally:
            if wishes.owner_fd is not None:
                remove_home(state)
        if wishes.owner_fd is not None:
            shutil.rmtree(state.root, ignore_errors=True)
            if wishes.template is not None:
                # Nobody waits any more: whoever comes next finds its data made.
                keep_spare(wishes.template)
            os._exit(0)
    except (LocalClusterFailed, OSError) as error:
        _log.error("%s", error)
        sys.exit(1)


@dataclass(frozen=True)
class _Wishes:
    """What whoever started this process asked for.

    `ready_fd` is closed when the cluster can be reached. Without a client for `idle_limit_s` it
    ends. The end of `owner_fd` is the end of the cluster and of all its files.
    """

    ready_fd: int | None
    idle_limit_s: float
    owner_fd: int | None = None
    template: Path | None = None


class _End(Enum):
    """Why a cluster does not go on as it was."""

    OVER = auto()
    SERVER_LOST = auto()
    TO_BE_EMPTIED = auto()


def serve(state: StateFolder, wishes: _Wishes) -> None:
    """Start the server and the endpoint, and stay until a signal or too long without a client.

    A server that is lost is started anew. Those who knock meanwhile wait at the port.

    Raises LocalClusterFailed when the server does not start, or is lost again and again.
    """
    _allow_many_files()
    ensure_certificates(state)
    if state.credentials() is None:
        state.save_credentials(_new_credentials())
    losses = Losses()
    known = state.listening()
    server = postgres.start(state, wishes.template)
    try:
        port, kept = (known.port, known.port_is_kept) if known else (None, False)
        with bind(port, no_other=kept) as listening:
            ready_fd = wishes.ready_fd
            while True:
                end = _run(_Cluster(state, server, listening, wishes, ready_fd).run())
                ready_fd = None
                if end is _End.OVER:
                    break
                if end is _End.TO_BE_EMPTIED and _is_emptied(server):
                    _forget(state)
                    continue
                if end is _End.SERVER_LOST:
                    losses.count(time.monotonic())
                else:
                    server.stop()
                    remove_home(state)
                server = postgres.start(state)
                _log.info("PostgreSQL was started again")
                if end is _End.TO_BE_EMPTIED:
                    _forget(state)
    finally:
        server.stop(at_once=wishes.owner_fd is not None)
        state.forget_process()
        _log.info("stopped")


def _is_emptied(server: postgres.Server) -> bool:
    import psycopg

    try:
        emptying.empty(server.socket_folder)
    except psycopg.Error as error:
        _log.error("the cluster could not be emptied as it runs, and is made anew: %s", error)
        return False
    return True


def _forget(state: StateFolder) -> None:
    """Have what goes with the data gone too, and say that all of it is."""
    state.forget_faults()
    known = state.listening()
    assert known is not None
    state.save_listening(replace(known, emptied=state.wanted_emptying(), faults_change=0))
    _log.info("emptied")


class _Cluster:
    """The running cluster, as long as it has one server: who is connected, since when nobody is."""

    def __init__(
        self,
        state: StateFolder,
        server: postgres.Server,
        listening: socket.socket,
        wishes: _Wishes,
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
        self._telling: asyncio.Task[None] | None = None
        self._ages = AgeLimit(lambda: self._faults.connection_age_s)
        self._count = os.open(state.connection_count, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)

    async def run(self) -> _End:
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
        )
        reception = Reception(
            checker=TokenChecker(port, credentials.access_key_id, credentials.secret_access_key),
            may_sign_in=partial(superuser.may_sign_in, self._server.socket_folder),
            socket=self._server.socket,
            adjudicator=adjudicator,
            faults=self._faults,
            on_job=jobs.wake,
            on_begin=self._begun,
            on_end=self._ended,
        )
        listener = Listener(self._listening, tls_context(str(self._state.certificate)), reception)
        self._write_count()
        accepting = asyncio.create_task(listener.run())
        working = asyncio.create_task(jobs.run())
        judging = asyncio.create_task(adjudicator.run())
        # What is here now stays, and little of what comes is in cycles.
        gc.freeze()
        gc.set_threshold(*_COLLECT_AT)
        self._announce(port)
        end = _End.OVER
        try:
            end = await self._until_over(accepting, working, judging)
        finally:
            accepting.cancel()
            working.cancel()
            judging.cancel()
            if end is not _End.OVER:
                # Its backends end when their clients are gone.
                self._close_sessions()
            if end is not _End.TO_BE_EMPTIED:
                # PostgreSQL tells each client that it is shut down, and closes.
                at_once = self._wishes.owner_fd is not None
                await asyncio.to_thread(partial(self._server.stop, at_once=at_once))
            self._close_sessions()
            os.close(self._count)
        if end is not _End.OVER:
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

    async def _until_over(self, *tasks: asyncio.Task[None]) -> _End:
        """Wait until there is a reason to end."""
        while not self._stopping.is_set():
            for task in tasks:
                if task.done():
                    task.result()
            if not self._state.root.exists():
                _log.error("the folder %s is gone", self._state.root)
                return _End.OVER
            if why := self._server.why_lost():
                _log.error("%s", why)
                return _End.SERVER_LOST
            if (
                not self._sessions
                and time.monotonic() - self._idle_since > self._wishes.idle_limit_s
            ):
                _log.info("no client for %.0f s", self._wishes.idle_limit_s)
                return _End.OVER
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _CHECK_S)
        return _End.TO_BE_EMPTIED if self._is_to_be_emptied else _End.OVER

    def _asked(self) -> None:
        """Somebody wants us to read the faults, to say what sessions do, or to go empty."""
        known = self._state.listening()
        if known is not None and self._state.wanted_emptying() > known.emptied:
            self._is_to_be_emptied = True
            self._stopping.set()
            return
        self._read_faults()
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell_sessions())

    async def _tell_sessions(self) -> None:
        import psycopg

        found = {each.pid: each.status() for each in self._sessions}
        try:
            waits = await self._adjudicator.monitor.explained(found)
        except psycopg.Error as error:
            _log.warning("nobody can say who waits for whom: %s", error)
            waits = {}
        told = [
            each
            if (wait := waits.get(each.session)) is None
            else replace(
                each,
                waiting_for=explained(wait, found),
                holders=tuple(holder.pid for holder in wait.holders),
            )
            for _, each in sorted(found.items())
        ]
        try:
            self._state.save_sessions(told)
        except OSError as error:
            _log.error("what the sessions do cannot be written down: %s", error)

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


def _run(main: Coroutine[None, None, _End]) -> _End:
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


def _allow_many_files() -> None:
    """Two files for each client: ask for as many as the system gives without privileges."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _new_credentials() -> Credentials:
    alphabet = string.ascii_uppercase + "234567"
    length = _KEY_ID_LENGTH - len(_KEY_ID_START)
    key_id = _KEY_ID_START + "".join(secrets.choice(alphabet) for _ in range(length))
    return Credentials(key_id, secrets.token_urlsafe(30))

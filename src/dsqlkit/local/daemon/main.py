"""The process from its start to its end: one server after another, each with its endpoint."""

import argparse
import asyncio
import json
import logging
import os
import resource
import secrets
import shutil
import string
import sys
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Final

from dsqlkit.errors import LocalClusterFailed
from dsqlkit.file_lock import take_lock
from dsqlkit.local.apart import RECURSION_LIMIT
from dsqlkit.local.daemon.cluster import End, RunningCluster, Wishes
from dsqlkit.local.door.certificates import ensure_certificates
from dsqlkit.local.door.listener import bind
from dsqlkit.local.server import emptying, postgres
from dsqlkit.local.server.data import renew
from dsqlkit.local.server.home import remove_home
from dsqlkit.local.server.losses import Losses
from dsqlkit.local.server.template import keep_spare
from dsqlkit.local.state import Credentials, StateFolder

_FILES: Final = 4096
_KEY_ID_START: Final = "AKIALOCAL"
_KEY_ID_LENGTH: Final = 20
_TOLD_LENGTH: Final = 500

_log = logging.getLogger(__name__)


def run(given: argparse.Namespace) -> None:
    """Run the local cluster of the default state folder until it is told to stop.

    `given` are the options of `__main__`.
    """
    sys.setrecursionlimit(RECURSION_LIMIT)
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
        wishes = Wishes(given.ready_fd, given.idle_limit, given.owner_fd, given.template)
        try:
            serve(state, wishes)
        finally:
            if wishes.owner_fd is not None:
                remove_home(state)
        if wishes.owner_fd is not None:
            shutil.rmtree(state.root, ignore_errors=True)
            if wishes.template is not None:
                # Nobody waits any more: whoever comes next finds its data made.
                renew(wishes.template)
                keep_spare(wishes.template)
            os._exit(0)
    except (LocalClusterFailed, OSError) as error:
        _log.error("%s", error)
        sys.exit(1)


def serve(state: StateFolder, wishes: Wishes) -> None:
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
    try:
        server = postgres.start(state, wishes.template)
    except LocalClusterFailed as error:
        _tell_launcher(wishes.ready_fd, error)
        raise
    try:
        port, kept = (known.port, known.port_is_kept) if known else (None, False)
        with bind(port, no_other=kept) as listening:
            ready_fd = wishes.ready_fd
            while True:
                end = _run(RunningCluster(state, server, listening, wishes, ready_fd).run())
                ready_fd = None
                if end is End.OVER:
                    break
                if end is End.TO_BE_EMPTIED and _is_emptied(server):
                    _forget(state)
                    continue
                if end is End.SERVER_LOST:
                    losses.count(time.monotonic())
                else:
                    server.stop()
                    remove_home(state)
                server = _started_again(state, losses)
                _log.info("PostgreSQL was started again")
                if end is End.TO_BE_EMPTIED:
                    _forget(state)
    finally:
        server.stop(at_once=wishes.owner_fd is not None)
        state.forget_process()
        _log.info("stopped")


def _tell_launcher(ready_fd: int | None, error: LocalClusterFailed) -> None:
    """Let whoever waits for us know what to do, if there is something."""
    if ready_fd is not None and error.hint is not None:
        with suppress(BrokenPipeError):
            os.write(ready_fd, json.dumps([str(error)[:_TOLD_LENGTH], error.hint]).encode())


def _started_again(state: StateFolder, losses: Losses) -> postgres.Server:
    """Start the server anew; where it is lost before it has started, once more."""
    while True:
        try:
            return postgres.start(state)
        except LocalClusterFailed as error:
            _log.error("%s", error)
            losses.count(time.monotonic())


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


def _run(main: Coroutine[None, None, End]) -> End:
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

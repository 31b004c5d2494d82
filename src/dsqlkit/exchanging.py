"""One exchange with the server over libpq: what is sent, and all that comes back for it.

libpq's calls let go of Python's own lock. Where many threads want that, each call would wait for
another thread, some sixty times for a transfer; so threads take turns at libpq. Nobody waits for
the server meanwhile.
"""

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import psycopg
from psycopg.pq import ConnStatus, ExecStatus, PipelineStatus
from psycopg.waiting import Wait

if TYPE_CHECKING:
    from psycopg.abc import PQGen
    from psycopg.pq.abc import PGconn, PGresult


class _Turn:
    """Which thread it is whose turn it is: in a forked process nobody is left to give it back."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self.lock = threading.Lock()


_turn = _Turn()


def exchanged(to: "PGconn", send: Callable[["PGconn"], None]) -> "PQGen[list[PGresult]]":
    """Send, and take in all that comes back: up to the end of a pipeline, or of one query. For
    `psycopg.Connection.wait`. Raises psycopg.OperationalError when the connection breaks."""
    results: list[PGresult] = []
    with _turn.lock:
        send(to)
        is_sent = not to.flush()
    is_whole = False
    while not is_whole:
        if (yield Wait.R if is_sent else Wait.RW):
            with _turn.lock:
                is_whole = _receive(to, results)
                is_sent = is_sent or not to.flush()
    return results


def _receive(to: "PGconn", results: "list[PGresult]") -> bool:
    """Take in what has come; whether that was all."""
    to.consume_input()
    is_between = False
    while not to.is_busy():
        result = to.get_result()
        if result is None:
            if to.pipeline_status == PipelineStatus.OFF:
                return True
            if is_between or to.status == ConnStatus.BAD:
                raise psycopg.OperationalError(to.get_error_message())
            is_between = True
        elif result.status == ExecStatus.PIPELINE_SYNC:
            to.exit_pipeline_mode()
            return True
        else:
            is_between = False
            results.append(result)
    return False

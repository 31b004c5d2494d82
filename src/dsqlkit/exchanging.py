"""One exchange with the server over libpq: what is sent, and all that comes back for it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import psycopg
from psycopg.pq import ConnStatus, ExecStatus, PipelineStatus
from psycopg.waiting import Wait

if TYPE_CHECKING:
    from psycopg.abc import PQGen
    from psycopg.pq.abc import PGconn, PGresult


def exchanged(to: "PGconn", send: Callable[["PGconn"], None]) -> "PQGen[list[PGresult]]":
    """Send, and take in all that comes back: up to the end of a pipeline, or of one query. For
    `psycopg.Connection.wait`. Raises psycopg.OperationalError when the connection breaks."""
    results: list[PGresult] = []
    send(to)
    is_sent = not to.flush()
    is_whole = False
    while not is_whole:
        if (yield Wait.R if is_sent else Wait.RW):
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

"""One session with a cluster, in which a text is sent as a probe wants it, by libpq alone.

The driver's cursors choose the protocol and turn answers into Python's values; a probe compares
what came over the wire.
"""

import select
import time
from types import TracebackType
from typing import Final

import psycopg
from psycopg import pq

from dsqlkit import interruption
from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.probing.record import Answer, Protocol, Result
from dsqlkit.token import TokenSigner

ANSWER_WITHIN_S: Final = 60.0

NO_ANSWER: Final = "08006"
"""SQLSTATE connection_failure: what is put down where the cluster itself gave no answer."""

_ROWS: Final = pq.ExecStatus.TUPLES_OK
_ERROR: Final = pq.ExecStatus.FATAL_ERROR


class Session:
    """A connection that is made when it is first needed, and again when it was lost."""

    def __init__(self, endpoint: Endpoint, signer: TokenSigner) -> None:
        self._endpoint = endpoint
        self._signer = signer
        self._connection: Connection | None = None
        self._path: str | None = None

    def search(self, path: str) -> None:
        """Look for names in `path`, a search_path as SET takes it."""
        if self._path != path or self._connection is None:
            self.ask(f"SET search_path = {path}")
            self._path = path

    def ask(self, text: str, protocol: Protocol = "simple") -> Answer:
        """Send a text and wait for the whole answer, which a signal waits for too.

        A connection that breaks, or is silent for a minute, is put down as `NO_ANSWER`, and the
        next text gets another one. Raises ConnectionFailed when none can be made.
        """
        interruption.checkpoint()
        if self._connection is None:
            self._connection = connect(self._endpoint, self._signer)
        with interruption.held():
            try:
                answer = _exchange(self._connection.pgconn, text.encode(), protocol)
            except (psycopg.OperationalError, TimeoutError) as error:
                answer = Answer(sqlstate=NO_ANSWER, message=str(error).strip())
            except BaseException:
                self.close()  # an answer may still come, which would be taken for the next one's
                raise
            if answer.sqlstate == NO_ANSWER or self._connection.closed:
                self.close()
        return answer

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open in it, failed or not."""
        status = pq.TransactionStatus.IDLE
        if self._connection is not None and not self._connection.closed:
            status = self._connection.info.transaction_status
        return status != pq.TransactionStatus.IDLE

    def close(self) -> None:
        """Close the connection, if there is one; the next text gets a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._path = None

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()


def _exchange(pgconn: pq.abc.PGconn, text: bytes, protocol: Protocol) -> Answer:
    if protocol == "simple":
        pgconn.send_query(text)
    else:
        pgconn.send_query_params(text, None)
    deadline = time.monotonic() + ANSWER_WITHIN_S
    while pgconn.flush():
        _wait(pgconn, deadline, for_room=True)
    results: list[Result] = []
    failure: Answer | None = None
    while True:
        while pgconn.is_busy():
            _wait(pgconn, deadline)
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:
            return failure or Answer(tuple(results))
        if result.status == _ERROR:
            failure = failure or _failure(result)
        else:
            results.append(_result(result))


def _wait(pgconn: pq.abc.PGconn, deadline: float, *, for_room: bool = False) -> None:
    remaining_s = max(deadline - time.monotonic(), 0.0)
    writers = [pgconn.socket] if for_room else []
    if not any(select.select([pgconn.socket], writers, [], remaining_s)):
        raise TimeoutError(f"no answer within {ANSWER_WITHIN_S:.0f} s")


def _failure(result: pq.abc.PGresult) -> Answer:
    code = result.error_field(pq.DiagnosticField.SQLSTATE)
    message = result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or result.error_message
    return Answer(sqlstate=_text(code) or NO_ANSWER, message=(_text(message) or "").strip())


def _result(result: pq.abc.PGresult) -> Result:
    tag = _text(result.command_status) or ""
    if result.status != _ROWS:
        return Result(tag)
    fields = range(result.nfields)
    return Result(
        tag,
        columns=tuple(_text(result.fname(field)) or "" for field in fields),
        rows=tuple(
            tuple(_text(result.get_value(row, field)) for field in fields)
            for row in range(result.ntuples)
        ),
    )


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()

"""Connect once and say how: what answered, how it was verified, and what each step took."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import psycopg

from dsqlkit.connection import connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.sql_errors import sql_error
from dsqlkit.token import TokenSigner

T = TypeVar("T")

_ROUND_TRIPS = 9


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds: the first token (credentials are looked up), the connection (TLS, token
    check), the first query, and the median of nine more queries."""

    token: float
    connect: float
    first_query: float
    round_trip: float


@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """What was found at the other end of a connection. `tls` is the verification in force."""

    endpoint: Endpoint
    server_version: str
    tls: str
    token_expires_at: datetime
    timings_ms: Timings


def examine(endpoint: Endpoint) -> ConnectionReport:
    """Sign a token, connect, ask for the server's version, and time each step.

    Raises ConnectionFailed.
    """
    signer = TokenSigner(endpoint)
    token, token_ms = _timed(signer.token)
    connection, connect_ms = _timed(lambda: connect(endpoint, signer))
    try:
        with connection:
            row, first_ms = _timed(lambda: connection.execute("SHOW server_version").fetchone())
            trips = [_timed(lambda: connection.execute("SELECT 1"))[1] for _ in range(_ROUND_TRIPS)]
            verified = "verify-full" if connection.pgconn.ssl_in_use else "none"
    except psycopg.Error as error:
        raise sql_error(error) from error
    return ConnectionReport(
        endpoint=endpoint,
        server_version=row[0] if row else "",
        tls=verified,
        token_expires_at=token.expires_at,
        timings_ms=Timings(token_ms, connect_ms, first_ms, statistics.median(trips)),
    )


def _timed(step: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    value = step()
    return value, (time.perf_counter() - started) * 1000

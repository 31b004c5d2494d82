"""Connections to a cluster: each with a fresh token, over verified TLS, of bounded age.

`connect` makes one, `KeptConnection` keeps one across calls, `open_pool` keeps several.
"""

import math
import random
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias
from weakref import WeakKeyDictionary

import psycopg
from psycopg.rows import TupleRow

from dsqlkit import __version__, libpq, pausing
from dsqlkit.cluster_names import region_of
from dsqlkit.connection_failure import failure_of
from dsqlkit.endpoint import DATABASE, Endpoint
from dsqlkit.errors import ConnectionFailed
from dsqlkit.token import TokenSigner

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool

Connection: TypeAlias = psycopg.Connection[TupleRow]
Cursor: TypeAlias = psycopg.Cursor[TupleRow]

CONNECT_TIMEOUT_S: Final = 10.0
MAX_AGE_S: Final = 50 * 60.0
"""DSQL closes a connection after 60 minutes (AWS User Guide, quotas); we leave before that."""

_IDLE_BEFORE_CHECK_S = 30.0
_DEAD_PEER_S = 30
_FIRST_DIRECT_TLS = 170000
_RETRY_PAUSE_S = 0.5


class Connections(Protocol):
    """Whatever lends connections: a pool, or a `KeptConnection`."""

    def connection(self, timeout: float | None = None) -> AbstractContextManager[Connection]:
        """Lend a connection for the length of a `with` block."""


def parameters(endpoint: Endpoint, signer: TokenSigner) -> dict[str, Any]:
    """What libpq needs for one new connection: the address, a fresh token, verified TLS, and for
    all else its own default, so that no variable of the environment decides.

    The result holds a secret (`password`): hand it to the driver and to nothing else.
    """
    known: dict[str, Any] = {
        **libpq.own_parameters(),
        "host": endpoint.host,
        "port": endpoint.port,
        "user": endpoint.user,
        "dbname": DATABASE,
        "password": signer.token().value,
        "sslmode": "verify-full",
        "sslrootcert": libpq.root_certificates(endpoint),
        "gssencmode": "disable",
        "application_name": f"dsqlkit/{__version__}",
        "connect_timeout": int(CONNECT_TIMEOUT_S),
        "keepalives_idle": _DEAD_PEER_S,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": _DEAD_PEER_S * 1000,
    }
    known["hostaddr"] = "127.0.0.1" if endpoint.is_local else libpq.route(endpoint) or ""
    speaks_direct = endpoint.is_local or region_of(endpoint.host) is not None
    if speaks_direct and psycopg.pq.version() >= _FIRST_DIRECT_TLS:
        # Saves a round trip; both DSQL and the local cluster answer it.
        known["sslnegotiation"] = "direct"
    return known


def connect(
    endpoint: Endpoint,
    signer: TokenSigner | None = None,
    *,
    timeout_s: float = 30.0,
    kind: type[Connection] = psycopg.Connection,
) -> Connection:
    """Open one connection of this `kind`, in autocommit mode.

    A refusal that passes by itself (a cluster waking up, too many connections for the moment) is
    tried again until `timeout_s` is over. Raises ConnectionFailed with the reason and what to do.
    """
    signer = signer or TokenSigner(endpoint)
    deadline = time.monotonic() + timeout_s
    while True:
        limit_s = min(CONNECT_TIMEOUT_S, math.ceil(max(deadline - time.monotonic(), 1)))
        try:
            return kind.connect(
                autocommit=True,
                **parameters(endpoint, signer) | {"connect_timeout": int(limit_s)},
            )
        except psycopg.OperationalError as error:
            failure = failure_of(str(error), endpoint)
            pause_s = _RETRY_PAUSE_S * random.uniform(1, 2)  # noqa: S311 - spreads clients
            if not failure.passing or time.monotonic() + pause_s > deadline:
                raise ConnectionFailed(failure.message, hint=failure.hint) from error
        pausing.pause(pause_s)


class KeptConnection:
    """One connection, kept across uses and replaced when it is broken or near DSQL's age limit.

    For one thread at a time: a command, or a Lambda function between invocations. New ones are made
    by `make`, which is given what `connect` takes.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        signer: TokenSigner | None = None,
        make: Callable[..., Connection] = connect,
    ) -> None:
        self._endpoint = endpoint
        self._signer = signer or TokenSigner(endpoint)
        self._make = make
        self._kept: Connection | None = None
        self._made_at = 0.0

    @contextmanager
    def connection(self, timeout: float | None = None) -> Generator[Connection, None, None]:
        """Lend the connection; `timeout` bounds the making of a new one, in seconds.

        Raises ConnectionFailed when a new one is needed and cannot be made.
        """
        too_old = time.monotonic() - self._made_at > MAX_AGE_S
        if self._kept is None or self._kept.closed or too_old:
            self.close()
            self._kept = self._make(
                self._endpoint, self._signer, timeout_s=30.0 if timeout is None else timeout
            )
            self._made_at = time.monotonic()
        try:
            yield self._kept
        except KeyboardInterrupt:
            # It may have come in the middle of a message: what is cleaned up needs a new one.
            self.close()
            raise

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def __enter__(self) -> "KeptConnection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_pool(
    endpoint: Endpoint,
    *,
    size: int,
    wait_s: float = 30.0,
    signer: TokenSigner | None = None,
    all_at_once: bool = False,
) -> "ConnectionPool[Connection]":
    """Open a pool of up to `size` connections in autocommit mode; close it when done.

    They are made as they are needed, or `all_at_once` in the background, for work that will need
    them all in a moment.

    Each connection gets its own token, and is replaced before DSQL's age limit, at a random moment
    so that not all are replaced together. One that was not lent for half a minute is checked
    before it is lent; busy ones are not, as a check is a round trip. `wait_s` bounds each wait for
    a connection.

    Raises ConnectionFailed with the reason when the first connection cannot be made: a pool by
    itself would only report a timeout.
    """
    from psycopg_pool import ConnectionPool

    signer = signer or TokenSigner(endpoint)
    lent_at: WeakKeyDictionary[Connection, float] = WeakKeyDictionary()

    def remember(connection: Connection) -> None:
        lent_at[connection] = time.monotonic()

    def check_if_idle(connection: Connection) -> None:
        if time.monotonic() - lent_at.get(connection, 0.0) > _IDLE_BEFORE_CHECK_S:
            ConnectionPool.check_connection(connection)
        remember(connection)

    pool: ConnectionPool[Connection] = ConnectionPool(
        kwargs=lambda: {"autocommit": True, **parameters(endpoint, signer)},
        min_size=size if all_at_once else min(size, 1),
        max_size=size,
        timeout=wait_s,
        max_lifetime=MAX_AGE_S,
        # No `reset`: what comes back would be handed to a thread, which drops it, open, where the
        # pool is closed before that.
        configure=remember,
        check=check_if_idle,
        open=False,
        name="dsqlkit",
    )
    if all_at_once:
        pool.open()  # to make them while the first one is tried
    try:
        connect(endpoint, signer, timeout_s=wait_s).close()
    except BaseException:
        pool.close(timeout=0)  # what it has begun ends by itself
        raise
    pool.open()
    return pool

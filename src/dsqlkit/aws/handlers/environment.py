"""What a Lambda function keeps from one invocation to the next: its cluster and its connection.

Lambda keeps a process between invocations and gives it one request at a time. A connection that
is made again for each of them costs more than the work, so one is kept.
"""

import json
import os
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Final, NoReturn, TypeAlias

from dsqlkit import libpq
from dsqlkit.connection import Connection, KeptConnection
from dsqlkit.endpoint import Endpoint, resolve
from dsqlkit.errors import UsageError

Record: TypeAlias = Mapping[str, object]
"""What the log says of one invocation; see `function`."""

CONNECT_LIMIT_S: Final = 15.0
"""Half of what chapters 3 to 6 have for all of an invocation."""


class Environment:
    """Lends the one connection, which is made when it is first needed, and made anew when it is
    broken or near DSQL's age limit. For one thread at a time.

    `find_endpoint` is called once, with the first connection; what it raises, `connection` raises.
    `log` gets the record of each invocation.
    """

    def __init__(
        self,
        find_endpoint: Callable[[], Endpoint],
        log: Callable[[Record], None] = lambda _: None,
    ) -> None:
        self._find_endpoint = find_endpoint
        self._kept: KeptConnection | None = None
        self._last: Connection | None = None
        self.connections_made = 0
        self.log = log

    @contextmanager
    def connection(self, timeout: float | None = None) -> Generator[Connection, None, None]:
        """Lend the connection. Raises ConnectionFailed when one is needed and cannot be made."""
        if self._kept is None:
            self._kept = KeptConnection(self._find_endpoint())
        with self._kept.connection(CONNECT_LIMIT_S if timeout is None else timeout) as connection:
            if connection is not self._last:
                self._last = connection
                self.connections_made += 1
            yield connection

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._kept is not None:
            self._kept.close()


def configured_endpoint(environ: Mapping[str, str] = os.environ) -> Endpoint:
    """The cluster that CLUSTER_ENDPOINT names, in REGION where its name has no region.

    What libpq would read from the environment by itself is dropped: the process is ours.

    Raises UsageError where they name none.
    """
    if not environ.get("CLUSTER_ENDPOINT"):
        raise UsageError(
            "CLUSTER_ENDPOINT is not set.",
            hint="Set it to the cluster's host name in the function's environment.",
        )
    libpq.forget()
    # Lambda itself sets AWS_REGION, to the function's region: REGION is the cluster's.
    overruled = {"AWS_REGION", "AWS_DEFAULT_REGION"} if environ.get("REGION") else set()
    return resolve(
        environ={name: value for name, value in environ.items() if name not in overruled},
        start_local=_no_local_cluster,
        local_address=lambda: None,
    )


def write_line(record: Record) -> None:
    """Write a record as a line of JSON, where Lambda collects it."""
    sys.stderr.write(json.dumps(record, ensure_ascii=False) + "\n")
    sys.stderr.flush()


def _no_local_cluster() -> NoReturn:
    raise UsageError(
        "CLUSTER_ENDPOINT is `local`, and a function has no local cluster.",
        hint="Set it to a cluster's host name.",
    )

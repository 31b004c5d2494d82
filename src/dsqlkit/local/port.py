"""The port that somebody wants the local cluster to listen on."""

import errno
import socket
from typing import Final

from dsqlkit.errors import LocalClusterFailed, UsageError

ADDRESS: Final = "127.0.0.1"

_MOST: Final = 65_535


def check_port(port: int) -> None:
    """Raise UsageError unless it is a port, or 0 for any."""
    if not 0 <= port <= _MOST:
        raise UsageError(f"{port} is not a port.", hint="Give one from 1 to 65535; 0 is any.")


def check_free(port: int) -> None:
    """Raise LocalClusterFailed unless the cluster could listen there."""
    try:
        listening_socket(port).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            why, hint = "something else listens there", "Stop that, or choose another port."
        elif error.errno == errno.EACCES:
            why, hint = "it is for privileged programs", "Choose one from 1024 on."
        else:
            raise
        raise LocalClusterFailed(
            f"The local cluster cannot listen on port {port}: {why}.", hint=hint
        ) from error


def listening_socket(port: int) -> socket.socket:
    """A socket that listens on this port of this machine, or on a free one for 0."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # A port left by connections that are still fading away may be used again.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((ADDRESS, port))
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


_BACKLOG: Final = 512

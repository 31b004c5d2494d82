"""How a connection ends that we close, so that its peer still gets our last."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Final

_READ_BYTES: Final = 64 * 1024
_LINGER_S: Final = 1.0


def linger(connection: socket.socket, end: Callable[[], None]) -> None:
    """Send nothing more, and read on for a moment before `end`: with data unread the peer might not
    get our last."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
    loop.add_reader(connection, _discard, connection, end)
    loop.call_later(_LINGER_S, end)


def _discard(connection: socket.socket, end: Callable[[], None]) -> None:
    try:
        has_ended = not connection.recv(_READ_BYTES)
    except (BlockingIOError, InterruptedError):
        return
    except OSError:
        has_ended = True
    if has_ended:
        end()

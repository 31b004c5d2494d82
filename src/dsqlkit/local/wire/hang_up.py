"""Whether the peer of a socket that nobody reads has hung up, looked at now and then."""

import asyncio
import select
import socket
import sys
from collections.abc import Callable
from typing import Final

CAN_TELL: Final = sys.platform.startswith("linux")
"""Other systems tell of no hang-up but by reading."""
_LOOK_S: Final = 2.0


class HangUpLook:
    """Looks at one socket, from `begin` to `stop`, and calls `gone` once its peer has hung up."""

    def __init__(self, gone: Callable[[], None]) -> None:
        self._gone = gone
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, connection: socket.socket) -> None:
        """Look at this socket from now on."""
        if self._timer is None:
            self._wait(connection)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self, connection: socket.socket) -> None:
        self._timer = asyncio.get_running_loop().call_later(_LOOK_S, self._look, connection)

    def _look(self, connection: socket.socket) -> None:
        self._timer = None
        if connection.fileno() < 0:
            return
        poll = select.poll()
        poll.register(connection, select.POLLRDHUP)
        if poll.poll(0):
            self._gone()
        else:
            self._wait(connection)

"""What goes out by a socket that may not take all of it at once."""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

FULL_BYTES: Final = 256 * 1024


class Outgoing:
    """Sends what it can, keeps the rest, and sends that when the socket takes more.

    `on_full` hears when much is kept, `on_sent` when all that was kept has gone. `on_broken` hears,
    amid a `send`, that the connection has gone, `abort` when that is found at another time.
    """

    def __init__(
        self,
        *,
        on_full: Callable[[], None],
        on_sent: Callable[[], None],
        on_broken: Callable[[], None],
        abort: Callable[[], None],
    ) -> None:
        self._on_full = on_full
        self._on_sent = on_sent
        self._on_broken = on_broken
        self._abort = abort
        self._unsent = bytearray()
        self._is_full = False

    def take(self, connection: socket.socket) -> None:
        """Send by this socket, which does not block."""
        self._loop = asyncio.get_running_loop()
        self._socket = connection

    @property
    def is_empty(self) -> bool:
        """Whether all has been sent."""
        return not self._unsent

    def send(self, data: bytes) -> None:
        """Send it after what was to be sent before."""
        if not self._unsent:
            try:
                sent = self._socket.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                self._on_broken()
                return
            if sent == len(data):
                return
            self._loop.add_writer(self._socket, self._writable)
            self._unsent += memoryview(data)[sent:]
        else:
            self._unsent += data
        if len(self._unsent) > FULL_BYTES and not self._is_full:
            self._is_full = True
            self._on_full()

    def stop(self) -> None:
        """Send nothing more, what is kept neither."""
        self._loop.remove_writer(self._socket)
        self._unsent.clear()

    def _writable(self) -> None:
        try:
            with memoryview(self._unsent) as unsent:
                sent = self._socket.send(unsent)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._abort()
            return
        del self._unsent[:sent]
        if not self._unsent:
            self._loop.remove_writer(self._socket)
            self._is_full = False
            self._on_sent()

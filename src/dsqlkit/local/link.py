"""One side of a session: a transport, with back pressure on the other side."""

import asyncio
from collections.abc import Callable
from typing import Final, cast

_WRITE_BUFFER_BYTES: Final = 256 * 1024


class Link(asyncio.Protocol):
    """One side of a session. While it cannot write (`full`), the other side does not read."""

    def __init__(self, receive: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        self.other: Link | None = None
        self.full = False
        self._receive = receive
        self._lost = lost
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.take_over(cast(asyncio.Transport, transport))

    def take_over(self, transport: asyncio.Transport) -> None:
        """Use a transport that is open already."""
        self._transport = transport
        transport.set_write_buffer_limits(high=_WRITE_BUFFER_BYTES)
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        self._receive(data)

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None
        self._lost()

    def write(self, data: bytes) -> None:
        if data and self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Break the connection: nothing more is sent, no goodbye either."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def read(self, allowed: bool) -> None:
        """Go on reading, unless the other side is full; or stop."""
        if self._transport is None or self._transport.is_closing():
            return
        if not allowed:
            self._transport.pause_reading()
        elif self.other is None or not self.other.full:
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        assert self.other is not None
        self.full = True
        self.other.read(False)

    def resume_writing(self) -> None:
        assert self.other is not None
        self.full = False
        self.other.read(True)

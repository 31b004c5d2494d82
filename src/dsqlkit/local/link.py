"""One side of a session: a transport, with back pressure on the other side."""

import asyncio
from collections.abc import Callable
from typing import Final, cast

_WRITE_BUFFER_BYTES: Final = 256 * 1024


class Link(asyncio.Protocol):
    """One side of a session. While it cannot write, the other side does not read."""

    def __init__(self, receive: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        self.other: Link | None = None
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

    def read(self, allowed: bool) -> None:
        """Go on reading, or stop."""
        if self._transport is not None and not self._transport.is_closing():
            if allowed:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    def pause_writing(self) -> None:
        assert self.other is not None
        self.other.read(False)

    def resume_writing(self) -> None:
        assert self.other is not None
        self.other.read(True)

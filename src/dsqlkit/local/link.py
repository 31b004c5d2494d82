"""One side of a session: a transport, with back pressure on the other side."""

import asyncio
import select
import sys
from collections.abc import Callable
from typing import Final, cast

_WRITE_BUFFER_BYTES: Final = 256 * 1024
_LOOK_S: Final = 2.0
_LEAVE_LIMIT_S: Final = 2.0


class Link(asyncio.Protocol):
    """One side of a session. While it cannot write (`full`), the other side does not read.

    While a `watched` one does not read it looks now and then whether its peer has hung up, as
    reading would have told.
    """

    def __init__(
        self, receive: Callable[[bytes], None], lost: Callable[[], None], *, watched: bool = False
    ) -> None:
        self.other: Link | None = None
        self.full = False
        self._receive = receive
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._held = False
        self._watched = watched and sys.platform.startswith("linux")  # others tell no hang-up
        self._look: asyncio.TimerHandle | None = None

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
        self._stop_looking()
        self._lost()

    def write(self, data: bytes) -> None:
        if data and self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def leave(self, farewell: bytes) -> None:
        """Say goodbye and close, even if the peer does not listen."""
        if self._transport is not None:
            self._transport.write(farewell)
            self._transport.close()
            asyncio.get_running_loop().call_later(_LEAVE_LIMIT_S, self.abort)

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
            if self._watched and self._look is None:
                self._look_later()
        elif not self._held and (self.other is None or not self.other.full):
            self._stop_looking()
            self._transport.resume_reading()

    def hold(self, held: bool) -> None:
        """Stop reading, whatever the other side can take; or leave it to that again."""
        if held is not self._held:
            self._held = held
            self.read(not held)

    def _look_later(self) -> None:
        self._look = asyncio.get_running_loop().call_later(_LOOK_S, self._look_for_peer)

    def _stop_looking(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def _look_for_peer(self) -> None:
        self._look = None
        if self._transport is None:
            return
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLRDHUP)
        if poll.poll(0):
            self.abort()
            self._lost()
        else:
            self._look_later()

    def pause_writing(self) -> None:
        assert self.other is not None
        self.full = True
        self.other.read(False)

    def resume_writing(self) -> None:
        assert self.other is not None
        self.full = False
        self.other.read(True)

"""One side of a session: a socket, encrypted or not, with back pressure on the other side.

Sockets are read and written here and not by asyncio's transports, which cost more for each of the
small messages that a client and its backend exchange.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Final

from dsqlkit.local.wire.hang_up import CAN_TELL, HangUpLook
from dsqlkit.local.wire.lingering import linger
from dsqlkit.local.wire.outgoing import FULL_BYTES, Outgoing
from dsqlkit.local.wire.tls_stream import TlsStream

_READ_BYTES: Final = 64 * 1024
_KEPT_BYTES: Final = 8 * 1024
"""How much is kept to go with what comes next; as much as PostgreSQL keeps."""
_FLUSH_LIMIT_S: Final = 10.0
_LEAVE_LIMIT_S: Final = 2.0
_ANSWER_LIMIT_S: Final = 2.0
"""How long the answers may take for a peer that has ended its side: most have gone altogether."""

_log = logging.getLogger(__name__)


class Link:
    """One side of a session. While it cannot write (`full`), the other side does not read.

    `receive` gets what arrives; `lost` is called once when it is over, whoever ended it. While a
    `watched` one does not read, it looks now and then whether its peer has hung up. A peer that
    ends its side is taken to say a `farewell`, and still gets what it asked for before, if that
    does not take long; without one the connection ends at once.
    """

    def __init__(
        self,
        receive: Callable[[bytes], None],
        lost: Callable[[], None],
        *,
        watched: bool = False,
        farewell: bytes = b"",
    ) -> None:
        self.other: Link | None = None
        self.full = False
        self._receive = receive
        self._lost = lost
        self._socket: socket.socket | None = None
        self._tls: TlsStream | None = None
        self._outgoing = Outgoing(
            on_full=self._filled,
            on_sent=self._emptied,
            on_broken=self._break_soon,
            abort=self.abort,
        )
        self._kept = b""
        self._held_back = False
        self._closing = False
        self._held = False
        self._farewell = farewell
        self._heard_all = False
        self._look = HangUpLook(self.abort) if watched and CAN_TELL else None

    def take(
        self, connection: socket.socket, tls: TlsStream | None = None, *, early: bytes = b""
    ) -> None:
        """Own a connected, non-blocking socket from now on, and read what comes. `early` was read
        of it before."""
        self._loop = asyncio.get_running_loop()
        self._socket = connection
        self._outgoing.take(connection)
        self._tls = tls
        if early or (tls is not None and tls.has_input):
            self._loop.call_soon(self._begin, early)
        else:
            self._loop.add_reader(connection, self._readable)

    def _begin(self, early: bytes) -> None:
        """Take what has come already, and only then read: the next may be the end."""
        if not self.is_open:
            return
        if early:
            self._hand_on(early)
        if self._tls is not None and self._tls.has_input:
            self._arrived(b"")
        self.read(True)

    def release(self) -> tuple[socket.socket, TlsStream | None] | None:
        """Give the socket away, for another link to take; None when it is over."""
        if self._socket is None or self._closing:
            return None
        released = self._socket, self._tls
        self._stop_looking()
        self._loop.remove_reader(self._socket)
        self._socket = self._tls = None
        return released

    @property
    def is_open(self) -> bool:
        return self._socket is not None and not self._closing

    def keep(self, data: bytes) -> None:
        """Send it with what is written next, unless it is much."""
        self._kept += data
        if len(self._kept) > _KEPT_BYTES:
            self.write(b"")

    def hold_back(self, held: bool) -> None:
        """Keep what is written, unless it is much, or send it."""
        self._held_back = held
        if not held:
            self.write(b"")

    def write(self, data: bytes) -> None:
        """Send. What the network does not take yet is kept, and the other side stops reading."""
        if self._kept:
            data = self._kept + data
            self._kept = b""
        if self._held_back and len(data) < FULL_BYTES:
            self._kept = data
            return
        if not data or self._socket is None or self._closing:
            return
        self._outgoing.send(data if self._tls is None else self._tls.encrypt(data))

    def close(self) -> None:
        """End it once all that was written has been sent, within a limit."""
        if self._socket is None or self._closing:
            return
        self._stop_looking()
        self._loop.remove_reader(self._socket)
        self.hold_back(False)
        if self._tls is not None:
            self._outgoing.send(self._tls.goodbye())
        self._closing = True
        if self._outgoing.is_empty:
            linger(self._socket, self.abort)
        else:
            self._loop.call_later(_FLUSH_LIMIT_S, self.abort)

    def leave(self, farewell: bytes) -> None:
        """Say goodbye and close, soon even if the peer does not listen."""
        self.write(farewell)
        self.close()
        if self._socket is not None:
            self._loop.call_later(_LEAVE_LIMIT_S, self.abort)

    def abort(self) -> None:
        """Break the connection: nothing more is sent, no goodbye either."""
        if self._socket is None:
            return
        self._stop_looking()
        self._loop.remove_reader(self._socket)
        self._outgoing.stop()
        self._socket.close()
        self._socket = None
        self._loop.call_soon(self._lost)

    def read(self, allowed: bool) -> None:
        """Stop reading, or go on, unless the other side cannot take more."""
        if self._socket is None or self._closing:
            return
        if not allowed:
            self._loop.remove_reader(self._socket)
            if self._look is not None:
                self._look.begin(self._socket)
        elif not (self._held or self._heard_all) and (self.other is None or not self.other.full):
            self._stop_looking()
            self._loop.add_reader(self._socket, self._readable)

    def hold(self, held: bool) -> None:
        """Stop reading, whatever the other side can take; or leave it to that again."""
        if held is not self._held:
            self._held = held
            self.read(not held)

    def _stop_looking(self) -> None:
        if self._look is not None:
            self._look.stop()

    def _readable(self) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(_READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.abort()
            return
        if not data:
            self._hear_no_more(self.abort)
            return
        # libuv stops watching a socket that has an error pending, after telling of its data.
        broken = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if self._tls is None:
            self._hand_on(data)
        else:
            self._arrived(data)
        if broken:
            self.abort()

    def _arrived(self, data: bytes) -> None:
        """Take bytes of a TLS session."""
        tls = self._tls
        if tls is None or self._closing:
            return
        try:
            data = tls.decrypt(data)
        except ssl.SSLError:
            self.abort()
            return
        if tls.has_output:
            self._outgoing.send(tls.output())
        if data:
            self._hand_on(data)
        if tls.ended:
            self._hear_no_more(self.close)

    def _hear_no_more(self, end: Callable[[], None]) -> None:
        """The peer sends nothing more. It may have gone, so it has not long for its answers."""
        if not self._farewell:
            end()
        elif self._socket is not None and not (self._heard_all or self._closing):
            self._heard_all = True
            self._loop.remove_reader(self._socket)
            self._loop.call_later(_ANSWER_LIMIT_S, self.abort)
            self._hand_on(self._farewell)

    def _hand_on(self, data: bytes) -> None:
        """Let whoever reads this link have what came. Should that fail, for a mistake of ours, the
        peer is not left waiting: the connection ends, and its other side with it."""
        try:
            self._receive(data)
        except Exception:
            _log.exception("a connection is closed, as what it sent could not be handled")
            self.abort()

    def _filled(self) -> None:
        """Much is kept to be sent: the other side is to wait."""
        self.full = True
        if self.other is not None:
            self.other.read(False)

    def _emptied(self) -> None:
        """All that was kept to be sent has gone."""
        assert self._socket is not None
        self.full = False
        if self._closing:
            linger(self._socket, self.abort)
        elif self.other is not None:
            self.other.read(True)

    def _break_soon(self) -> None:
        """End it, as it cannot be written to. Whoever writes is in the middle of something, and
        hears of the end after that."""
        self._closing = True
        self._loop.call_soon(self.abort)

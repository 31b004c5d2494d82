"""The endpoint's port: accepts connections and brings each to TLS and to its sign-in."""

import asyncio
import errno
import logging
import socket
import ssl
from typing import Final

from dsqlkit.local.door.login import Login, Reception
from dsqlkit.local.port import listening_socket
from dsqlkit.local.wire.messages import ProtocolViolation, error_response
from dsqlkit.local.wire.negotiation import ALPN_PROTOCOL, Opening, negotiate
from dsqlkit.local.wire.tls_stream import TlsStream

_OPENING_LIMIT_S: Final = 10.0
_PAUSE_S: Final = 0.1
_PLAIN_TEXT: Final = "unable to accept connection, SSL is mandatory"

_log = logging.getLogger(__name__)


def bind(port: int | None, *, no_other: bool = False) -> socket.socket:
    """A listening socket on the port, or on a free one if there is none or it is taken.

    With `no_other` a port that is taken raises OSError.
    """
    if port:
        try:
            return listening_socket(port)
        except OSError as error:
            if no_other or error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
    return listening_socket(0)


class Listener:
    """Accepts connections until it is cancelled. The port stays open: it is the caller's."""

    def __init__(
        self, listening: socket.socket, context: ssl.SSLContext, reception: Reception
    ) -> None:
        self._listening = listening
        self._context = context
        self._reception = reception
        self._openings: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Accept connections until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    connection, _ = await loop.sock_accept(self._listening)
                except OSError as error:
                    # Out of files, or a client gone before it was accepted: others go on.
                    _log.warning("a connection was not accepted: %s", error)
                    await asyncio.sleep(_PAUSE_S)
                    continue
                opening = loop.create_task(self._open(connection))
                self._openings.add(opening)
                opening.add_done_callback(self._openings.discard)
        finally:
            for opening in self._openings:
                opening.cancel()

    async def _open(self, connection: socket.socket) -> None:
        """Bring one connection to its sign-in, or close it."""
        handed_over = False
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(_OPENING_LIMIT_S):
                opening, packet = await negotiate(connection)
                if opening is Opening.CANCEL:
                    await self._reception.cancel(packet)
                elif opening is Opening.PLAIN:
                    refusal = error_response("08P01", _PLAIN_TEXT, severity="FATAL")
                    await asyncio.get_running_loop().sock_sendall(connection, refusal)
                elif opening in (Opening.TLS, Opening.DIRECT_TLS):
                    tls = TlsStream(self._context)
                    await tls.handshake(connection)
                    # PostgreSQL asks this of direct TLS, so that no other protocol's client
                    # gets here.
                    if opening is Opening.TLS or tls.alpn_protocol == ALPN_PROTOCOL:
                        handed_over = True
                        Login(self._reception).begin(connection, tls)
        except (OSError, TimeoutError, ProtocolViolation) as error:
            _log.info("a connection ended before its sign-in: %s", str(error) or "too slow")
        finally:
            if not handed_over:
                connection.close()

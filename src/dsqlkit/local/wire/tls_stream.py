"""One TLS session of the endpoint, apart from its socket: bytes in, bytes out."""

import asyncio
import contextlib
import socket
import ssl
from typing import Final

_READ_BYTES: Final = 64 * 1024


class TlsStream:
    """The server's end of a TLS session."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.ended = False

    async def handshake(self, connection: socket.socket) -> None:
        """Agree with the client. The caller bounds the time. Raises OSError (ssl.SSLError)."""
        loop = asyncio.get_running_loop()
        while True:
            agreed = True
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                agreed = False
            finally:
                # An alert, when it failed, is for the client to know why.
                if self._outgoing.pending:
                    await loop.sock_sendall(connection, self._outgoing.read())
            if agreed:
                return
            data = await loop.sock_recv(connection, _READ_BYTES)
            if not data:
                raise ConnectionResetError("the client has gone")
            self._incoming.write(data)

    @property
    def alpn_protocol(self) -> str | None:
        return self._tls.selected_alpn_protocol()

    @property
    def has_input(self) -> bool:
        """Whether something has come that was not decrypted yet."""
        return self._incoming.pending > 0

    @property
    def has_output(self) -> bool:
        """Whether TLS itself has something to send, such as an answer to a change of keys."""
        return self._outgoing.pending > 0

    def decrypt(self, data: bytes) -> bytes:
        """What has arrived, as far as it is whole. Sets `ended` at the client's goodbye.

        Raises ssl.SSLError when it is not of this session.
        """
        incoming, read = self._incoming, self._tls.read
        incoming.write(data)
        pieces: list[bytes] = []
        try:
            # Nothing is what it reads at the goodbye, whatever comes after it.
            while data := read(_READ_BYTES):
                if not incoming.pending and not pieces:
                    return data
                pieces.append(data)
                if not incoming.pending:
                    break
            else:
                self.ended = True
        except ssl.SSLWantReadError:
            pass
        return b"".join(pieces)

    def encrypt(self, data: bytes) -> bytes:
        """The bytes to send for this data."""
        self._tls.write(data)
        return self._outgoing.read()

    def output(self) -> bytes:
        """The bytes that TLS itself has to send."""
        return self._outgoing.read()

    def goodbye(self) -> bytes:
        """The closing alert, to be sent last. The client's own is not waited for."""
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        return self._outgoing.read()

"""The first bytes of a connection: direct TLS, a request for TLS, a cancel request, or plain text.

Nothing but TLS goes on to sign in. Bytes are read one packet at a time, so that nothing sent
ahead in plain text can be taken for the beginning of the TLS session (CVE-2021-23222).
"""

import asyncio
import socket
import ssl
import struct
from enum import Enum, auto
from typing import Final

from dsqlkit.local.wire.messages import (
    CANCEL_REQUEST,
    GSSENC_REQUEST,
    PROTOCOL_3,
    SSL_REQUEST,
    ProtocolViolation,
)

ALPN_PROTOCOL: Final = "postgresql"
_TLS_HANDSHAKE: Final = 0x16
_LENGTH_AND_CODE: Final = struct.Struct("!II")
_SSL_REQUEST: Final = _LENGTH_AND_CODE.pack(8, SSL_REQUEST)
_GSSENC_REQUEST: Final = _LENGTH_AND_CODE.pack(8, GSSENC_REQUEST)
SHORTEST_CANCEL: Final = 16
_LONGEST_CANCEL: Final = 12 + 256  # the longest key of protocol 3.2


class Opening(Enum):
    """What a client wants, going by its first bytes."""

    DIRECT_TLS = auto()
    TLS = auto()
    CANCEL = auto()
    PLAIN = auto()


async def negotiate(connection: socket.socket) -> tuple[Opening, bytes]:
    """Read up to the point where TLS begins; for CANCEL, give its packet too.

    The caller bounds the time. Raises OSError when the connection breaks, and ProtocolViolation
    when this is not a PostgreSQL client, or one that says too much too early.
    """
    loop = asyncio.get_running_loop()
    if await _peek(loop, connection) == _TLS_HANDSHAKE:
        return Opening.DIRECT_TLS, b""
    packet = await _exactly(loop, connection, 8)
    if packet == _GSSENC_REQUEST:
        await _answer(loop, connection, b"N")
        packet = await _exactly(loop, connection, 8)
    if packet == _SSL_REQUEST:
        await _answer(loop, connection, b"S")
        return Opening.TLS, b""
    length, code = _LENGTH_AND_CODE.unpack(packet)
    if code == CANCEL_REQUEST and SHORTEST_CANCEL <= length <= _LONGEST_CANCEL:
        return Opening.CANCEL, packet + await _exactly(loop, connection, length - 8)
    if code >> 16 == PROTOCOL_3 >> 16 and length > 8:
        return Opening.PLAIN, b""
    raise ProtocolViolation("an opening that is not PostgreSQL's")


def tls_context(certificate: str) -> ssl.SSLContext:
    """TLS 1.2 or newer, with PostgreSQL's protocol name for direct TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(certificate)
    context.set_alpn_protocols([ALPN_PROTOCOL])
    return context


async def _peek(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> int | None:
    """The first byte, left in the socket; None at the end of the stream."""
    while True:
        try:
            first = connection.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            await _until_readable(loop, connection)
        else:
            return first[0] if first else None


async def _until_readable(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
    ready = asyncio.Event()
    loop.add_reader(connection, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(connection)


async def _exactly(loop: asyncio.AbstractEventLoop, connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = await loop.sock_recv(connection, count - len(data))
        if not more:
            raise ConnectionResetError("the client has gone")
        data += more
    return data


async def _answer(
    loop: asyncio.AbstractEventLoop, connection: socket.socket, answer: bytes
) -> None:
    try:
        early = connection.recv(1, socket.MSG_PEEK)
    except (BlockingIOError, InterruptedError):
        early = b""
    if early:
        raise ProtocolViolation("bytes sent ahead of the answer to a request for encryption")
    await loop.sock_sendall(connection, answer)

"""The first bytes of a connection: direct TLS, a request for TLS, a cancel request, or plain text.

Nothing but TLS goes on to sign in. Bytes are read one packet at a time, so that nothing sent
ahead in plain text can be taken for the beginning of the TLS session (CVE-2021-23222).
"""

import asyncio
import socket
import ssl
from enum import Enum, auto

from dsqlkit.local import wire

_LARGEST_CANCEL_KEY = 256
_TLS_HANDSHAKE = 0x16


class Opening(Enum):
    """What a client wants, going by its first bytes."""

    DIRECT_TLS = auto()
    TLS = auto()
    CANCEL = auto()
    PLAIN = auto()
    NOTHING = auto()


async def negotiate(connection: socket.socket) -> tuple[Opening, bytes]:
    """Read up to the point where TLS begins; for CANCEL, give its packet too.

    The caller bounds the time. Raises OSError when the connection breaks.
    """
    loop = asyncio.get_running_loop()
    if await _peek(loop, connection) == _TLS_HANDSHAKE:
        return Opening.DIRECT_TLS, b""
    refused_gss = False
    while True:
        packet = await _exactly(loop, connection, 8)
        if packet is None:
            return Opening.NOTHING, b""
        length, code = wire.INT32.unpack_from(packet)[0], wire.INT32.unpack_from(packet, 4)[0]
        if code == wire.CANCEL_REQUEST:
            return await _read_cancel(length, packet, loop, connection)
        if length != 8 or code not in (wire.SSL_REQUEST, wire.GSSENC_REQUEST):
            is_startup = length > 8 and code >> 16 == wire.PROTOCOL_3 >> 16
            return (Opening.PLAIN if is_startup else Opening.NOTHING), b""
        if _has_more(connection):
            return Opening.NOTHING, b""
        if code == wire.SSL_REQUEST:
            await loop.sock_sendall(connection, b"S")
            return Opening.TLS, b""
        if refused_gss:
            return Opening.NOTHING, b""
        refused_gss = True
        await loop.sock_sendall(connection, b"N")


async def _read_cancel(
    length: int, packet: bytes, loop: asyncio.AbstractEventLoop, connection: socket.socket
) -> tuple[Opening, bytes]:
    rest = None
    if 16 <= length <= _LARGEST_CANCEL_KEY:
        rest = await _exactly(loop, connection, length - 8)
    return (Opening.NOTHING, b"") if rest is None else (Opening.CANCEL, packet + rest)


def tls_context(certificate: str) -> ssl.SSLContext:
    """TLS 1.2 or newer, with PostgreSQL's protocol name for direct TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["postgresql"])
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


async def _exactly(
    loop: asyncio.AbstractEventLoop, connection: socket.socket, count: int
) -> bytes | None:
    data = b""
    while len(data) < count:
        more = await loop.sock_recv(connection, count - len(data))
        if not more:
            return None
        data += more
    return data


def _has_more(connection: socket.socket) -> bool:
    try:
        return bool(connection.recv(1, socket.MSG_PEEK))
    except (BlockingIOError, InterruptedError):
        return False

"""Signing in once, as a client does: whether the cluster answers, and not only its process lives.

It takes the whole way (port, TLS, token, PostgreSQL behind it) and leaves. It runs no statement:
faults that delay those are no reason to say that the cluster does not answer.
"""

import socket
import ssl
from typing import Final

from dsqlkit.endpoint import ADMIN, DATABASE, Endpoint, LocalAddress, StaticCredentials
from dsqlkit.local.port import ADDRESS
from dsqlkit.local.wire.messages import (
    MAX_BACKEND_FRAME,
    TERMINATE,
    Backend,
    Field,
    FrameCutter,
    Frontend,
    ProtocolViolation,
    decode_fields,
    message,
)
from dsqlkit.local.wire.negotiation import ALPN_PROTOCOL
from dsqlkit.local.wire.startup import Startup
from dsqlkit.token import TokenSigner

_KINDS: Final = frozenset((Backend.AUTHENTICATION, Backend.ERROR_RESPONSE, Backend.READY_FOR_QUERY))
_FULL: Final = b"53300"
"""Too many connections: one more client is not let in, and those who are in are served."""


def why_not(address: LocalAddress, *, timeout_s: float) -> str | None:
    """Why no client can sign in as admin, or None if one can.

    `timeout_s` bounds each wait for an answer.
    """
    try:
        with (
            socket.create_connection((ADDRESS, address.port), timeout=timeout_s) as plain,
            _trusting(address).wrap_socket(plain, server_hostname=address.host) as connection,
        ):
            return _sign_in(connection, address)
    except TimeoutError:
        return f"port {address.port} did not answer within {timeout_s:g} s"
    except (OSError, ProtocolViolation) as error:
        return f"port {address.port}: {error}"


def _sign_in(connection: ssl.SSLSocket, address: LocalAddress) -> str | None:
    names = {b"user": ADMIN.encode(), b"database": DATABASE.encode()}
    connection.sendall(Startup(ADMIN, 0, names, ()).packet())
    cutter = FrameCutter(set(_KINDS), limit=MAX_BACKEND_FRAME)
    asked = False
    while data := connection.recv(16_384):
        for kind, frame in cutter.feed(data):
            if kind == Backend.AUTHENTICATION and not asked:
                asked = True
                connection.sendall(message(Frontend.PASSWORD, _token(address) + b"\0"))
            elif kind == Backend.ERROR_RESPONSE:
                told = decode_fields(frame)
                if told.get(Field.SQLSTATE) == _FULL:
                    return None
                return told.get(Field.MESSAGE, b"").decode(errors="replace")
            elif kind == Backend.READY_FOR_QUERY:
                connection.sendall(TERMINATE)
                return None
    return "the connection was closed before the sign-in was over"


def _token(address: LocalAddress) -> bytes:
    signer = TokenSigner(
        Endpoint(
            host=address.host,
            port=address.port,
            region=address.region,
            user=ADMIN,
            host_source="",
            region_source="",
            user_source="",
            credentials=StaticCredentials(address.access_key_id, address.secret_access_key),
        )
    )
    return signer.token().value.encode()


def _trusting(address: LocalAddress) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=address.root_certificate)
    context.set_alpn_protocols([ALPN_PROTOCOL])
    return context

"""A client that speaks the wire protocol byte by byte, rightly or not."""

import contextlib
import socket
import ssl
import struct

SSL_REQUEST = struct.pack("!II", 8, 80877103)
GSSENC_REQUEST = struct.pack("!II", 8, 80877104)
TERMINATE = b"X\0\0\0\4"


def startup(**parameters: str) -> bytes:
    body = struct.pack("!I", 3 << 16)
    for name, value in parameters.items():
        body += f"{name}\0{value}\0".encode()
    return struct.pack("!I", len(body) + 5) + body + b"\0"


STARTUP = startup(user="admin", database="postgres")


def password(token: str) -> bytes:
    return b"p" + struct.pack("!I", len(token) + 5) + token.encode() + b"\0"


def query(sql: str) -> bytes:
    return b"Q" + struct.pack("!I", len(sql) + 5) + sql.encode() + b"\0"


def cancel_request(pid: int, key: bytes) -> bytes:
    return struct.pack("!III", 12 + len(key), 80877102, pid) + key


def signed_in(tls: ssl.SSLSocket, token: str) -> bytes:
    """Sign in; give what was answered, up to ReadyForQuery."""
    tls.sendall(STARTUP)
    assert tls.recv(100)[:1] == b"R"
    tls.sendall(password(token))
    return answer_of(tls)


def answer_of(connection: socket.socket) -> bytes:
    """What comes up to a ReadyForQuery outside of a transaction."""
    answer = b""
    while not answer.endswith(b"Z\0\0\0\x05I"):
        more = connection.recv(100_000)
        assert more, answer
        answer += more
    return answer


def rest(connection: socket.socket) -> bytes:
    """What still comes until the other side closes."""
    received = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while more := connection.recv(10_000):
            received += more
    return received


def vanish(tls: ssl.SSLSocket) -> None:
    """Reset the connection: no farewell, as when a machine dies."""
    raw = socket.socket(fileno=tls.detach())
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()

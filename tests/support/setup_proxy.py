"""What stands between pg_dump and a cluster: a proxy that takes off it what DSQL refuses.

pg_dump sets parameters and locks tables before it reads anything, and stops at the first refusal.
AWS publishes such a proxy (aurora-dsql-tools, pgdump-proxy); this one does what its README says.
It also speaks TLS, which the programs of the local cluster's PostgreSQL cannot.
"""

import contextlib
import re
import socket
import ssl
import struct
import threading
from collections.abc import Iterator

from dsqlkit.endpoint import Endpoint

_SSL_OR_GSS = (80877103, 80877104)
_SSL_REQUEST = struct.pack("!II", 8, _SSL_OR_GSS[0])
_SET = re.compile(rb"\s*SET\s+(?!client_encoding|datestyle|extra_float_digits|intervalstyle)", re.I)
_LOCK = re.compile(rb"\s*LOCK\s", re.I)
_CONFIGURE = re.compile(rb"\s*SELECT\s+(pg_catalog\.)?set_config\(", re.I)


@contextlib.contextmanager
def setup_proxy(endpoint: Endpoint) -> Iterator[int]:
    """The port of a proxy in front of a local cluster, for one connection after another."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve, args=(server, endpoint), daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def _serve(server: socket.socket, endpoint: Endpoint) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return
        with client, contextlib.suppress(ConnectionError, EOFError), _cluster(endpoint) as cluster:
            cluster.sendall(_startup(client))
            back = threading.Thread(target=_pass_back, args=(cluster, client), daemon=True)
            back.start()
            _pass_on(client, cluster)
            back.join(10)


def _cluster(endpoint: Endpoint) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=endpoint.root_certificate)
    plain = socket.create_connection(("127.0.0.1", endpoint.port))
    plain.sendall(_SSL_REQUEST)
    assert plain.recv(1) == b"S"
    return context.wrap_socket(plain, server_hostname="localhost")


def _startup(client: socket.socket) -> bytes:
    while True:
        header = _exactly(client, 8)
        length, code = struct.unpack("!II", header)
        if code not in _SSL_OR_GSS:
            return header + _exactly(client, length - 8)
        client.sendall(b"N")


def _pass_on(client: socket.socket, cluster: ssl.SSLSocket) -> None:
    kind = b""
    while kind != b"X":
        header = _exactly(client, 5)
        kind, length = struct.unpack("!cI", header)
        body = _exactly(client, length - 4)
        if kind == b"Q" and _SET.match(body):
            client.sendall(_completed(b"SET", b"I"))
        elif kind == b"Q" and _LOCK.match(body):
            client.sendall(_completed(b"LOCK TABLE", b"T"))
        elif kind == b"Q" and _CONFIGURE.match(body):
            instead = b"SELECT NULL::text\0"
            cluster.sendall(b"Q" + struct.pack("!I", len(instead) + 4) + instead)
        else:
            cluster.sendall(header + body)


def _pass_back(cluster: ssl.SSLSocket, client: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := cluster.recv(65536):
            client.sendall(data)
        client.shutdown(socket.SHUT_RDWR)


def _completed(tag: bytes, status: bytes) -> bytes:
    return b"C" + struct.pack("!I", len(tag) + 5) + tag + b"\0Z" + struct.pack("!I", 5) + status


def _exactly(client: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        more = client.recv(count - len(received))
        if not more:
            raise EOFError
        received += more
    return received

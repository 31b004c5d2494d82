"""Recording what real clients send: a TLS endpoint in front of the local cluster's own.

It shows the local cluster's certificate, whose key it may read, and so sees what is inside.
"""

import contextlib
import select
import socket
import ssl
import threading
from pathlib import Path
from types import TracebackType

from dsqlkit.endpoint import LocalAddress

_LONGEST_S = 60.0


class Recorder:
    """Passes connections on, TLS to TLS; `streams` has what each client sent, TLS taken off."""

    def __init__(self, behind: LocalAddress) -> None:
        certificate = Path(behind.root_certificate).with_name("server.pem")
        self._server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._server.load_cert_chain(certificate)
        self._server.set_alpn_protocols(["postgresql"])
        self._client = ssl.create_default_context(cafile=behind.root_certificate)
        self._client.set_alpn_protocols(["postgresql"])
        self._behind = behind
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.streams: list[bytearray] = []
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> "Recorder":
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Wakes the accept, which closing would not.
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(30)

    def _accept(self) -> None:
        while True:
            try:
                raw, _ = self._listening.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._pass_on, args=(raw,))
            self._threads.append(thread)
            thread.start()

    def _pass_on(self, raw: socket.socket) -> None:
        if raw.recv(1, socket.MSG_PEEK) != b"\x16":
            raw.recv(8)
            raw.sendall(b"S")
        to = socket.create_connection(("127.0.0.1", self._behind.port), timeout=30)
        raw.settimeout(30)
        with (
            self._server.wrap_socket(raw, server_side=True) as client,
            self._client.wrap_socket(to, server_hostname="localhost") as cluster,
        ):
            stream = bytearray()
            self.streams.append(stream)
            _relay(client, cluster, stream)


def _relay(client: ssl.SSLSocket, cluster: ssl.SSLSocket, kept: bytearray) -> None:
    """Pass on what either side sends until one ends. In one thread: OpenSSL allows no two at one
    connection."""
    other = {client: cluster, cluster: client}
    for each in other:
        each.setblocking(False)
    with contextlib.suppress(OSError):
        while True:
            ready = [each for each in other if each.pending()]
            for source in ready or select.select(list(other), [], [], _LONGEST_S)[0]:
                try:
                    data = source.recv(1 << 16)
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    continue
                if not data:
                    return
                if source is client:
                    kept += data
                _send(other[source], data)


def _send(target: ssl.SSLSocket, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[target.send(rest) :]
        except ssl.SSLWantWriteError:
            select.select([], [target], [], _LONGEST_S)
        except ssl.SSLWantReadError:
            select.select([target], [], [], _LONGEST_S)

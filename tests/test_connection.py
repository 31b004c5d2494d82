"""Connections: a fresh token each, verified TLS, DSQL's own words when it refuses."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dsqlkit import connection as connection_module
from dsqlkit.connection import KeptConnection, connect, open_pool, parameters
from dsqlkit.endpoint import Endpoint
from dsqlkit.errors import ConnectionFailed
from dsqlkit.token import Token, TokenSigner
from dsqlkit.transaction import run

CLUSTER = "abcdefghijklmnopqrstuvwxy2.dsql.eu-west-1.on.aws"


class CountingSigner(TokenSigner):
    """Remembers the tokens it signed."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self.signed: list[str] = []

    def token(self, life_s: int = 900) -> Token:
        token = super().token(life_s)
        self.signed.append(token.value)
        return token


class Refusing:
    """A server that signs nobody in: it asks for the password and answers with an error.

    It has the local cluster's own certificate, so that what is tested is the whole way from DSQL's
    words on the wire to ours.
    """

    def __init__(self, endpoint: Endpoint, message: str, hint: str = "") -> None:
        assert endpoint.root_certificate is not None
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(Path(endpoint.root_certificate).with_name("server.pem"))
        self._context.set_alpn_protocols(["postgresql"])
        fields = {b"S": "FATAL", b"V": "FATAL", b"C": "28000", b"M": message, b"H": hint}
        body = b"".join(key + text.encode() + b"\0" for key, text in fields.items() if text)
        self._error = b"E" + struct.pack("!i", len(body) + 5) + body + b"\0"
        self._server = socket.create_server(("127.0.0.1", 0))
        self.endpoint = replace(endpoint, port=self._server.getsockname()[1])
        self.refused = 0

    @contextlib.contextmanager
    def running(self) -> Iterator["Refusing"]:
        thread = threading.Thread(target=self._serve, daemon=True)
        thread.start()
        yield self
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._server.accept()
            except OSError:
                return
            with self._context.wrap_socket(plain, server_side=True) as client:
                client.recv(4096)
                client.sendall(b"R" + struct.pack("!ii", 8, 3))
                client.recv(4096)
                self.refused += 1
                client.sendall(self._error)


@pytest.mark.parametrize(
    ("message", "hint", "words"),
    [
        ("unable to accept connection, access denied", "", "denied access to role admin"),
        (
            "unable to accept connection, access denied",
            "Signature expired: 20261123T000000Z is now earlier than 20261123T001500Z",
            "it is stale",
        ),
        ("unable to accept connection, sni was not received", "", "which cluster is meant"),
        ("something that no one has seen yet", "", "something that no one has seen yet"),
    ],
)
def test_a_refusal_is_told_at_once(endpoint: Endpoint, message: str, hint: str, words: str) -> None:
    with Refusing(endpoint, message, hint).running() as server:
        with pytest.raises(ConnectionFailed, match=words):
            connect(server.endpoint)
        assert server.refused == 1


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("unable to accept connection, waking up cluster, please retry later", "is waking up"),
        ("Unable to accept connection, too many open connections.", "too many open connections"),
        ("Unable to accept connection, rate exceeded.", "too fast"),
    ],
)
def test_a_refusal_that_passes_is_tried_again_with_a_fresh_token_until_time_is_up(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, message: str, words: str
) -> None:
    monkeypatch.setattr(connection_module, "_RETRY_PAUSE_S", 0.02)
    with Refusing(endpoint, message).running() as server:
        signer = CountingSigner(server.endpoint)
        with pytest.raises(ConnectionFailed, match=words):
            connect(server.endpoint, signer, timeout_s=0.3)
        assert server.refused > 1
    assert len(signer.signed) == server.refused


def test_each_connection_of_a_pool_has_a_token_of_its_own(endpoint: Endpoint) -> None:
    signer = CountingSigner(endpoint)
    with open_pool(endpoint, size=3, signer=signer) as pool, contextlib.ExitStack() as stack:
        lent = [stack.enter_context(pool.connection()) for _ in range(3)]
        assert len({id(each) for each in lent}) == 3
        # One more for the connection that `open_pool` makes to find out whether it can.
        assert len(signer.signed) == 4


def test_a_pool_that_is_busy_says_so_in_time(endpoint: Endpoint) -> None:
    with (
        open_pool(endpoint, size=1, wait_s=0.1) as pool,
        pool.connection(),
        pytest.raises(ConnectionFailed, match=r"couldn't get a connection after 0\.10 sec"),
    ):
        run(pool, lambda c: c.execute("SELECT 1"))


def test_a_pool_closes_what_came_back_a_moment_before(endpoint: Endpoint) -> None:
    lent = []
    for _ in range(10):
        with open_pool(endpoint, size=1) as pool, pool.connection() as connection:
            lent.append(connection)
    assert all(each.closed for each in lent)


def test_a_kept_connection_is_kept_until_it_is_too_old(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    with KeptConnection(endpoint) as kept:
        with kept.connection() as first, kept.connection() as again:
            assert again is first
        monkeypatch.setattr(connection_module, "MAX_AGE_S", 0.0)
        with kept.connection() as second:
            assert second is not first
            assert first.closed
    assert second.closed


def test_tls_is_verified_wherever_the_cluster_is(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = replace(endpoint, host=CLUSTER, root_certificate=None, credentials=None)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    here, there = (parameters(each, TokenSigner(each)) for each in (endpoint, far))
    assert here["sslmode"] == there["sslmode"] == "verify-full"
    assert here["sslrootcert"] == endpoint.root_certificate
    assert there["sslrootcert"].endswith("cacert.pem")
    assert here["sslnegotiation"] == there["sslnegotiation"] == "direct"
    assert there["hostaddr"] == ""
    monkeypatch.setenv("SSL_CERT_FILE", "/own/roots.pem")
    assert parameters(far, TokenSigner(far))["sslrootcert"] == "/own/roots.pem"
    assert parameters(endpoint, TokenSigner(endpoint))["sslrootcert"] == endpoint.root_certificate


def test_a_host_that_is_no_clusters_name_is_not_asked_for_direct_tls(endpoint: Endpoint) -> None:
    proxy = replace(endpoint, host="proxy.example.com", credentials=None)
    signer = TokenSigner(endpoint)
    assert parameters(proxy, signer)["sslnegotiation"] == "postgres"

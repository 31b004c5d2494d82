"""Clients that break the protocol: only their own session ends."""

import contextlib
import random
import socket
import ssl
import struct
from collections.abc import Callable, Iterator

import pytest

from dsqlkit import local
from dsqlkit.connection import connect
from dsqlkit.endpoint import Endpoint, LocalAddress
from tests.support.raw import (
    GSSENC_REQUEST,
    SSL_REQUEST,
    STARTUP,
    password,
    rest,
    signed_in,
    startup,
)


@pytest.fixture
def plain(local_cluster: LocalAddress) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", local_cluster.port), timeout=15) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _others_are_unharmed(endpoint: Endpoint) -> Iterator[None]:
    with connect(endpoint) as witness:
        yield
        assert witness.execute("SELECT 1").fetchone() == (1,)
        assert local.status().running
        assert "Traceback" not in local.log_file().read_text()


@pytest.mark.parametrize(
    "opening",
    [
        pytest.param(SSL_REQUEST + b"\x16", id="bytes sent ahead of the TLS answer"),
        pytest.param(SSL_REQUEST + STARTUP, id="a startup packet sent ahead"),
        pytest.param(GSSENC_REQUEST + SSL_REQUEST, id="bytes sent ahead of the GSS answer"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="another protocol"),
        pytest.param(b"\0" * 64, id="zeros"),
        pytest.param(b"\xff" * 64, id="ones"),
        pytest.param(struct.pack("!II", 8, 1 << 16), id="a protocol of long ago"),
    ],
)
def test_an_opening_that_is_not_a_clients_is_closed(plain: socket.socket, opening: bytes) -> None:
    plain.sendall(opening)
    assert rest(plain) == b""


def test_tls_after_a_declined_gss_request(
    local_cluster: LocalAddress, plain: socket.socket
) -> None:
    plain.sendall(GSSENC_REQUEST)
    assert plain.recv(10) == b"N"
    plain.sendall(SSL_REQUEST)
    assert plain.recv(10) == b"S"
    context = ssl.create_default_context(cafile=local_cluster.root_certificate)
    with context.wrap_socket(plain, server_hostname="localhost") as tls:
        tls.sendall(STARTUP)
        assert tls.recv(100)[:1] == b"R"


def test_a_plain_text_startup_gets_an_error_and_no_password_request(plain: socket.socket) -> None:
    plain.sendall(STARTUP)
    answer = rest(plain)
    assert answer[:1] == b"E"
    assert b"SSL is mandatory" in answer


def test_direct_tls_needs_the_protocols_name(
    local_cluster: LocalAddress, plain: socket.socket
) -> None:
    context = ssl.create_default_context(cafile=local_cluster.root_certificate)
    with context.wrap_socket(plain, server_hostname="localhost") as tls:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            tls.sendall(STARTUP)
        assert rest(tls) == b""


@pytest.mark.parametrize(
    ("packet", "told"),
    [
        pytest.param(struct.pack("!II", 4, 0)[:4], b"", id="no version"),
        pytest.param(struct.pack("!II", 100_000, 3 << 16), b"", id="too long"),
        pytest.param(struct.pack("!II", 9, 2 << 16) + b"\0", b"frontend protocol 2.0", id="old"),
        pytest.param(startup(), b"no PostgreSQL user name", id="no user"),
        pytest.param(startup(user=""), b"no PostgreSQL user name", id="empty user"),
        pytest.param(startup(user="admin"), b'"admin" does not exist', id="no database"),
        pytest.param(
            startup(user="admin", database="postgres", replication="true"),
            b"replication connections are not supported",
            id="replication",
        ),
        pytest.param(
            struct.pack("!II", 18, 3 << 16) + b"user\0admin", b"invalid startup", id="no end"
        ),
        pytest.param(
            struct.pack("!II", 29, 3 << 16) + b"user\0admin\0user\0app\0\0",
            b"given twice",
            id="user twice",
        ),
    ],
)
def test_a_bad_startup_packet_is_refused(
    encrypted: Callable[[], ssl.SSLSocket], packet: bytes, told: bytes
) -> None:
    tls = encrypted()
    tls.sendall(packet)
    answer = rest(tls)
    assert told in answer
    assert answer[:1] in (b"", b"E")


def test_a_newer_minor_version_and_options_are_negotiated_down(
    encrypted: Callable[[], ssl.SSLSocket], token: str
) -> None:
    tls = encrypted()
    body = struct.pack("!I", (3 << 16) + 2) + b"user\0admin\0database\0postgres\0_pq_.x\0y\0\0"
    tls.sendall(struct.pack("!I", len(body) + 4) + body)
    answer = tls.recv(1000)
    assert answer.startswith(b"v" + struct.pack("!III", 19, 0, 1) + b"_pq_.x\0R")
    tls.sendall(password(token))
    assert tls.recv(10)[:1] == b"R"


@pytest.mark.parametrize(
    ("after", "told"),
    [
        pytest.param(b"Q\0\0\0\x0dSELECT 1\0", b"got message type 81", id="a query"),
        pytest.param(b"p\0\0\0\x04", b"invalid password packet", id="an empty message"),
        pytest.param(b"p\0\0\0\x06ab", b"invalid password packet", id="no end"),
        pytest.param(b"p\xff\xff\xff\xff", b"", id="an endless password"),
        pytest.param(b"\x00" * 20, b"got message type 0", id="zeros"),
    ],
)
def test_anything_but_a_password_ends_the_sign_in(
    encrypted: Callable[[], ssl.SSLSocket], after: bytes, told: bytes
) -> None:
    tls = encrypted()
    tls.sendall(STARTUP)
    assert tls.recv(100)[:1] == b"R"
    tls.sendall(after)
    answer = rest(tls)
    assert answer[:1] == (b"E" if told else b"")
    assert told in answer


def test_garbage_after_the_sign_in_ends_only_that_session(
    encrypted: Callable[[], ssl.SSLSocket], token: str
) -> None:
    source = random.Random(1)  # the same garbage each time
    for _ in range(20):
        tls = encrypted()
        signed_in(tls, token)
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            tls.sendall(source.randbytes(200))
            tls.shutdown(socket.SHUT_WR)
        rest(tls)


@pytest.mark.parametrize("length", [0, 3, 10 * 1024 * 1024 + 4096, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_message_with_an_impossible_length_ends_the_session(
    encrypted: Callable[[], ssl.SSLSocket], token: str, length: int
) -> None:
    tls = encrypted()
    signed_in(tls, token)
    tls.sendall(b"Q" + struct.pack("!I", length) + b"SELECT 1\0")
    assert rest(tls) == b""

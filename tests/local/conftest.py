"""Connections to the local cluster for each test, and the signer that all of them share."""

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator

import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint, LocalAddress
from dsqlkit.token import TokenSigner
from tests.support.raw_client import RawClient


@pytest.fixture(scope="module")
def signer(endpoint: Endpoint) -> TokenSigner:
    return TokenSigner(endpoint)


@pytest.fixture
def connection(endpoint: Endpoint, signer: TokenSigner) -> Iterator[Connection]:
    with connect(endpoint, signer) as opened:
        yield opened


@pytest.fixture
def client(endpoint: Endpoint) -> Iterator[RawClient]:
    """A client of the wire protocol."""
    opened = RawClient(endpoint)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def token(signer: TokenSigner) -> str:
    return signer.token().value


@pytest.fixture
def encrypted(local_cluster: LocalAddress) -> Iterator[Callable[[], ssl.SSLSocket]]:
    """Opens TLS connections on which nothing has been said yet."""
    context = ssl.create_default_context(cafile=local_cluster.root_certificate)
    context.set_alpn_protocols(["postgresql"])
    with contextlib.ExitStack() as stack:

        def open_one() -> ssl.SSLSocket:
            raw = socket.create_connection(("127.0.0.1", local_cluster.port), timeout=15)
            return stack.enter_context(context.wrap_socket(raw, server_hostname="localhost"))

        yield open_one

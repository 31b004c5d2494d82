"""A connection to the local cluster for each test, and the signer that all of them share."""

from collections.abc import Iterator

import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.token import TokenSigner


@pytest.fixture(scope="module")
def signer(endpoint: Endpoint) -> TokenSigner:
    return TokenSigner(endpoint)


@pytest.fixture
def connection(endpoint: Endpoint, signer: TokenSigner) -> Iterator[Connection]:
    with connect(endpoint, signer) as opened:
        yield opened

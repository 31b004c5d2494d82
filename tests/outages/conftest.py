"""A relay in front of the suite's local cluster, and a table of its own to change through it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import Endpoint, LocalAddress
from tests.support.relay import Relay


@pytest.fixture
def relay(local_cluster: LocalAddress) -> Iterator[Relay]:
    with Relay(local_cluster.port) as running:
        yield running


@pytest.fixture
def relayed(endpoint: Endpoint, relay: Relay) -> Endpoint:
    """The local cluster, behind the relay."""
    return replace(endpoint, port=relay.port)


@pytest.fixture
def witness(endpoint: Endpoint) -> Iterator[KeptConnection]:
    """A connection past the relay, to see what really happened."""
    with KeptConnection(endpoint) as kept:
        yield kept

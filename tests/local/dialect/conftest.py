"""A client of the wire protocol that the tests of a module share."""

from collections.abc import Iterator

import pytest

from dsqlkit.endpoint import Endpoint
from tests.support.raw_client import RawClient


@pytest.fixture(scope="module")
def client(endpoint: Endpoint) -> Iterator[RawClient]:
    opened = RawClient(endpoint)
    yield opened
    opened.close()

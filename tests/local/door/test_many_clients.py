"""How many clients are served at once: a thousand, as were seen to work on a real cluster."""

import asyncio
import resource
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from dsqlkit import connection
from dsqlkit.endpoint import Endpoint
from dsqlkit.token import TokenSigner

_LIMIT_S = 120


@pytest.fixture
def many_files() -> Iterator[None]:
    """Each client takes a file of this process too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("count", [330, pytest.param(1000, marks=pytest.mark.soak)])
def test_so_many_clients_are_served_at_once(
    endpoint: Endpoint, signer: TokenSigner, many_files: None, count: int
) -> None:
    parameters: dict[str, Any] = {
        **connection.parameters(endpoint, signer),
        "connect_timeout": _LIMIT_S,
    }
    at_once = asyncio.Barrier(count)

    async def work(number: int) -> int:
        async with await psycopg.AsyncConnection.connect(**parameters) as mine:
            await at_once.wait()
            row = await (await mine.execute("SELECT %s::int", [number])).fetchone()
            await at_once.wait()
            assert row is not None
            return int(row[0])

    async def all_work() -> list[int]:
        async with asyncio.timeout(_LIMIT_S):
            return await asyncio.gather(*(work(number) for number in range(count)))

    assert asyncio.run(all_work()) == list(range(count))

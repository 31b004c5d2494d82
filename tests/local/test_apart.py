"""Work in other processes: what it gives, how it fails, and its end."""

import asyncio
import operator
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from dsqlkit.local.apart import Apart


async def some(apart: Apart, stop: int) -> list[int]:
    numbers: AsyncGenerator[int, None] = apart.pieces(range, stop)  # type: ignore[arg-type]
    async with aclosing(numbers) as pieces:
        return [each async for each in pieces]


def test_pieces_come_in_order_for_each_who_asked() -> None:
    async def main() -> list[list[int]]:
        apart = Apart()
        found = await asyncio.gather(*(some(apart, stop) for stop in (3, 0, 2, 4)))
        await apart.close()
        return list(found)

    assert asyncio.run(main()) == [[0, 1, 2], [], [0, 1], [0, 1, 2, 3]]


def test_failures_are_those_of_the_function_or_of_its_process() -> None:
    async def main() -> list[int]:
        apart = Apart()
        with pytest.raises(ValueError, match="invalid literal"):
            await anext(apart.pieces(int, "x"))  # type: ignore[arg-type]
        with pytest.raises(EOFError):
            await anext(apart.pieces(os._exit, 1))
        found = await some(apart, 2)
        await apart.close()
        return found

    assert asyncio.run(main()) == [0, 1]


def test_one_value() -> None:
    async def main() -> int:
        apart = Apart()
        with pytest.raises(ZeroDivisionError):
            await apart.value(operator.floordiv, 1, 0)
        found = await apart.value(operator.add, 2, 3)
        await apart.close()
        return int(found)

    assert asyncio.run(main()) == 5


def test_who_stops_asking_ends_the_work() -> None:
    async def main() -> list[int]:
        apart = Apart()
        numbers: AsyncGenerator[int, None] = apart.pieces(range, 10**9)  # type: ignore[arg-type]
        async with aclosing(numbers) as pieces:
            found = [await anext(pieces), await anext(pieces)]
        found += await some(apart, 1)
        await apart.close()
        return found

    assert asyncio.run(main()) == [0, 1, 0]

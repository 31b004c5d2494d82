"""One side of a session, alone: what it does when whoever reads it fails."""

import asyncio
import logging
import socket

import pytest

from dsqlkit.local.wire.link import Link


def test_a_failure_while_handling_what_came_ends_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The client hears of the end, and is not left waiting for an answer that nobody makes."""

    async def fail() -> tuple[bytes, bool]:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        lost = asyncio.Event()

        def receive(_data: bytes) -> None:
            raise ZeroDivisionError

        link = Link(receive, lost.set)
        link.take(ours)
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(10):
            await loop.sock_sendall(theirs, b"a question")
            answer = await loop.sock_recv(theirs, 100)
            await lost.wait()
        theirs.close()
        return answer, link.is_open

    with caplog.at_level(logging.ERROR):
        assert asyncio.run(fail()) == (b"", False)
    assert "could not be handled" in caplog.text
    assert "ZeroDivisionError" in caplog.text

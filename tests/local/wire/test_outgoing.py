"""What goes out by a socket: what it does not take at once, and a peer that has gone."""

import asyncio
import socket

from dsqlkit.local.wire.outgoing import FULL_BYTES, Outgoing


def told(heard: list[str], sender: socket.socket) -> Outgoing:
    """An outgoing side of this socket, of which is kept what it tells."""
    outgoing = Outgoing(
        on_full=lambda: heard.append("full"),
        on_sent=lambda: heard.append("sent"),
        on_broken=lambda: heard.append("broken"),
        abort=lambda: heard.append("aborted"),
    )
    sender.setblocking(False)
    outgoing.take(sender)
    return outgoing


def test_what_the_socket_does_not_take_goes_later_and_in_order() -> None:
    heard: list[str] = []
    pieces = [bytes([number]) * FULL_BYTES for number in range(8)]

    async def main() -> bytes:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        outgoing = told(heard, ours)
        for piece in pieces:
            outgoing.send(piece)
        assert (heard, outgoing.is_empty) == (["full"], False)
        came = b""
        async with asyncio.timeout(10):
            while len(came) < 8 * FULL_BYTES:
                came += await asyncio.get_running_loop().sock_recv(theirs, FULL_BYTES)
            while not outgoing.is_empty:
                await asyncio.sleep(0)
        ours.close()
        theirs.close()
        return came

    assert asyncio.run(main()) == b"".join(pieces)
    assert heard == ["full", "sent"]


def test_a_peer_that_has_gone_is_told_to_whoever_sends() -> None:
    heard: list[str] = []

    async def main() -> None:
        ours, theirs = socket.socketpair()
        outgoing = told(heard, ours)
        theirs.close()
        outgoing.send(b"to nobody")
        ours.close()

    asyncio.run(main())
    assert heard == ["broken"]


def test_a_peer_that_goes_while_something_is_left_is_told_by_itself() -> None:
    heard: list[str] = []

    async def main() -> None:
        ours, theirs = socket.socketpair()
        outgoing = told(heard, ours)
        outgoing.send(bytes(8 * FULL_BYTES))
        theirs.close()
        async with asyncio.timeout(10):
            while "aborted" not in heard:
                await asyncio.sleep(0)
        outgoing.stop()
        ours.close()

    asyncio.run(main())
    assert heard == ["full", "aborted"]

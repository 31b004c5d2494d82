"""A TCP relay in front of the local cluster, which cuts a connection at a chosen moment.

TLS passes through unread, from end to end. So moments are counted in turns: once the client has
signed in, a turn is what it sends before an answer comes: one statement, or several in a pipeline.
The end of the sign-in shows in the length of a TLS record: nothing before the token is as long as
the token.
"""

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from enum import Enum, auto
from types import TracebackType

_APPLICATION_DATA = 0x17
_HEADER_BYTES = 5
_TOKEN_BYTES = 250
"""Longer than a start-up message, shorter than a token."""


class Cut(Enum):
    """What happens to a turn, and to its connection with it."""

    QUESTION_LOST = auto()
    """The server never gets it."""
    ANSWER_LOST = auto()
    """The server gets it and answers; the client never hears."""
    HUNG_UP = auto()
    """The client loses its connection at once; the server gets it all the same, and answers."""


OnTurn = Callable[[int], Cut | None]


class Relay:
    """Relays `127.0.0.1:port` to a port of this machine.

    `on_turn` is called with each turn's number on its connection, from 1, before the turn is passed
    on; it may take its time, and may return a cut. `turns` has each connection's count so far.
    """

    def __init__(self, target_port: int) -> None:
        self.on_turn: OnTurn = lambda turn: None
        self.turns: list[int] = []
        self._target = ("127.0.0.1", target_port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def next_turn(self, cut: Cut) -> None:
        """Let the next turn of any connection meet the cut, and no other after it."""

        def once(_: int) -> Cut:
            self.on_turn = lambda turn: None
            return cut

        self.on_turn = once

    def __enter__(self) -> "Relay":
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._ending.set()
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while not self._ending.is_set():
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._relay, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _relay(self, client: socket.socket) -> None:
        number = len(self.turns)
        self.turns.append(0)
        with (
            contextlib.suppress(OSError),
            client,
            socket.create_connection(self._target) as server,
            selectors.DefaultSelector() as ready,
        ):
            ready.register(client, selectors.EVENT_READ)
            ready.register(server, selectors.EVENT_READ)
            signed_in = asking = deaf = False
            unread = bytearray()
            while not self._ending.is_set():
                for key, _ in ready.select(0.02):
                    data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                    if not data:
                        return
                    if key.fileobj is server:
                        if deaf:
                            return
                        asking = False
                        client.sendall(data)
                        continue
                    unread += data
                    for record in _whole_records(unread):
                        cut = None
                        if signed_in and not asking:
                            asking = True
                            self.turns[number] += 1
                            cut = self.on_turn(self.turns[number])
                        if cut is Cut.QUESTION_LOST:
                            return
                        server.sendall(record)
                        if cut is Cut.HUNG_UP:
                            ready.unregister(client)
                            client.close()
                        deaf = deaf or cut is not None
                        signed_in = signed_in or _holds_token(record)


def _whole_records(unread: bytearray) -> Iterator[bytes]:
    """The TLS records that have arrived whole, taken out of what is unread."""
    while len(unread) >= _HEADER_BYTES:
        end = _HEADER_BYTES + int.from_bytes(unread[3:5], "big")
        if len(unread) < end:
            return
        record = bytes(unread[:end])
        del unread[:end]
        yield record


def _holds_token(record: bytes) -> bool:
    return record[0] == _APPLICATION_DATA and len(record) > _TOKEN_BYTES

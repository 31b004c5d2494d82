"""A TCP relay in front of the local cluster, which cuts a connection at a chosen moment.

TLS passes through unread, from end to end. So moments are counted in turns: a turn is what the
client sends before it waits for an answer, which is one statement, once it has signed in.
"""

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable
from enum import Enum, auto
from types import TracebackType

SIGN_IN_TURNS = 3
"""The TLS hello; its end with the start-up message; the password."""


class Fault(Enum):
    """What happens to a turn, and to its connection with it."""

    QUESTION_LOST = auto()
    """The server never gets it."""
    ANSWER_LOST = auto()
    """The server gets it and answers; the client never hears."""


OnTurn = Callable[[int], Fault | None]


class Relay:
    """Relays `127.0.0.1:port` to a port of this machine.

    `on_turn` is called with each turn's number on its connection, from 1, before the turn is passed
    on; it may take its time, and may return a fault.
    """

    def __init__(self, target_port: int) -> None:
        self.on_turn: OnTurn = lambda turn: None
        self.turns: list[int] = []
        self._target = ("127.0.0.1", target_port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def next_turn(self, fault: Fault) -> None:
        """Let the next turn of any connection meet the fault, and no other after it."""

        def once(_: int) -> Fault:
            self.on_turn = lambda turn: None
            return fault

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
            asking = False
            while not self._ending.is_set():
                for key, _ in ready.select(0.1):
                    data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                    if not data:
                        return
                    if key.fileobj is server:
                        asking = False
                        client.sendall(data)
                        continue
                    fault = None
                    if not asking:
                        asking = True
                        self.turns[number] += 1
                        fault = self.on_turn(self.turns[number])
                    if fault is Fault.QUESTION_LOST:
                        return
                    server.sendall(data)
                    if fault is Fault.ANSWER_LOST:
                        server.recv(65536)
                        return

"""Clients that share a thread: none of them blocks the others, whatever it waits for."""

import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import pytest

from dsqlkit.bench import crew
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import Endpoint
from dsqlkit.errors import ConnectionFailed
from dsqlkit.pausing import pause
from dsqlkit.token import TokenSigner

pytestmark = pytest.mark.timeout(60)


def run(*works: Callable[[], None]) -> None:
    """In a thread of its own, as a bench does."""
    thread = threading.Thread(target=crew.run_all, args=(works,))
    thread.start()
    thread.join(timeout=50)
    assert not thread.is_alive()


def kept(endpoint: Endpoint, count: int) -> Sequence[KeptConnection]:
    signer = TokenSigner(endpoint)
    return [KeptConnection(endpoint, signer, crew.connect) for _ in range(count)]


def test_who_pauses_lets_the_others_go_on() -> None:
    order: list[str] = []

    def slow() -> None:
        pause(0.2)
        order.append("slow")

    run(slow, lambda: order.append("quick"))
    assert order == ["quick", "slow"]


def test_who_waits_for_an_answer_lets_the_others_go_on(endpoint: Endpoint) -> None:
    order: list[str] = []
    connections = kept(endpoint, 2)

    def ask(name: str, connections: KeptConnection, seconds: float) -> None:
        with connections.connection() as connection:
            row = connection.execute(
                "SELECT %s::text FROM pg_sleep(%s)", (name, seconds)
            ).fetchone()
            assert row is not None
            order.append(row[0])

    run(lambda: ask("slow", connections[0], 0.5), lambda: ask("quick", connections[1], 0))
    assert order == ["quick", "slow"]
    # The same connections serve outside of a crew, and in another one.
    ask("outside", connections[1], 0)
    run(lambda: ask("again", connections[0], 0))
    assert order == ["quick", "slow", "outside", "again"]
    for each in connections:
        each.close()


def test_a_connection_that_is_replaced_waits_as_the_first_did(endpoint: Endpoint) -> None:
    answers: list[object] = []

    def ask(connections: KeptConnection) -> None:
        for _ in range(3):
            with connections.connection() as connection:
                answers.append(connection.execute("SELECT 1").fetchone())
            connections.close()  # the next socket has the same number

    run(*(partial(ask, each) for each in kept(endpoint, 2)))
    assert answers == [(1,)] * 6


def test_who_cannot_connect_lets_the_others_go_on(
    endpoint: Endpoint, capfd: pytest.CaptureFixture[str]
) -> None:
    order: list[str] = []

    def connect() -> None:
        with pytest.raises(ConnectionFailed):
            crew.connect(nowhere, TokenSigner(nowhere), timeout_s=1)
        order.append("failed")

    def quick() -> None:
        pause(0.01)
        order.append("quick")

    with socket.create_server(("127.0.0.1", 0)) as silent:
        nowhere = replace(endpoint, port=silent.getsockname()[1])
        run(connect, quick)
    assert order == ["quick", "failed"]
    assert capfd.readouterr().err == ""


def test_an_error_of_one_ends_that_one_alone(capfd: pytest.CaptureFixture[str]) -> None:
    order: list[str] = []

    def fail() -> None:
        raise ValueError("of one")

    def go_on() -> None:
        pause(0.05)
        order.append("went on")

    run(fail, go_on)
    assert order == ["went on"]
    assert "of one" in capfd.readouterr().err


def test_nothing_is_left_of_a_crew(endpoint: Endpoint) -> None:
    before = threading.active_count()
    (connections,) = kept(endpoint, 1)

    def connect() -> None:
        with connections.connection():
            pass

    for _ in range(3):
        run(connect)
        connections.close()
    assert threading.active_count() == before

"""When the answers to a pipeline come: together, at its end, or as soon as its client asks."""

import ssl
from collections.abc import Callable

import pytest

from dsqlkit.local.wire.messages import FLUSH, SYNC, Frontend, message
from tests.support.raw import answer_of, query, signed_in, vanish
from tests.support.raw_client import pipelined

Open = Callable[[], ssl.SSLSocket]

IN_TRANSACTION, IDLE = b"Z\0\0\0\x05T", b"Z\0\0\0\x05I"
PARSE = message(Frontend.PARSE, b"\0SELECT 2\0\0\0")
BIND = message(Frontend.BIND, bytes(8))
EXECUTE = message(Frontend.EXECUTE, bytes(5))


def test_a_pipelines_answers_come_together(encrypted: Open, token: str) -> None:
    tls = encrypted()
    signed_in(tls, token)
    tls.sendall(pipelined("BEGIN", "SELECT 1", "SELECT 2"))
    answer = tls.recv(100_000)  # of one TLS record at most
    assert [answer.count(tag) for tag in (b"BEGIN\0", b"SELECT 1\0")] == [1, 2]
    assert answer.endswith(IN_TRANSACTION)


def test_who_asks_for_answers_before_the_end_gets_them(encrypted: Open, token: str) -> None:
    tls = encrypted()
    signed_in(tls, token)
    tls.sendall(pipelined("BEGIN", "SELECT 1", "SELECT 2").removesuffix(SYNC) + FLUSH)
    answer = b""
    while answer.count(b"SELECT 1\0") < 2:
        answer += tls.recv(100_000)
    tls.sendall(SYNC)
    assert tls.recv(100_000) == IN_TRANSACTION


@pytest.mark.parametrize("before", [(), ("BEGIN",)])
@pytest.mark.parametrize(
    "behind",
    [PARSE, PARSE + BIND, PARSE + BIND + EXECUTE],
    ids=["a parse", "a bind", "an execute"],
)
def test_who_asks_and_sends_on_gets_them_too(
    encrypted: Open, token: str, before: tuple[str, ...], behind: bytes
) -> None:
    tls = encrypted()
    signed_in(tls, token)
    asked = pipelined(*before, "SELECT 1").removesuffix(SYNC) + FLUSH
    tls.sendall(asked + behind)
    answer = b""
    while b"SELECT 1\0" not in answer:
        answer += tls.recv(100_000)
    tls.sendall(SYNC)
    while not answer.endswith(IN_TRANSACTION if before else IDLE):
        answer += tls.recv(100_000)


def test_a_flush_before_its_sync_opens_no_transaction(encrypted: Open, token: str) -> None:
    """As pg8000 sends each statement. Inside of one, there would be nothing to warn of."""
    tls = encrypted()
    signed_in(tls, token)
    parse = message(Frontend.PARSE, b"\0ROLLBACK\0\0\0")
    tls.sendall(parse + BIND + FLUSH + EXECUTE + FLUSH + SYNC)
    assert b"there is no transaction in progress" in answer_of(tls)


def test_an_error_does_not_wait_for_the_end(encrypted: Open, token: str) -> None:
    tls = encrypted()
    signed_in(tls, token)
    tls.sendall(pipelined("BEGIN", "SELECT 1", "SELECT 1 / 0", "SELECT 2").removesuffix(SYNC))
    answer = b""
    while b"22012" not in answer:
        answer += tls.recv(100_000)
    assert answer.count(b"SELECT 1\0") == 1
    tls.sendall(SYNC)
    assert tls.recv(100_000) == b"Z\0\0\0\x05E"


def test_a_long_answer_does_not_wait_for_the_next(encrypted: Open, token: str) -> None:
    tls = encrypted()
    signed_in(tls, token)
    long = "SELECT repeat('x', 20000)"
    tls.sendall(pipelined("BEGIN", long, "SELECT pg_sleep(60)"))
    answer = b""
    while answer.count(b"x") < 20_000:
        answer += tls.recv(100_000)
    vanish(tls)


def test_a_text_of_several_statements_answers_all(encrypted: Open, token: str) -> None:
    tls = encrypted()
    signed_in(tls, token)
    tls.sendall(query("BEGIN; SELECT 1; COMMIT; SELECT 2"))
    answer = answer_of(tls)
    assert [answer.count(tag) for tag in (b"BEGIN\0", b"SELECT 1\0", b"COMMIT\0")] == [1, 2, 1]

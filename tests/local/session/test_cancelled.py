"""Requests to cancel that come at any moment: the statement is cancelled or not, and no more."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import pytest

from dsqlkit import local
from dsqlkit.connection import connect
from dsqlkit.endpoint import Endpoint, LocalAddress
from dsqlkit.local.backend.exchange import FORWARDED, Exchange
from dsqlkit.local.backend.refusals import placeless
from dsqlkit.local.backend.savepoint import BEGIN_COMPLETE
from dsqlkit.local.wire.messages import (
    Backend,
    Field,
    Frontend,
    decode_fields,
    encode_fields,
    error_response,
    message,
)
from dsqlkit.token import TokenSigner
from tests.support.raw import cancel_request, query, signed_in
from tests.support.raw_client import pipelined

Open = Callable[[], ssl.SSLSocket]

CANCELLED = error_response("57014", "canceling statement due to user request")
ANSWER = message(Backend.COMMAND_COMPLETE, b"UPDATE 1\0")


@pytest.fixture
def _table(endpoint: Endpoint, signer: TokenSigner) -> Iterator[None]:
    with connect(endpoint, signer) as connection:
        connection.execute("CREATE TABLE cancelled (id int PRIMARY KEY, v int)")
        connection.execute("INSERT INTO cancelled VALUES (1, 0)")
        yield
        connection.execute("DROP TABLE cancelled")


UPDATE = "UPDATE cancelled SET v = v + 1"


@pytest.mark.usefixtures("_table")
@pytest.mark.parametrize(
    "round_",
    [
        pytest.param([query("BEGIN"), query(UPDATE), query("COMMIT")], id="a block"),
        pytest.param(
            [query("BEGIN"), pipelined(UPDATE, "SELECT 1", UPDATE), query("COMMIT")],
            id="a block with a pipeline",
        ),
        pytest.param(
            [query("INSERT INTO cancelled SELECT generate_series(1, 9) ON CONFLICT DO NOTHING")],
            id="a write that is counted at its end",
        ),
        pytest.param(
            [query(f"WITH changed AS ({UPDATE} RETURNING 1) SELECT count(*) FROM changed")],
            id="a write that is counted apart",
        ),
        pytest.param([query(f"EXPLAIN ANALYZE {UPDATE}")], id="a plan"),
    ],
)
def test_a_storm_of_requests_to_cancel_ends_statements_and_no_session(
    local_cluster: LocalAddress, encrypted: Open, token: str, round_: list[bytes]
) -> None:
    tls = encrypted()
    answer = signed_in(tls, token)
    at = answer.index(b"K\0\0\0\x0c")
    key = cancel_request(int.from_bytes(answer[at + 5 : at + 9], "big"), answer[at + 9 : at + 13])
    over = threading.Event()

    def storm() -> None:
        while not over.is_set():
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", local_cluster.port), timeout=15) as opened,
            ):
                opened.sendall(key)
                opened.recv(1)

    storms = [threading.Thread(target=storm) for _ in range(2)]
    for each in storms:
        each.start()
    try:
        for _ in range(60):
            status = ask(tls, round_)
            while status != b"I":
                status = ask(tls, [query("ROLLBACK")])
    finally:
        over.set()
        for each in storms:
            each.join()
    assert ask(tls, [query("SELECT 1")]) == b"I"
    assert "Traceback" not in local.log_file().read_text()


@pytest.mark.usefixtures("_table")
@pytest.mark.parametrize("before", [b"", query("BEGIN")], ids=["outside", "in a block"])
def test_a_copy_is_cancelled_while_its_client_takes_its_time(
    local_cluster: LocalAddress, encrypted: Open, token: str, before: bytes
) -> None:
    tls = encrypted()
    answer = signed_in(tls, token)
    at = answer.index(b"K\0\0\0\x0c")
    pid, key = int.from_bytes(answer[at + 5 : at + 9], "big"), answer[at + 9 : at + 13]
    row = message(Frontend.COPY_DATA, b"2\t2\n")
    tls.sendall(before + query("COPY cancelled FROM STDIN") + row)
    while b"G\0\0\0" not in tls.recv(1000):
        pass
    for each in (bytes(255 - byte for byte in key), key):
        with socket.create_connection(("127.0.0.1", local_cluster.port), timeout=15) as opened:
            opened.sendall(cancel_request(pid, each))
            assert opened.recv(1) == b""
        tls.sendall(row)
    tls.sendall(row + message(Frontend.COPY_DONE, b""))
    answer = b""
    while answer[-6:-1] != b"Z\0\0\0\x05":
        answer += tls.recv(1000)
    assert b"C57014" in answer
    assert answer[-1:] == (b"E" if before else b"I")
    assert ask(tls, [query("ROLLBACK")]) == b"I"


def ask(tls: ssl.SSLSocket, asked: list[bytes]) -> bytes:
    """Ask one thing after the other; the state at the end. No error but one that says cancelled."""
    for each in asked:
        tls.sendall(each)
        answer = b""
        while answer[-6:-1] != b"Z\0\0\0\x05":
            more = tls.recv(65536)
            assert more, "the session was closed"
            answer += more
        if b"SERROR" in answer:
            assert b"C57014" in answer or b"C25P02" in answer
    return answer[-1:]


@pytest.mark.parametrize("came", range(0, len(BEGIN_COMPLETE), 1))
@pytest.mark.parametrize("split", [False, True])
def test_an_answer_that_nobody_hears_is_left_out_and_an_error_in_its_place_is_not(
    came: int, split: bool
) -> None:
    whole = Exchange(FORWARDED, unheard=BEGIN_COMPLETE)
    stream = BEGIN_COMPLETE + ANSWER
    heard = [whole.heard(each) for each in ((stream[:came], stream[came:]) if split else (stream,))]
    assert b"".join(each or b"" for each in heard) == ANSWER
    assert not whole.fell_short

    cut = Exchange(FORWARDED, unheard=BEGIN_COMPLETE)
    ends = [0]
    while ends[-1] < len(BEGIN_COMPLETE):
        start = ends[-1]
        ends.append(start + 1 + int.from_bytes(BEGIN_COMPLETE[start + 1 : start + 5], "big"))
    end = max(each for each in ends if each <= came)
    first = [cut.heard(BEGIN_COMPLETE[:end])] if split and end else []
    rest = CANCELLED if first else BEGIN_COMPLETE[:end] + CANCELLED
    assert b"".join(each or b"" for each in (*first, cut.heard(rest))) == CANCELLED
    assert cut.fell_short
    assert not cut.forwards


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ('while updating tuple (7357,235) in relation "acc"', None),
        ('while locking updated version (1,2) of tuple in relation "acc"', None),
        (
            'while inserting index tuple (0,1) in relation "a_pkey"\nCOPY acc, line 1',
            "COPY acc, line 1",
        ),
        ("COPY acc, line 1", "COPY acc, line 1"),
    ],
)
def test_an_error_does_not_tell_of_a_wait_for_a_lock(told: str, left: str | None) -> None:
    fields = decode_fields(CANCELLED) | {int(Field.CONTEXT): told.encode()}
    frame = encode_fields(Backend.ERROR_RESPONSE, fields)
    shown = decode_fields(placeless(Backend.ERROR_RESPONSE, fields, frame))
    assert shown.get(Field.CONTEXT) == (None if left is None else left.encode())
    assert shown[Field.SQLSTATE] == b"57014"

"""Clients that vanish, stall, run ahead or come in crowds: little is held, nothing is left."""

import contextlib
import os
import socket
import ssl
from collections.abc import Callable, Iterator

import pytest

from dsqlkit import local
from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint, LocalAddress
from dsqlkit.token import TokenSigner
from tests.support.processes import backends, daemon, is_stuck, open_files, resident_bytes
from tests.support.raw import (
    SSL_REQUEST,
    STARTUP,
    TERMINATE,
    answer_of,
    cancel_request,
    password,
    query,
    rest,
    signed_in,
    vanish,
)
from tests.support.raw_client import pipelined
from tests.support.waiting import eventually

Open = Callable[[], ssl.SSLSocket]

SLEEP = query("SELECT pg_sleep(60)")
LONG_ANSWER = query("SELECT repeat('x', 1000) FROM generate_series(1, 120000)")
HELD_BACK = query(
    "WITH changed AS (UPDATE vanishing SET id = 1 RETURNING 1)"
    " SELECT repeat('x', 1000) FROM generate_series(1, 120000)"
)
MEGABYTE = query(f"SELECT '{'x' * 1_000_000}'")
SMALL_BYTES = 100_000_000


@pytest.fixture(scope="module", autouse=True)
def table(endpoint: Endpoint, signer: TokenSigner) -> Iterator[None]:
    with connect(endpoint, signer) as connection:
        connection.execute("CREATE TABLE vanishing (id int)")
        # What is opened once and kept: a connection to look after a statement that lasts, and the
        # event loop's own file for the first cancel request.
        connection.execute("SELECT pg_sleep(0.2)")
        connection.cancel_safe()
        yield
        connection.execute("DROP TABLE vanishing")


@pytest.fixture(autouse=True)
def _nothing_is_left(table: None, connection: Connection) -> Iterator[None]:
    """At the end no file or backend of the test's clients is left, and others are unharmed."""
    pid = daemon()
    # Those of the test before are given their time, too.
    assert eventually(lambda: len(backends()) == local.status().connections == 2)
    files, memory = open_files(pid), resident_bytes(pid)
    yield
    assert connection.execute("SELECT count(*) FROM vanishing").fetchone() == (0,)
    assert eventually(lambda: local.status().connections == 2)
    assert eventually(lambda: len(backends()) == 2)
    assert eventually(lambda: open_files(pid) <= files)
    assert resident_bytes(pid) - memory < SMALL_BYTES
    assert "Traceback" not in local.log_file().read_text()


@pytest.mark.parametrize(
    "last_words",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"Q\0\0\0\x12", id="half a message"),
        pytest.param(query("BEGIN; INSERT INTO vanishing VALUES (1)"), id="in a transaction"),
        pytest.param(
            query("COPY vanishing FROM STDIN") + b"d\0\0\0\x061\n" + b"d\0\0", id="within a COPY"
        ),
        pytest.param(
            query("BEGIN") + query("COPY vanishing FROM STDIN") + b"d\0\0\0\x061\n",
            id="within a COPY of a transaction",
        ),
        pytest.param(LONG_ANSWER, id="in a long answer"),
        pytest.param(query("BEGIN") + HELD_BACK, id="in an answer held back"),
    ],
)
def test_a_client_vanishes(encrypted: Open, token: str, last_words: bytes) -> None:
    tls = encrypted()
    signed_in(tls, token)
    tls.sendall(last_words)
    vanish(tls)


@pytest.mark.slow
def test_clients_leave_a_long_statement_in_every_way(encrypted: Open, token: str) -> None:
    """All at once, as the cluster looks after such a client only now and then."""

    def in_a_long_statement() -> ssl.SSLSocket:
        tls = encrypted()
        signed_in(tls, token)
        tls.sendall(SLEEP)
        return tls

    vanish(in_a_long_statement())
    in_a_long_statement().close()
    with contextlib.ExitStack() as stack:
        said_goodbye = []
        for more in (b"", b"\x17\x03\x03\0\1x", bytes(100)):
            tls = in_a_long_statement()
            raw = stack.enter_context(socket.socket(fileno=os.dup(tls.fileno())))
            tls.setblocking(False)
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.unwrap()
            raw.sendall(more)
            said_goodbye.append(raw)
        for raw in said_goodbye:
            raw.settimeout(30)
            rest(raw)  # ends, as the cluster closes as well


@pytest.mark.slow
def test_clients_that_run_ahead_are_not_read_and_may_vanish(encrypted: Open, token: str) -> None:
    memory = resident_bytes(daemon())
    for before in (b"", query("BEGIN")):
        tls = encrypted()
        signed_in(tls, token)
        tls.sendall(before + query("WITH slow AS (SELECT pg_sleep(60)) SELECT FROM slow"))
        tls.settimeout(1)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 200:
                tls.sendall(MEGABYTE)
                sent += 1
        assert sent < 100
        assert resident_bytes(daemon()) - memory < SMALL_BYTES
        vanish(tls)


def test_a_client_that_ran_ahead_gets_all_its_answers(encrypted: Open, token: str) -> None:
    tls = encrypted()
    signed_in(tls, token)
    tls.sendall(query("BEGIN") + query("SELECT pg_sleep(0.5)"))
    for _ in range(20):
        tls.sendall(query(f"SELECT length('{'x' * 500_000}')"))
    tls.sendall(query("ROLLBACK"))
    assert answer_of(tls).count(b"500000") == 20
    tls.sendall(query("SELECT 'alive'"))
    assert b"alive" in answer_of(tls)


@pytest.mark.parametrize(
    "asked", [LONG_ANSWER, query("BEGIN") + HELD_BACK], ids=["outside", "held back"]
)
def test_a_client_that_does_not_read_holds_little_memory(
    encrypted: Open, token: str, asked: bytes
) -> None:
    tls = encrypted()
    signed_in(tls, token)
    memory = resident_bytes(daemon())
    tls.sendall(asked)
    tls.settimeout(60)
    # The server cannot go on: everything between it and this client is full.
    assert eventually(is_stuck)
    assert resident_bytes(daemon()) - memory < SMALL_BYTES
    received = 0
    while received < 120_000 * 1000:
        received += len(tls.recv(1 << 20))


@pytest.mark.parametrize("said", [b"", b"\x16", b"\x16\x03\x01\x02\x00", SSL_REQUEST])
def test_a_crowd_hangs_up_before_there_is_tls(local_cluster: LocalAddress, said: bytes) -> None:
    with contextlib.ExitStack() as crowd:
        for _ in range(100):
            one = socket.create_connection(("127.0.0.1", local_cluster.port), timeout=15)
            crowd.enter_context(one).sendall(said)


def test_a_crowd_hangs_up_while_it_is_signing_in(encrypted: Open, token: str) -> None:
    sayings = [b"", STARTUP[:9], STARTUP, STARTUP + password(token)[:30]]
    for number in range(40):
        tls = encrypted()
        tls.sendall(sayings[number % len(sayings)])
        vanish(tls)
    for _ in range(20):
        tls = encrypted()
        tls.sendall(STARTUP)
        assert tls.recv(100)[:1] == b"R"
        tls.sendall(password(token))
        vanish(tls)


def test_two_hundred_clients_work_at_once_and_then_vanish(
    connection: Connection, encrypted: Open, token: str
) -> None:
    crowd = [encrypted() for _ in range(200)]
    for one in crowd:
        one.sendall(STARTUP)
    for one in crowd:
        assert one.recv(100)[:1] == b"R"
        one.sendall(password(token))
    for one in crowd:
        answer_of(one)
        one.sendall(query("BEGIN"))
    assert local.status().connections == 202
    for one in crowd:
        assert one.recv(1000).endswith(b"Z\0\0\0\x05T")
        one.sendall(query("UPDATE vanishing SET id = 1"))
    for one in crowd:
        assert one.recv(1000).endswith(b"Z\0\0\0\x05T")
    assert connection.execute("SELECT 1").fetchone() == (1,)
    for one in crowd:
        vanish(one)


def key_in(answer: bytes) -> tuple[int, bytes]:
    """The process and the key of a BackendKeyData."""
    at = answer.index(b"K\0\0\0\x0c")
    return int.from_bytes(answer[at + 5 : at + 9], "big"), answer[at + 9 : at + 13]


@pytest.mark.parametrize("over_tls", [False, True])
def test_a_cancel_request_is_carried_out_though_its_sender_does_not_wait(
    local_cluster: LocalAddress, encrypted: Open, token: str, over_tls: bool
) -> None:
    tls = encrypted()
    pid, key = key_in(signed_in(tls, token))
    tls.sendall(SLEEP)
    assert eventually(lambda: any(each.endswith("SELECT") for each in backends()))
    opened: socket.socket = (
        encrypted()
        if over_tls
        else socket.create_connection(("127.0.0.1", local_cluster.port), timeout=15)
    )
    opened.sendall(cancel_request(pid, key))
    opened.close()
    assert b"57014" in answer_of(tls)


def test_cancel_requests_with_wrong_keys_do_nothing(
    local_cluster: LocalAddress, encrypted: Open, token: str
) -> None:
    tls = encrypted()
    pid, key = key_in(signed_in(tls, token))
    tls.sendall(query("SELECT pg_sleep(1), 'done'"))
    wrong = bytes(255 - each for each in key)
    for number in range(30):
        opened: socket.socket = (
            encrypted()
            if number % 3 == 0
            else socket.create_connection(("127.0.0.1", local_cluster.port), timeout=15)
        )
        with opened:
            opened.sendall(cancel_request(pid if number % 2 else 1, wrong))
            assert rest(opened) == b""
    assert b"done" in answer_of(tls)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        pytest.param(query("UPDATE vanishing SET id = 2"), b"UPDATE 0\0", id="behind a write"),
        pytest.param(query("SELECT pg_sleep(0.1)"), b"SELECT 1\0", id="behind what lasts"),
        pytest.param(
            query("BEGIN") + query("DELETE FROM vanishing") + query("COMMIT"),
            b"COMMIT\0",
            id="behind a transaction",
        ),
        pytest.param(
            query("EXPLAIN SELECT FROM vanishing"), b"EXPLAIN\0", id="behind what is printed here"
        ),
        pytest.param(pipelined("SELECT 1", "SELECT 2"), b"SELECT 1\0", id="behind a pipeline"),
    ],
)
def test_a_client_that_takes_leave_ahead_gets_its_answer_and_the_end(
    encrypted: Open, token: str, words: bytes, answer: bytes
) -> None:
    tls = encrypted()
    signed_in(tls, token)
    tls.sendall(words + TERMINATE)
    tls.settimeout(30)
    assert answer in rest(tls)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        pytest.param(query("SELECT pg_sleep(0.1)"), b"SELECT 1\0", id="a statement"),
        pytest.param(
            query("BEGIN") + query("DELETE FROM vanishing") + query("COMMIT"),
            b"COMMIT\0",
            id="a transaction",
        ),
        pytest.param(pipelined("SELECT 1", "SELECT 2"), b"SELECT 1\0", id="a pipeline"),
        pytest.param(
            query("COPY vanishing FROM STDIN") + b"d\0\0\0\x061\n" + b"f\0\0\0\x06x\0",
            b"C57014\0",
            id="a COPY",
        ),
    ],
)
@pytest.mark.parametrize("signed_in_before", [True, False])
def test_a_client_that_ends_its_side_gets_its_answer_and_the_end(
    encrypted: Open, token: str, words: bytes, answer: bytes, signed_in_before: bool
) -> None:
    tls = encrypted()
    opening = STARTUP + password(token)
    if signed_in_before:
        signed_in(tls, token)
        opening = b""
    tls.sendall(opening + words)
    with socket.socket(fileno=os.dup(tls.fileno())) as raw:
        raw.shutdown(socket.SHUT_WR)
    tls.settimeout(30)
    assert answer in rest(tls)

"""COPY FROM STDIN by clients that send it in every order: PostgreSQL's answers, and its rows."""

import contextlib
import ssl
from collections.abc import Callable, Iterator

import psycopg
import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.local.session.copied import MAX_BYTES
from dsqlkit.local.wire.messages import (
    FLUSH,
    MAX_BACKEND_FRAME,
    RUN,
    SYNC,
    TERMINATE,
    Backend,
    Field,
    FrameCutter,
    Frontend,
    decode_fields,
    message,
)
from dsqlkit.token import TokenSigner
from tests.support.raw import query, signed_in

Open = Callable[[], ssl.SSLSocket]


@pytest.fixture(scope="module")
def made(endpoint: Endpoint, signer: TokenSigner) -> Iterator[str]:
    with connect(endpoint, signer) as connection:
        connection.execute("CREATE TABLE copied (id int PRIMARY KEY, note text)")
        yield "copied"
        connection.execute("DROP TABLE copied")


@pytest.fixture
def table(connection: Connection, made: str) -> str:
    connection.execute(f"DELETE FROM {made}")
    return made


def data(text: str) -> bytes:
    return message(Frontend.COPY_DATA, text.encode())


def parse(sql: str) -> bytes:
    return message(Frontend.PARSE, b"\0" + sql.encode() + bytes(3))


BIND = message(Frontend.BIND, bytes(8))
EXECUTE = message(Frontend.EXECUTE, bytes(5))
DONE = message(Frontend.COPY_DONE, b"")
FAIL = message(Frontend.COPY_FAIL, b"no\0")
TEXT = "COPY copied FROM STDIN"
COPY = query(TEXT)
EXTENDED = parse(TEXT) + BIND + EXECUTE
ROW, ROW_2, BAD, TWICE = data("1\ta\n"), data("2\tb\n"), data("x\ta\n"), data("3\ta\n3\ta\n")
INSERT = query("INSERT INTO copied VALUES (9)")
INSERT_EXTENDED = parse("INSERT INTO copied VALUES (9)") + BIND + EXECUTE
LOST = "FATAL:08P01 EOF"
LAST = " over SELECT:1 ZI"


def told(tls: ssl.SSLSocket, until: str) -> str:
    """What a server tells, in short, up to these last words of an answer."""
    cutter = FrameCutter(set(Backend), limit=MAX_BACKEND_FRAME)
    heard = ""
    while not heard.endswith(until) and (received := tls.recv(65536)):
        for kind, frame in cutter.feed(received):
            assert kind != RUN
            heard = f"{heard} {in_short(kind, frame)}".rstrip()
    return heard.lstrip() if heard.endswith(until) else f"{heard} EOF".lstrip()


def in_short(kind: int, frame: bytes) -> str:
    if kind == Backend.ERROR_RESPONSE:
        fields = decode_fields(frame)
        return f"{fields[Field.SEVERITY].decode()}:{fields[Field.SQLSTATE].decode()}"
    if kind == Backend.COMMAND_COMPLETE:
        return frame[5:-1].decode().replace(" ", ":")
    if kind == Backend.READY_FOR_QUERY:
        return f"Z{frame[5:].decode()}"
    if kind == Backend.ROW_DESCRIPTION:
        return ""
    return "over" if kind == Backend.DATA_ROW and frame.endswith(b"over") else chr(kind)


def conversation(tls: ssl.SSLSocket, frames: bytes, piece: int) -> str:
    """Send frames in pieces of so many bytes, and a question behind them; what is told."""
    stream = frames + query("SELECT 'over'")
    with contextlib.suppress(ConnectionError, ssl.SSLError):  # closed in the middle
        for start in range(0, len(stream), piece):
            tls.sendall(stream[start : start + piece])
    return told(tls, LAST).removesuffix(LAST)


# What PostgreSQL 16 answers to the same frames, message by message, and the rows that are there.
ORDERS = {
    "a query": (COPY + ROW + ROW_2 + DONE, "G COPY:2 ZI", [1, 2]),
    "with more after it": (COPY + ROW + DONE + INSERT, "G COPY:1 ZI INSERT:0:1 ZI", [1, 9]),
    "a bad row and more": (COPY + BAD + ROW + ROW + DONE, "G ERROR:22P02 ZI", []),
    "a bad row, and the next COPY": (
        COPY + BAD + ROW * 50 + DONE + COPY + ROW_2 + DONE,
        "G ERROR:22P02 ZI G COPY:1 ZI",
        [2],
    ),
    "an error at its end": (COPY + TWICE + DONE + INSERT, "G ERROR:23505 ZI INSERT:0:1 ZI", [9]),
    "given up by its client": (COPY + ROW + FAIL + INSERT, "G ERROR:57014 ZI INSERT:0:1 ZI", [9]),
    "of no table": (
        query("COPY nowhere FROM STDIN") + ROW + DONE + COPY + ROW_2 + DONE,
        "ERROR:42P01 ZI G COPY:1 ZI",
        [2],
    ),
    "Sync and Flush in it": (COPY + SYNC + ROW + FLUSH + SYNC + DONE, "G COPY:1 ZI", [1]),
    "a Query in it": (COPY + ROW + query("SELECT 1"), f"G ERROR:08P01 {LOST}", []),
    "a Parse in it": (COPY + ROW + parse("SELECT 1"), f"G ERROR:08P01 {LOST}", []),
    "a function call in it": (
        COPY + ROW + message(Frontend.FUNCTION_CALL, bytes(14)),
        f"G ERROR:08P01 {LOST}",
        [],
    ),
    "a goodbye in it": (COPY + ROW + TERMINATE, f"G ERROR:08P01 {LOST}", []),
    "data without a COPY": (ROW + DONE + FAIL + INSERT + ROW, "INSERT:0:1 ZI", [9]),
    "extended": (EXTENDED + ROW + DONE + SYNC, "1 2 G COPY:1 ZI", [1]),
    "extended, Sync twice": (EXTENDED + SYNC + ROW + FLUSH + DONE + SYNC, "1 2 G COPY:1 ZI", [1]),
    "extended, no data": (EXTENDED + DONE + SYNC, "1 2 G COPY:0 ZI", []),
    "extended, a bad row": (EXTENDED + BAD + ROW + DONE + SYNC, "1 2 G ERROR:22P02 ZI", []),
    "extended, then the next": (
        EXTENDED + SYNC + BAD + ROW + DONE + SYNC + COPY + ROW_2 + DONE,
        "1 2 G ERROR:22P02 ZI G COPY:1 ZI",
        [2],
    ),
    "extended, given up": (EXTENDED + ROW + FAIL + SYNC, "1 2 G ERROR:57014 ZI", []),
    "extended, before a statement": (
        EXTENDED + ROW + DONE + INSERT_EXTENDED + SYNC,
        "1 2 G COPY:1 1 2 INSERT:0:1 ZI",
        [1, 9],
    ),
    "extended, after a statement": (
        INSERT_EXTENDED + EXTENDED + TWICE + DONE + SYNC,
        "1 2 INSERT:0:1 1 2 G ERROR:23505 ZI",
        [],
    ),
    "extended, two": (
        (EXTENDED + ROW + DONE + EXTENDED + ROW_2 + DONE + SYNC),
        "1 2 G COPY:1 1 2 G COPY:1 ZI",
        [1, 2],
    ),
    "extended, a Query in it": (EXTENDED + ROW + INSERT, f"1 2 G ERROR:08P01 {LOST}", []),
    "extended, a Bind in it": (EXTENDED + BIND, f"1 2 G ERROR:08P01 {LOST}", []),
    "in a block": (
        query("BEGIN") + COPY + ROW + SYNC + DONE + INSERT + query("COMMIT"),
        "BEGIN ZT G COPY:1 ZT INSERT:0:1 ZT COMMIT ZI",
        [1, 9],
    ),
    "in a block, a bad row": (
        query("BEGIN") + COPY + BAD + ROW + DONE + query("COMMIT"),
        "BEGIN ZT G ERROR:22P02 ZE ROLLBACK ZI",
        [],
    ),
    "in a block, a Query in it": (
        query("BEGIN") + COPY + ROW + INSERT,
        f"BEGIN ZT G ERROR:08P01 {LOST}",
        [],
    ),
    "in a block, extended": (
        query("BEGIN") + EXTENDED + SYNC + ROW + DONE + SYNC + query("COMMIT"),
        "BEGIN ZT 1 2 G COPY:1 ZT COMMIT ZI",
        [1],
    ),
    "two of a text": (
        query(f"{TEXT}; SELECT 7; {TEXT}") + ROW + DONE + ROW_2 + DONE + INSERT,
        "G COPY:1 D SELECT:1 G COPY:1 ZI INSERT:0:1 ZI",
        [1, 2, 9],
    ),
    "one of a text, given up": (
        query(f"INSERT INTO copied VALUES (8); {TEXT}; SELECT 1") + ROW + FAIL + ROW + DONE,
        "INSERT:0:1 G ERROR:57014 ZI",
        [],
    ),
}


@pytest.mark.parametrize("piece", [1_000_000, 3], ids=["at once", "in pieces"])
@pytest.mark.parametrize(("frames", "answer", "rows"), ORDERS.values(), ids=ORDERS)
def test_copy_answers_frames_in_any_order_as_postgresql_does(
    connection: Connection,
    table: str,
    encrypted: Open,
    token: str,
    frames: bytes,
    answer: str,
    rows: list[int],
    piece: int,
) -> None:
    tls = encrypted()
    signed_in(tls, token)
    assert conversation(tls, frames, piece) == answer
    found = connection.execute(f"SELECT id FROM {table} ORDER BY id").fetchall()
    assert [number for (number,) in found] == rows


def test_a_copy_that_fails_amid_a_frame_says_so_at_once(
    connection: Connection, table: str, encrypted: Open, token: str
) -> None:
    tls = encrypted()
    signed_in(tls, token)
    unfinished = data("5\tx\n" * 2000)
    tls.sendall(COPY + BAD + unfinished[:1000])
    assert told(tls, "ZI") == "G ERROR:22P02 ZI"
    tls.sendall(unfinished[1000:] + DONE + COPY + ROW_2 + DONE)
    assert told(tls, "ZI") == "G COPY:1 ZI"
    assert connection.execute(f"SELECT id FROM {table}").fetchall() == [(2,)]


def test_an_extended_copy_asks_for_its_data_before_any_sync(
    table: str, encrypted: Open, token: str
) -> None:
    tls = encrypted()
    signed_in(tls, token)
    tls.sendall(EXTENDED)
    assert told(tls, "G") == "1 2 G"
    tls.sendall(ROW + DONE + FLUSH)
    assert told(tls, "COPY:1") == "COPY:1"
    tls.sendall(SYNC)
    assert told(tls, "ZI") == "ZI"


def copy(connection: Connection, rows: str) -> None:
    with connection.cursor().copy(TEXT) as under_way:
        under_way.write(rows)


@pytest.mark.parametrize("block", ["", "BEGIN"])
def test_a_copy_of_too_many_rows_is_refused(connection: Connection, table: str, block: str) -> None:
    connection.execute(block)
    rows = "".join(f"{number}\tx\n" for number in range(3001))
    with pytest.raises(psycopg.errors.ProgramLimitExceeded, match="row limit exceeded"):
        copy(connection, rows)
    connection.rollback()
    assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


@pytest.mark.parametrize(
    ("start", "answer"),
    [
        pytest.param(COPY, "G ERROR:54000 ZI", id="a query"),
        pytest.param(query("BEGIN") + COPY, "BEGIN ZT G ERROR:54000 ZE", id="in a block"),
        pytest.param(EXTENDED, "1 2 G ERROR:54000", id="extended"),
    ],
)
def test_an_endless_copy_is_refused_before_its_end(
    connection: Connection, table: str, encrypted: Open, token: str, start: bytes, answer: str
) -> None:
    tls = encrypted()
    signed_in(tls, token)
    tls.sendall(start)
    much = data("1\t" + "x" * 5_000_000)
    for _ in range(MAX_BYTES // len(much) + 1):
        tls.sendall(much)
    assert told(tls, answer) == answer
    assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)

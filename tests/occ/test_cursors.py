"""Transactions with an open cursor are in the race, and their cursors read on."""

from collections.abc import Sequence

import pytest
from psycopg import pq

from dsqlkit.local.wire.messages import INT32, Frontend, message
from tests.occ.conftest import CONFLICT, Racer, Sessions
from tests.support.raw_client import RawClient

pytestmark = pytest.mark.timeout(30)

ADD = "UPDATE race SET v = v + 1 WHERE id = 1"
READ = "SELECT id, v FROM race ORDER BY id"


def start(racers: Sessions, *, writes_first: bool) -> tuple[Racer, Racer]:
    """One with a cursor at its third row that has written row 1, and one that writes it too."""
    reader, writer = racers(2)
    reader.say("BEGIN")
    if writes_first:
        reader.say(ADD)
    reader.say(f'DECLARE "my cursor" CURSOR FOR {READ}')
    assert len(reader.rows('FETCH 2 FROM "my cursor"')) == 2
    if not writes_first:
        reader.say(ADD)
    reader.say("UPDATE race SET v = 7 WHERE id = 4")
    writer.say("BEGIN")
    assert writer.say(ADD) == "UPDATE 1"
    return reader, writer


REST = [(3, 0), (4, 0), (5, 0)]
"""As of the time when the cursor was opened."""


@pytest.mark.parametrize("writes_first", [False, True])
@pytest.mark.parametrize("reader_wins", [False, True])
def test_a_cursor_reads_on_while_its_transaction_races(
    racers: Sessions, writes_first: bool, reader_wins: bool
) -> None:
    reader, writer = start(racers, writes_first=writes_first)
    if reader_wins:
        assert reader.rows('FETCH ALL FROM "my cursor"') == REST
        assert reader.say("COMMIT") == "COMMIT"
        assert writer.say("COMMIT") == CONFLICT
    else:
        assert writer.say("COMMIT") == "COMMIT"
        assert reader.rows('FETCH 2 FROM "my cursor"') == REST[:2]
        assert reader.rows(READ) == [(1, 1), (2, 0), (3, 0), (4, 7), (5, 0)]
        assert reader.rows('FETCH 2 FROM "my cursor"') == REST[2:]
        assert reader.say('CLOSE "my cursor"') == "CLOSE CURSOR"
        assert reader.say("COMMIT") == CONFLICT


@pytest.mark.parametrize("writes_first", [False, True])
def test_a_cursor_survives_being_put_aside_again_and_again(
    racers: Sessions, writes_first: bool
) -> None:
    reader, writer = start(racers, writes_first=writes_first)
    for row in REST:
        assert writer.say(ADD) == "UPDATE 1"
        assert reader.rows('FETCH 1 FROM "my cursor"') == [row]
    assert reader.rows('FETCH 1 FROM "my cursor"') == []
    assert writer.say("ROLLBACK") == "ROLLBACK"
    assert reader.say("COMMIT") == "COMMIT"


@pytest.mark.parametrize("writes_first", [False, True])
@pytest.mark.parametrize("binary", [False, True])
def test_a_server_side_cursor_reads_on(racers: Sessions, writes_first: bool, binary: bool) -> None:
    reader, writer = racers(2)
    with reader.connection.transaction():
        if writes_first:
            reader.say(ADD)
        with reader.connection.cursor("named", binary=binary) as cursor:
            cursor.itersize = 2
            cursor.execute(f"SELECT id, v::numeric(9, 2), NULL::text FROM ({READ}) AS r")
            assert next(iter(cursor))[0] == 1
            if not writes_first:
                reader.say(ADD)
            writer.say("BEGIN")
            assert writer.say(ADD) == "UPDATE 1"
            assert [(row[0], str(row[1]), row[2]) for row in cursor] == [
                (key, "0.00", None) for key in range(2, 6)
            ]
        assert writer.say("ROLLBACK") == "ROLLBACK"
    assert reader.rows("SELECT v FROM race WHERE id = 1") == [(1,)]


@pytest.mark.parametrize("writes_first", [False, True])
@pytest.mark.parametrize("fetched", [0, 2])
def test_a_portal_that_is_read_in_pieces_reads_on(
    racers: Sessions, client: RawClient, writes_first: bool, fetched: int
) -> None:
    """As the cursors of asyncpg and JDBC are."""
    (writer,) = racers(1)
    sync = message(Frontend.SYNC, b"")
    parse = message(Frontend.PARSE, f"\0SELECT id, v::text FROM ({READ}) AS r\0\0\0".encode())
    bind = message(Frontend.BIND, b"C_1\0\0" + bytes(6))
    rest = message(Frontend.EXECUTE, b"C_1\0" + bytes(4)) + sync
    client.ask("BEGIN")
    if writes_first:
        client.ask(ADD)
    assert client.send_frames(parse + bind + sync).sqlstate is None
    if fetched:
        some = message(Frontend.EXECUTE, b"C_1\0" + INT32.pack(fetched)) + sync
        assert client.send_frames(some).sqlstate is None
    if not writes_first:
        client.ask(ADD)
    assert writer.say(ADD) == "UPDATE 1"
    rows = [["1", "1" if writes_first else "0"], *([str(key), "0"] for key in range(2, 6))]
    reply = client.send_frames(rest)
    assert (reply.sqlstate, reply.results[0].rows) == (None, rows[fetched:])
    assert client.ask("COMMIT").sqlstate == CONFLICT


SYNCED = message(Frontend.SYNC, b"")
IN_PIECES = {
    "UPDATE race SET v = v + 1 WHERE id <= 4 RETURNING id": [1, 1, 1, 1, 0],
    "SELECT id FROM race WHERE id <= 4 ORDER BY id FOR UPDATE": [0, 0, 0, 0, 0],
}


@pytest.mark.parametrize(
    ("portal", "sizes", "moment"),
    [
        *((b"C_1", sizes, moment) for sizes in ((1, 1, 2), (2, 0)) for moment in range(3)),
        (b"C_1", (0,), 1),
        *((b"", sizes, 1) for sizes in ((1, 1, 2), (1, 0), (4,))),
    ],
)
@pytest.mark.parametrize("text", IN_PIECES)
def test_a_write_whose_rows_are_fetched_in_pieces_is_done_once(
    racers: Sessions, client: RawClient, text: str, moment: int, sizes: Sequence[int], portal: bytes
) -> None:
    """As JDBC fetches them. Its transaction is set aside meanwhile, and its rival gives up."""
    (rival,) = racers(1)
    client.ask("BEGIN")
    client.ask("UPDATE race SET v = 7 WHERE id = 5")
    frames = [
        message(Frontend.EXECUTE, portal + b"\0" + INT32.pack(size)) + SYNCED for size in sizes
    ]
    parsed = message(Frontend.PARSE, b"\0" + text.encode() + bytes(3))
    frames[0] = parsed + message(Frontend.BIND, portal + bytes(8)) + frames[0]
    if not portal:  # which only lives up to what comes next
        frames = [b"".join(each.removesuffix(SYNCED) for each in frames) + SYNCED]
    fetched = []
    for number, each in enumerate(frames):
        if number == moment:
            rival.do(("BEGIN", "UPDATE race SET v = 0 WHERE id = 5"))
        client.send_part(each)
        fetched += [frame[-1:] for frame in client.frames() if frame[:1] in (b"D", b"E")]
    if moment >= len(frames):
        rival.do(("BEGIN", "UPDATE race SET v = 0 WHERE id = 5"))
    assert sorted(fetched) == [b"1", b"2", b"3", b"4"]
    rival.do(("ROLLBACK",))
    assert client.ask("COMMIT").sqlstate is None
    assert rival.rows("SELECT v FROM race ORDER BY id") == [
        *((each,) for each in IN_PIECES[text][:4]),
        (7,),
    ]


@pytest.mark.parametrize("fetched", [1, 3])
def test_rows_that_are_locked_in_pieces_are_locked_as_far_as_they_were_fetched(
    racers: Sessions, client: RawClient, fetched: int
) -> None:
    rival, third = racers(2)
    client.ask("BEGIN")
    client.ask("UPDATE race SET v = 7 WHERE id = 5")
    text = b"SELECT id FROM race ORDER BY id FOR UPDATE"
    more = message(Frontend.EXECUTE, b"C_1\0" + INT32.pack(1)) + SYNCED
    parsed = message(Frontend.PARSE, b"\0" + text + bytes(3))
    client.send_frames(parsed + message(Frontend.BIND, b"C_1" + bytes(8)) + more)
    for _ in range(fetched - 1):
        client.send_frames(more)
    rival.do(("BEGIN", "UPDATE race SET v = 0 WHERE id = 5", "ROLLBACK", "BEGIN", "SELECT 1"))
    third.do(("BEGIN", "SELECT v FROM race"))
    assert client.ask("COMMIT").sqlstate is None
    third.do((f"UPDATE race SET v = 1 WHERE id = {fetched}",))
    rival.do(("ROLLBACK", f"UPDATE race SET v = 1 WHERE id = {fetched + 1}"))
    assert third.say("COMMIT") == CONFLICT


def test_a_statement_that_was_prepared_without_a_name_is_still_there(
    racers: Sessions, client: RawClient
) -> None:
    (writer,) = racers(1)
    sync = message(Frontend.SYNC, b"")
    client.ask("BEGIN")
    client.ask(ADD)
    client.send_frames(message(Frontend.PARSE, b"\0SELECT 'mine'\0\0\0") + sync)
    assert writer.say(ADD) == "UPDATE 1"
    reply = client.send_frames(
        message(Frontend.BIND, bytes(8)) + message(Frontend.EXECUTE, bytes(5)) + sync
    )
    assert reply.results[0].rows == [["mine"]]
    assert client.ask("COMMIT").sqlstate == CONFLICT


def test_a_cursor_opened_after_losing_reads_what_the_transaction_sees(racers: Sessions) -> None:
    reader, writer = racers(2)
    reader.say("BEGIN")
    reader.rows(READ)
    assert writer.say(ADD) == "UPDATE 1"
    assert reader.say("UPDATE race SET v = 9 WHERE id = 1") == "UPDATE 1"
    reader.say(f"DECLARE c CURSOR FOR {READ}")
    assert reader.rows("FETCH 2 FROM c") == [(1, 9), (2, 0)]
    assert reader.say("COMMIT") == CONFLICT


def test_a_cursor_that_is_held_outlives_its_transaction(racers: Sessions) -> None:
    reader, writer = racers(2)
    reader.say("BEGIN")
    reader.say(ADD)
    reader.say(f"DECLARE c CURSOR WITH HOLD FOR {READ}")
    writer.say("BEGIN")
    assert writer.say(ADD) == "UPDATE 1"
    assert reader.say("COMMIT") == "COMMIT"
    assert writer.say("COMMIT") == CONFLICT
    assert reader.connection.info.transaction_status == pq.TransactionStatus.IDLE
    assert reader.rows("FETCH 1 FROM c") == [(1, 1)]
    assert reader.say("CLOSE c") == "CLOSE CURSOR"

"""What real clients send after they have signed in, recorded; and such streams with damage."""

import contextlib
import io
import random
import ssl
from collections.abc import Sequence
from dataclasses import replace

import pg8000.dbapi
import psycopg
import psycopg2

from dsqlkit.connection import connect
from dsqlkit.endpoint import Endpoint, LocalAddress
from dsqlkit.token import TokenSigner
from tests.support.any_libpq import parameters_for_any_libpq
from tests.support.recorder import Recorder

_DAMAGE = ("flip", "drop", "repeat", "insert", "length", "cut", "splice")


def recorded(endpoint: Endpoint, address: LocalAddress) -> list[bytes]:
    """The streams of several clients, from after the password on."""
    with Recorder(address) as recorder:
        there = replace(endpoint, port=recorder.port)
        signer = TokenSigner(endpoint)
        with connect(there, signer) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS damaged (id int PRIMARY KEY, note text)")
            with_psycopg(connection)
            with psycopg.ClientCursor(connection) as cursor:
                cursor.execute("BEGIN; SELECT 1; COMMIT")
        with_psycopg2(there, signer)
        with_pg8000(there, signer)
    return [_after_sign_in(bytes(stream)) for stream in recorder.streams]


def with_psycopg(connection: psycopg.Connection) -> None:
    for binary in (False, True):
        for each in range(3):
            connection.execute(
                "INSERT INTO damaged VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET note = 'x'",
                (each, "käse"),
                prepare=True,
                binary=binary,
            )
    with connection.transaction():
        connection.execute("UPDATE damaged SET note = %s WHERE id = %s RETURNING id", ("y", 1))
        with connection.cursor("pieces") as cursor:
            cursor.execute("SELECT * FROM damaged")
            cursor.fetchone()
    with connection.pipeline() as pipeline:
        for each in range(5):
            connection.execute("SELECT %s::int", (each,))
        pipeline.sync()
    with connection.cursor().copy("COPY damaged FROM STDIN") as copy:
        for each in range(100, 150):
            copy.write_row((each, "copied"))
    with contextlib.suppress(psycopg.Error):
        connection.execute("SELECT 1 / 0")
    connection.execute("DELETE FROM damaged")


def with_psycopg2(there: Endpoint, signer: TokenSigner) -> None:
    connection = psycopg2.connect(**parameters_for_any_libpq(there, signer))
    with connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO damaged SELECT n FROM generate_series(1, 20) n")
        cursor.copy_expert("COPY damaged TO STDOUT", io.StringIO())
        cursor.execute("DELETE FROM damaged; SELECT 1")
    connection.close()


def with_pg8000(there: Endpoint, signer: TokenSigner) -> None:
    connection = pg8000.dbapi.connect(
        host=there.host,
        port=there.port,
        user="admin",
        database="postgres",
        password=signer.token().value,
        ssl_context=ssl.create_default_context(cafile=there.root_certificate),
    )
    cursor = connection.cursor()
    for each in range(3):
        cursor.execute("INSERT INTO damaged VALUES (%s, %s)", (each, "z"))
    connection.rollback()
    connection.close()


def _after_sign_in(stream: bytes) -> bytes:
    """Without the startup packet and the password message, which holds a token."""
    start = int.from_bytes(stream[:4], "big")
    assert stream[start : start + 1] == b"p"
    return stream[start + 1 + int.from_bytes(stream[start + 1 : start + 5], "big") :]


def damaged(stream: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """The stream with up to four injuries."""
    data = bytearray(stream)
    for _ in range(chance.randint(0, 4)):
        at = chance.randrange(len(data) + 1)
        until = min(len(data), at + chance.choice((1, 4, 30, 300)))
        match chance.choice(_DAMAGE):
            case "flip" if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case "drop":
                del data[at:until]
            case "repeat":
                data[at:at] = data[at:until]
            case "insert":
                data[at:at] = chance.randbytes(until - at)
            case "length":
                data[at : at + 4] = chance.choice((0, 3, 4, 5, 1 << 20, 0x7FFFFFFF)).to_bytes(4)
            case "cut":
                del data[at:]
            case "splice":
                data[at:] = chance.choice(others)[chance.randrange(200) :]
    return bytes(data)


def in_pieces(data: bytes, chance: random.Random) -> list[bytes]:
    """The same bytes, as they may arrive."""
    pieces = []
    while data:
        size = chance.choice((1, 2, 5, 50, 500, 5000))
        pieces.append(data[:size])
        data = data[size:]
    return pieces

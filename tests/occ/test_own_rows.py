"""Sessions that want different rows never conflict, whatever they wait for inside PostgreSQL."""

import threading
import uuid
from collections import Counter

import psycopg
import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.local.occ.lock_monitor import Concern, concern_of
from dsqlkit.token import TokenSigner
from tests.occ.conftest import Racer

ROWS = 500
ROUNDS = 6
PADDING = "x" * 50


@pytest.mark.parametrize(
    ("lock_type", "concern"),
    [
        ("transactionid", Concern.ROW),
        ("tuple", Concern.ROW),
        ("spectoken", Concern.ROW),
        ("relation", Concern.SCHEMA),
        ("object", Concern.SCHEMA),
        ("extend", Concern.PASSING),
        ("page", Concern.PASSING),
        ("virtualxid", Concern.PASSING),
        ("frozenid", Concern.PASSING),
        ("userlock", Concern.PASSING),
        ("advisory", Concern.SCHEMA),
        ("applytransaction", Concern.PASSING),
        ("one of a later version", Concern.PASSING),
    ],
)
def test_only_a_row_or_a_schema_makes_two_transactions_meet(
    lock_type: str, concern: Concern
) -> None:
    assert concern_of(lock_type) is concern


@pytest.fixture
def own_rows(observer: Racer) -> None:
    observer.say("DROP TABLE IF EXISTS own_rows")
    observer.say("CREATE TABLE own_rows (id uuid PRIMARY KEY, writer int, padding text)")


def _insert(connection: Connection, writer: int) -> None:
    connection.execute("BEGIN")
    connection.execute(
        "INSERT INTO own_rows SELECT gen_random_uuid(), %s, %s FROM generate_series(1, %s)",
        (writer, PADDING, ROWS),
    )
    connection.execute("COMMIT")


def _copy(connection: Connection, writer: int) -> None:
    connection.execute("BEGIN")
    _copy_alone(connection, writer)
    connection.execute("COMMIT")


def _copy_alone(connection: Connection, writer: int) -> None:
    with connection.cursor().copy("COPY own_rows FROM STDIN") as copy:
        for _ in range(ROWS):
            copy.write_row((uuid.uuid4(), writer, PADDING))


def _insert_alone(connection: Connection, writer: int) -> None:
    connection.execute(
        "INSERT INTO own_rows SELECT gen_random_uuid(), %s, %s FROM generate_series(1, %s)",
        (writer, PADDING, ROWS),
    )


def _replace_own(connection: Connection, writer: int) -> None:
    connection.execute("BEGIN")
    connection.execute(
        "INSERT INTO own_rows SELECT gen_random_uuid(), %s, %s FROM generate_series(1, %s)",
        (-writer, PADDING, ROWS),
    )
    connection.execute("UPDATE own_rows SET writer = %s WHERE writer = %s", (writer, -writer))
    connection.execute("COMMIT")


MANNERS = (_insert, _copy, _copy_alone, _insert_alone, _replace_own)


def test_writers_of_rows_of_their_own_never_conflict(
    endpoint: Endpoint, observer: Racer, own_rows: None
) -> None:
    refused: Counter[str] = Counter()
    signer = TokenSigner(endpoint)

    def write(writer: int) -> None:
        with connect(endpoint, signer) as connection:
            for turn in range(ROUNDS):
                try:
                    MANNERS[(writer + turn) % len(MANNERS)](connection, writer)
                except psycopg.Error as error:
                    refused[str(error)] += 1
                    connection.execute("ROLLBACK")

    writers = [threading.Thread(target=write, args=(number,)) for number in range(1, 9)]
    for each in writers:
        each.start()
    for each in writers:
        each.join(timeout=60)
    assert not refused
    assert observer.rows("SELECT writer, count(*) FROM own_rows GROUP BY writer ORDER BY 1") == [
        (number, ROUNDS * ROWS) for number in range(1, 9)
    ]

"""Histories of sessions that append to lists beside writers of rows of their own, checked whole."""

import random
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing

import psycopg
import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.local.wire.messages import SYNC
from dsqlkit.token import TokenSigner
from tests.occ.conftest import CONFLICT, Racer
from tests.occ.histories import Recorded, anomalies
from tests.support.raw_client import RawClient, pipelined
from tests.support.soaking import DURATION_S, chance_of

Work = Callable[[Endpoint, TokenSigner, int, float], list[Recorded]]

KEYS = 6
APPENDERS = 4
BATCHERS = 3
BULK_WRITERS = 3
SHORT_S = 2.0


def _transaction(name: str, began_s: float, ended_s: float, outcome: str = "COMMIT") -> Recorded:
    return Recorded(name, began_s, ended_s, outcome)


def test_the_checker_finds_what_is_wrong() -> None:
    first = _transaction("first", 0, 2)
    first.appended = {1: ["a"], 2: ["b"]}
    assert list(anomalies([first], {1: ["a"], 2: ["b"]}, CONFLICT)) == []
    assert "a of first (COMMIT) is there 0 times" in anomalies([first], {1: [], 2: ["b"]}, CONFLICT)
    assert "x in list 1 was appended by nobody" in anomalies(
        [first], {1: ["a", "x"], 2: ["b"]}, CONFLICT
    )
    reader = _transaction("reader", 1, 3)
    final = {1: ["a"], 2: ["b"]}
    reader.reads = [(1, ("a",)), (2, ())]
    assert "reader saw a part of first: list 1, not 2" in anomalies(
        [first, reader], final, CONFLICT
    )
    reader.reads = [(1, ()), (1, ("a",))]
    assert "reader read list 1 from two snapshots" in anomalies([first, reader], final, CONFLICT)
    reader.reads = [(1, ("b",))]
    assert any("never so" in each for each in anomalies([first, reader], final, CONFLICT))
    loser = _transaction("loser", 1, 3, CONFLICT)
    loser.appended = {2: ["c"]}
    assert list(anomalies([first, loser], final, CONFLICT)) == []
    loser.began_s = 2.5
    assert any("nobody else" in each for each in anomalies([first, loser], final, CONFLICT))
    loser.began_s, loser.appended = 1, {3: ["c"]}
    assert any("nobody else" in each for each in anomalies([first, loser], final, CONFLICT))


@pytest.fixture
def lists(observer: Racer) -> None:
    observer.say("DROP TABLE IF EXISTS lists")
    observer.say("DROP TABLE IF EXISTS bulk")
    observer.say("CREATE TABLE lists (key int PRIMARY KEY, items text NOT NULL)")
    observer.say("CREATE TABLE bulk (id uuid PRIMARY KEY, writer int, note text)")
    observer.say(f"INSERT INTO lists SELECT n, '' FROM generate_series(1, {KEYS}) AS s (n)")


def _elements(items: str) -> tuple[str, ...]:
    return tuple(items.split())


def _play(connection: Connection, chance: random.Random, transaction: Recorded) -> None:
    connection.execute("BEGIN")
    for step in range(chance.randint(1, 4)):
        key = chance.randint(1, KEYS)
        if chance.random() < 0.4:
            lock = chance.choice(["", "", " FOR UPDATE"])
            # A row that is locked is one that it wants to write.
            if lock:
                transaction.appended.setdefault(key, [])
            row = connection.execute(
                f"SELECT items FROM lists WHERE key = %s{lock}".encode(), (key,)
            ).fetchone()
        else:
            element = f"{transaction.name}.{step}"
            transaction.appended.setdefault(key, []).append(element)
            row = connection.execute(
                "UPDATE lists SET items = items || %s WHERE key = %s RETURNING items",
                (f" {element}", key),
            ).fetchone()
        assert row is not None
        transaction.reads.append((key, _elements(row[0])))
        if chance.random() < 0.2:
            time.sleep(chance.random() * 0.01)
    connection.execute("COMMIT")


def _append(endpoint: Endpoint, signer: TokenSigner, number: int, until_s: float) -> list[Recorded]:
    chance = chance_of(f"appender {number}")
    history: list[Recorded] = []
    with closing(connect(endpoint, signer)) as connection:
        while time.monotonic() < until_s:
            name = f"{number}-{len(history)}"
            transaction = Recorded(name, time.monotonic())
            try:
                _play(connection, chance, transaction)
                transaction.outcome = "COMMIT"
            except psycopg.Error as error:
                transaction.outcome = error.sqlstate or str(error)
                connection.execute("ROLLBACK")
            transaction.ended_s = time.monotonic()
            history.append(transaction)
    return history


def _send_batches(client: RawClient, chance: random.Random, transaction: Recorded) -> str:
    """What the transaction came to. Its BEGIN goes with the first batch, or with a question."""
    frames = pipelined("BEGIN").removesuffix(SYNC)
    if chance.random() < 0.3:
        key = chance.randint(1, KEYS)
        answered = client.send_frames(
            frames + pipelined(f"SELECT items FROM lists WHERE key = {key}")
        )
        transaction.reads.append((key, _elements(answered.results[-1].rows[0][0] or "")))
        frames = b""
    for batch in range(chance.randint(1, 2)):
        keys = [chance.randint(1, KEYS) for _ in range(chance.randint(1, 4))]
        texts = []
        for step, key in enumerate(keys):
            element = f"{transaction.name}.{batch}.{step}"
            transaction.appended.setdefault(key, []).append(element)
            texts.append(
                f"UPDATE lists SET items = items || ' {element}' WHERE key = {key} RETURNING items"
            )
        answered = client.send_frames(frames + pipelined(*texts))
        for key, result in zip(keys, answered.results[-len(keys) :], strict=True):
            transaction.reads.append((key, _elements(result.rows[0][0] or "")))
        frames = b""
        if chance.random() < 0.2:
            time.sleep(chance.random() * 0.01)
    return client.ask("COMMIT").sqlstate or "COMMIT"


def _append_at_once(
    endpoint: Endpoint, _signer: TokenSigner, number: int, until_s: float
) -> list[Recorded]:
    """As the appenders, with what a transaction appends sent at once."""
    chance = chance_of(f"batcher {number}")
    history: list[Recorded] = []
    with closing(RawClient(endpoint)) as client:
        while time.monotonic() < until_s:
            transaction = Recorded(f"batch-{number}-{len(history)}", time.monotonic())
            transaction.outcome = _send_batches(client, chance, transaction)
            transaction.ended_s = time.monotonic()
            history.append(transaction)
    return history


def _write_bulk(
    endpoint: Endpoint, signer: TokenSigner, number: int, until_s: float
) -> list[Recorded]:
    chance = chance_of(f"bulk writer {number}")
    history: list[Recorded] = []
    insert = (
        "INSERT INTO bulk SELECT gen_random_uuid(), %s, repeat('x', 60)"
        " FROM generate_series(1, 300)"
    )
    with closing(connect(endpoint, signer)) as connection:
        while time.monotonic() < until_s:
            transaction = Recorded(f"bulk {number}-{len(history)}", time.monotonic())
            explicit = chance.random() < 0.7
            try:
                if explicit:
                    connection.execute("BEGIN")
                if chance.random() < 0.5:
                    with connection.cursor().copy("COPY bulk FROM STDIN") as copy:
                        for _ in range(300):
                            copy.write_row((uuid.uuid4(), number, "x" * 60))
                else:
                    connection.execute(insert, (number,))
                if explicit:
                    connection.execute("COMMIT")
                transaction.outcome = "COMMIT"
            except psycopg.Error as error:
                transaction.outcome = error.sqlstate or str(error)
                connection.execute("ROLLBACK")
            transaction.ended_s = time.monotonic()
            history.append(transaction)
    return history


def _record(endpoint: Endpoint, duration_s: float) -> list[Recorded]:
    signer = TokenSigner(endpoint)
    until_s = time.monotonic() + duration_s
    histories: list[Sequence[Recorded]] = []

    def run(work: Work, number: int) -> None:
        histories.append(work(endpoint, signer, number, until_s))

    threads = [
        *(threading.Thread(target=run, args=(_append, each)) for each in range(APPENDERS)),
        *(threading.Thread(target=run, args=(_append_at_once, each)) for each in range(BATCHERS)),
        *(threading.Thread(target=run, args=(_write_bulk, each)) for each in range(BULK_WRITERS)),
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join(timeout=duration_s + 60)
    assert len(histories) == len(threads), "a session did not come to its end"
    return [transaction for history in histories for transaction in history]


def _check(endpoint: Endpoint, observer: Racer, duration_s: float) -> None:
    history = _record(endpoint, duration_s)
    outcomes = {each.outcome for each in history}
    assert outcomes <= {"COMMIT", CONFLICT}
    assert sum(each.committed for each in history) > len(history) / 10
    final = {key: _elements(items) for key, items in observer.rows("SELECT key, items FROM lists")}
    assert list(anomalies(history, final, CONFLICT)) == []


@pytest.mark.timeout(150)
def test_a_history_has_no_anomaly_and_no_false_conflict(
    endpoint: Endpoint, observer: Racer, lists: None
) -> None:
    _check(endpoint, observer, SHORT_S)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_long_history_has_no_anomaly_and_no_false_conflict(
    endpoint: Endpoint, observer: Racer, lists: None
) -> None:
    until_s = time.monotonic() + DURATION_S
    while time.monotonic() < until_s:
        observer.say("UPDATE lists SET items = ''")
        _check(endpoint, observer, min(30.0, DURATION_S))

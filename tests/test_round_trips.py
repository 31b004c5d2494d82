"""What a transfer sends, read at the wire: how often it waits for an answer, and with what.

And what becomes of the statements that it prepares.
"""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from dsqlkit import accounts, loading, local, tables
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import Endpoint, LocalAddress
from dsqlkit.errors import ConflictLimitReached, InsufficientBalance, SqlError
from dsqlkit.transaction import RetryPolicy
from tests.support.recorder import Recorder
from tests.support.waiting import eventually

QUERY, SYNC, FLUSH = b"Q", b"S", b"H"
"""What makes a server answer: a client that sent one waits. psycopg sends a Flush with its Sync."""


def messages(stream: bytes) -> list[tuple[bytes, bytes]]:
    """The messages of a client after the token was taken, by letter and content."""
    at = int.from_bytes(stream[:4], "big")  # the start-up message has no letter
    found = []
    while at < len(stream):
        size = int.from_bytes(stream[at + 1 : at + 5], "big")
        found.append((stream[at : at + 1], stream[at + 5 : at + 1 + size]))
        at += 1 + size
    assert found[0][0] == b"p"
    return found[1:]


def waits(sent: list[tuple[bytes, bytes]]) -> list[bytes]:
    """The message after which the client waited, for each time that it did."""
    letters = [letter for letter, _ in sent if letter in (QUERY, SYNC, FLUSH)]
    return [
        each
        for each, before in zip(letters, [b"", *letters], strict=False)
        if (before, each) != (SYNC, FLUSH)
    ]


@pytest.fixture
def recorder(local_cluster: LocalAddress) -> Iterator[Recorder]:
    with Recorder(local_cluster) as running:
        yield running


@pytest.fixture
def recorded(endpoint: Endpoint, recorder: Recorder) -> Iterator[KeptConnection]:
    with KeptConnection(replace(endpoint, port=recorder.port)) as kept:
        yield kept


@pytest.fixture
def ids(endpoint: Endpoint) -> tuple[UUID, UUID]:
    pair = (uuid4(), uuid4())
    with KeptConnection(endpoint) as kept:
        accounts.initialise(kept, 4)
        for table in ("accounts2", "transfers"):
            tables.create(kept, table)
        loading.send(kept, loading.Batch.of(pair), RetryPolicy())
    return pair


@pytest.mark.parametrize("key", [None, uuid4()])
@pytest.mark.parametrize("kind", [int, UUID])
def test_a_transfer_waits_for_an_answer_twice(
    recorder: Recorder,
    recorded: KeptConnection,
    ids: tuple[UUID, UUID],
    kind: type,
    key: UUID | None,
) -> None:
    payer, payee = ids if kind is UUID else (1, 2)
    done = accounts.transfer(recorded, payer, payee, Decimal("0.25"), key=key and uuid4())
    assert (done.attempts, done.payer_balance) == (1, Decimal("99.75"))
    recorded.close()
    assert eventually(lambda: recorder.streams[0].endswith(b"X\0\0\0\4"))
    sent = messages(bytes(recorder.streams[0]))
    assert waits(sent) == [SYNC, QUERY]
    assert sent[-2] == (b"Q", b"COMMIT\0")
    parsed = [content.split(b"\0")[1].split()[0] for letter, content in sent if letter == b"P"]
    ledger = [b"INSERT"] if key else []
    assert parsed == [b"BEGIN", *ledger, b"UPDATE", b"UPDATE"]


def test_each_attempt_of_a_transfer_is_two_waits(
    recorder: Recorder, recorded: KeptConnection, ids: tuple[UUID, UUID]
) -> None:
    local.set_faults(local.Faults(conflict_every=1))
    policy = RetryPolicy(max_attempts=3, base_s=0.001)
    try:
        with pytest.raises(ConflictLimitReached):
            accounts.transfer(recorded, 1, 2, Decimal(1), policy, key=uuid4())
    finally:
        local.set_faults(local.Faults())
    recorded.close()
    assert eventually(lambda: recorder.streams[0].endswith(b"X\0\0\0\4"))
    sent = messages(bytes(recorder.streams[0]))
    assert waits(sent) == [SYNC, QUERY] * 3


def test_what_a_transfer_sends_is_prepared_from_its_second_time_on(
    recorder: Recorder, recorded: KeptConnection, ids: tuple[UUID, UUID]
) -> None:
    for _ in range(4):
        accounts.transfer(recorded, 1, 2, Decimal("0.25"), key=uuid4())
    recorded.close()
    assert eventually(lambda: recorder.streams[0].endswith(b"X\0\0\0\4"))
    parsed = [
        content.split(b"\0")[:2]
        for letter, content in messages(bytes(recorder.streams[0]))
        if letter == b"P"
    ]
    names = [name for name, _ in parsed]
    assert names[:4] == [b""] * 4
    assert len(set(names[4:])) == len(names[4:]) == 4


@pytest.mark.parametrize("refused", range(1, 9))
def test_a_statement_that_fails_leaves_those_behind_it_usable(
    endpoint: Endpoint, ids: tuple[UUID, UUID], refused: int
) -> None:
    too_much = Decimal("2000000000000")  # what the payer is left with has no room
    with KeptConnection(endpoint) as kept:
        with pytest.raises(InsufficientBalance):
            accounts.transfer(kept, 1, 2, Decimal(1000))
        for number in range(1, 12):
            if number == refused:
                with pytest.raises(SqlError) as error:
                    accounts.transfer(kept, 1, 2, too_much)
                assert error.value.sqlstate == "22003"
            else:
                accounts.transfer(kept, 1, 2, Decimal("0.25"))
        assert accounts.balance(kept, 1).balance == Decimal("97.5")


def test_a_transfer_goes_on_after_what_it_prepared_was_dropped(
    endpoint: Endpoint, ids: tuple[UUID, UUID]
) -> None:
    with KeptConnection(endpoint) as kept:
        for _ in range(3):
            accounts.transfer(kept, 1, 2, Decimal("0.25"), key=uuid4())
            accounts.transfer(kept, 1, 2, Decimal("0.25"), key=uuid4())
            with kept.connection() as connection:
                connection.execute("DEALLOCATE ALL")
        assert accounts.balance(kept, 1).balance == Decimal("98.5")


def test_a_transfer_goes_on_after_its_table_was_made_anew_with_other_types(
    endpoint: Endpoint, ids: tuple[UUID, UUID]
) -> None:
    said: list[str] = []
    with KeptConnection(endpoint) as kept, KeptConnection(endpoint) as other:
        for _ in range(3):
            accounts.transfer(kept, 1, 2, Decimal(1), key=uuid4())
        with other.connection() as connection:
            connection.execute("DROP TABLE accounts")
            connection.execute("CREATE TABLE accounts (id bigint PRIMARY KEY, balance bigint)")
            connection.execute("INSERT INTO accounts VALUES (1, 100), (2, 100)")
            done = accounts.transfer(kept, 1, 2, Decimal(1), key=uuid4(), notice=said.append)
            connection.execute("DROP TABLE accounts")
        assert (done.payer_balance, said) == (Decimal(99), [])

"""A bulk load over connections that break loads each batch exactly once, or says that it cannot."""

import threading
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from dsqlkit import tables
from dsqlkit.connection import KeptConnection, open_pool
from dsqlkit.endpoint import Endpoint
from dsqlkit.errors import OutcomeUnknown, SqlError
from dsqlkit.loading import Batch, Loader, LoadPlan, send
from dsqlkit.transaction import RetryPolicy
from tests.support.relay import Cut, Relay

SWIFT = RetryPolicy(base_s=0.001, cap_s=0.01)


@pytest.fixture
def table(witness: KeptConnection) -> KeptConnection:
    """An empty accounts2, seen past the relay."""
    tables.drop(witness, "accounts2")
    tables.create(witness, "accounts2")
    return witness


@pytest.fixture
def connections(relayed: Endpoint) -> Iterator[KeptConnection]:
    with KeptConnection(relayed) as kept:
        yield kept


def ids_in(table: KeptConnection) -> list[UUID]:
    with table.connection() as connection:
        return [each for (each,) in connection.execute("SELECT id FROM accounts2 ORDER BY id")]


@pytest.mark.parametrize("cut", Cut)
def test_a_batch_is_loaded_once_whether_its_insert_or_the_answer_is_lost(
    table: KeptConnection, connections: KeptConnection, relay: Relay, cut: Cut
) -> None:
    relay.next_turn(cut)
    ids = sorted(uuid4() for _ in range(10))
    assert send(connections, Batch.of(ids), SWIFT) == 1
    assert ids_in(table) == ids


def test_a_batch_is_loaded_once_when_its_connection_breaks_again_and_again(
    table: KeptConnection, connections: KeptConnection, relay: Relay
) -> None:
    cuts = iter([Cut.QUESTION_LOST, Cut.ANSWER_LOST])
    relay.on_turn = lambda turn: next(cuts, None)
    ids = sorted(uuid4() for _ in range(10))
    send(connections, Batch.of(ids), SWIFT)
    assert ids_in(table) == ids


def test_a_batch_that_never_gets_through_is_given_up_as_in_doubt(
    table: KeptConnection, connections: KeptConnection, relay: Relay
) -> None:
    relay.on_turn = lambda turn: Cut.QUESTION_LOST
    with pytest.raises(OutcomeUnknown):
        send(connections, Batch.of([uuid4()]), SWIFT)
    assert ids_in(table) == []


def test_a_batch_in_doubt_stays_in_doubt_when_nothing_gets_through_after_it(
    table: KeptConnection, connections: KeptConnection, relay: Relay
) -> None:
    def once_then_nothing(turn: int) -> Cut | None:
        relay.on_turn = lambda turn: Cut.QUESTION_LOST
        return Cut.ANSWER_LOST

    relay.on_turn = once_then_nothing
    with pytest.raises(OutcomeUnknown):
        send(connections, Batch.of([uuid4()]), SWIFT)
    assert len(ids_in(table)) == 1


def test_ids_that_were_there_before_are_an_error_not_a_batch_that_is_loaded(
    table: KeptConnection, connections: KeptConnection
) -> None:
    ids = [uuid4()]
    send(connections, Batch.of(ids), SWIFT)
    with pytest.raises(SqlError) as caught:
        send(connections, Batch.of([*ids, uuid4()]), SWIFT)
    assert caught.value.sqlstate == "23505"
    assert ids_in(table) == ids


def test_a_load_over_connections_that_keep_breaking_hands_over_what_is_in_the_table(
    table: KeptConnection, relayed: Endpoint, relay: Relay
) -> None:
    # Four in all, fewer than a batch is sent again.
    cuts = {
        6: Cut.ANSWER_LOST,
        11: Cut.QUESTION_LOST,
        17: Cut.ANSWER_LOST,
        23: Cut.ANSWER_LOST,
    }
    lock, turns = threading.Lock(), 0

    def some_turns(_: int) -> Cut | None:
        nonlocal turns
        with lock:
            turns += 1
            return cuts.get(turns)

    handed_over: list[UUID] = []
    with open_pool(relayed, size=4) as pool:
        relay.on_turn = some_turns
        loaded = Loader(pool, LoadPlan(30, 20, 4), SWIFT).run(handed_over.extend)
    assert loaded.complete
    assert loaded.accounts == len(handed_over) == 600
    # A cut may hit a connection that is being closed, too, and nothing is sent again then.
    assert 0 < loaded.retries <= len(cuts)
    assert ids_in(table) == sorted(handed_over)


def test_a_load_that_fails_hands_over_what_was_committed_and_ends_its_workers(
    table: KeptConnection, relayed: Endpoint, relay: Relay
) -> None:
    handed_over: list[UUID] = []

    def break_the_table(ids: object) -> None:
        handed_over.extend(ids)  # type: ignore[arg-type]
        tables.drop(table, "accounts2")

    with (
        open_pool(relayed, size=4) as pool,
        pytest.raises(SqlError) as caught,
    ):
        Loader(pool, LoadPlan(1000, 20, 4), SWIFT).run(break_the_table)
    assert caught.value.sqlstate == "42P01"
    assert 20 <= len(handed_over) < 20_000
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("load")]

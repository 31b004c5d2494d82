"""What cannot be known is said to be unknown, however clear the error looks that came of it."""

import threading
from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from dsqlkit import accounts, local, tables
from dsqlkit.connection import Connection, KeptConnection
from dsqlkit.endpoint import Endpoint
from dsqlkit.errors import OutcomeUnknown
from dsqlkit.loading import Loader, LoadPlan
from dsqlkit.transaction import RetryPolicy, run
from tests.support.inside import connect_inside
from tests.support.relay import Cut, Relay

SWIFT = RetryPolicy(base_s=0.001, cap_s=0.01)
BATCH = 1
"""The turn in which a batch is sent, and committed."""


@pytest.fixture
def connections(relayed: Endpoint) -> Iterator[KeptConnection]:
    with KeptConnection(relayed) as kept:
        yield kept


@pytest.fixture
def no_fault_after(local_cluster: object) -> Iterator[None]:
    yield
    local.set_faults(local.Faults())


@pytest.mark.usefixtures("no_fault_after")
def test_an_error_that_ends_the_connection_during_commit_is_no_refusal(
    witness: KeptConnection, connections: KeptConnection, relay: Relay
) -> None:
    accounts.initialise(witness, 1)
    local.set_faults(local.Faults(commit_ms=60_000))
    committing = threading.Event()

    def work(connection: Connection) -> None:
        connection.execute("UPDATE accounts SET balance = 1 WHERE id = 1")
        relay.on_turn = lambda turn: committing.set()

    def terminate() -> None:
        assert committing.wait(60)
        with connect_inside() as inside:
            inside.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE state = 'idle in transaction' AND usename = 'admin'"
            )

    server = threading.Thread(target=terminate)
    server.start()
    with pytest.raises(OutcomeUnknown) as caught:
        run(connections, work)
    server.join()
    assert isinstance(caught.value.__cause__, psycopg.errors.AdminShutdown)


def test_a_batch_in_doubt_is_not_taken_for_loaded_by_any_error_but_a_duplicate_key(
    witness: KeptConnection, connections: KeptConnection, relay: Relay
) -> None:
    tables.drop(witness, "accounts2")
    tables.create(witness, "accounts2")
    handed_over: list[UUID] = []

    def lose_the_batch_and_the_table(turn: int) -> Cut | None:
        if turn != BATCH:
            return None
        relay.on_turn = lambda turn: None
        tables.drop(witness, "accounts2")
        return Cut.QUESTION_LOST

    relay.on_turn = lose_the_batch_and_the_table
    with pytest.raises(OutcomeUnknown):
        Loader(connections, LoadPlan(1, 10, 1), SWIFT).run(handed_over.extend)
    assert handed_over == []

"""A connection that breaks before COMMIT changed nothing; one that breaks during it is in doubt."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from dsqlkit import accounts, tables
from dsqlkit.connection import Connection, KeptConnection
from dsqlkit.endpoint import Endpoint
from dsqlkit.errors import ConnectionLost, ExitCode, OutcomeUnknown
from dsqlkit.transaction import run
from tests.support.relay import Cut, Relay


@pytest.fixture
def bank(witness: KeptConnection) -> KeptConnection:
    accounts.initialise(witness, 3)
    return witness


@pytest.fixture
def connections(relayed: Endpoint) -> Iterator[KeptConnection]:
    with KeptConnection(relayed) as kept:
        yield kept


def take_ten(connection: Connection) -> None:
    connection.execute("UPDATE accounts SET balance = balance - 10 WHERE id = 1")


def balance(bank: KeptConnection) -> Decimal:
    return accounts.balance(bank, 1).balance


@pytest.mark.parametrize("cut", Cut)
def test_a_connection_lost_at_a_statement_changes_nothing(
    bank: KeptConnection, connections: KeptConnection, relay: Relay, cut: Cut
) -> None:
    attempts = []

    def work(connection: Connection) -> None:
        attempts.append(1)
        take_ten(connection)
        relay.next_turn(cut)
        take_ten(connection)

    with pytest.raises(ConnectionLost, match="nothing changed") as caught:
        run(connections, work)
    assert caught.value.exit_code == ExitCode.NO_CONNECTION
    assert attempts == [1]
    assert balance(bank) == 100


def test_a_connection_lost_at_begin_changes_nothing(
    bank: KeptConnection, connections: KeptConnection, relay: Relay
) -> None:
    run(connections, take_ten)
    relay.next_turn(Cut.ANSWER_LOST)
    with pytest.raises(ConnectionLost, match="nothing changed"):
        run(connections, take_ten)
    assert balance(bank) == 90


@pytest.mark.parametrize("cut", Cut)
def test_a_connection_lost_at_what_only_reads_leaves_nothing_in_doubt(
    bank: KeptConnection, connections: KeptConnection, relay: Relay, cut: Cut
) -> None:
    assert tables.is_there(connections, "accounts")
    before = relay.turns[-1]
    assert not tables.exists(connections, "no_such_table")
    assert relay.turns[-1] == before + 1
    relay.next_turn(cut)
    with pytest.raises(ConnectionLost, match="nothing changed"):
        tables.is_there(connections, "accounts")


@pytest.mark.parametrize(("cut", "left"), [(Cut.QUESTION_LOST, 100), (Cut.ANSWER_LOST, 90)])
def test_a_connection_lost_at_commit_leaves_the_outcome_unknown(
    bank: KeptConnection, connections: KeptConnection, relay: Relay, cut: Cut, left: int
) -> None:
    attempts = []

    def work(connection: Connection) -> None:
        attempts.append(1)
        take_ten(connection)
        relay.next_turn(cut)

    with pytest.raises(OutcomeUnknown) as caught:
        run(connections, work)
    assert caught.value.exit_code == ExitCode.OUTCOME_UNKNOWN
    assert attempts == [1]
    assert balance(bank) == left


def test_a_kept_connection_that_broke_is_replaced(
    bank: KeptConnection, connections: KeptConnection, relay: Relay
) -> None:
    with connections.connection() as first:
        relay.next_turn(Cut.QUESTION_LOST)
        with pytest.raises(ConnectionLost):
            run(connections, take_ten)
    assert run(connections, take_ten).attempts == 1
    with connections.connection() as second:
        assert second is not first
    assert balance(bank) == 90


def test_an_error_of_the_work_survives_a_connection_that_is_lost_with_it(
    bank: KeptConnection, connections: KeptConnection, relay: Relay
) -> None:
    def work(connection: Connection) -> None:
        take_ten(connection)
        relay.next_turn(Cut.QUESTION_LOST)
        raise ValueError("the work's own")

    with pytest.raises(ValueError, match="the work's own"):
        run(connections, work)
    assert run(connections, take_ten).attempts == 1
    assert balance(bank) == 90


def test_the_relay_counts_statements_from_the_end_of_the_sign_in(
    connections: KeptConnection, relay: Relay
) -> None:
    with connections.connection() as connection:
        assert relay.turns == [0]
        connection.execute("SELECT 1")
        assert relay.turns == [1]
        connection.execute("SELECT %s::text", ["x" * 100_000])
        assert relay.turns == [2]

"""Exit codes that need something to go wrong between a command and its cluster."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from dsqlkit import accounts, local, tables
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import LocalAddress
from tests.support.commands import Command
from tests.support.relay import Cut, Relay
from tests.support.waiting import eventually

STATEMENTS, COMMIT = 1, 2
TRANSFER = ["transfer", "--payer", "1", "--payee", "2", "--amount", "10"]


@pytest.fixture
def relay(local_cluster: LocalAddress) -> Iterator[Relay]:
    with Relay(local_cluster.port) as running:
        yield running


@pytest.fixture
def far(relay: Relay, bank: KeptConnection) -> list[str]:
    tables.create(bank, "transfers")
    return ["--endpoint", f"localhost:{relay.port}"]


def payers_balance(bank: KeptConnection) -> str:
    return accounts.plain(accounts.balance(bank, 1).balance)


def test_a_transfer_is_two_round_trips(
    dsqlkit: Command, bank: KeptConnection, relay: Relay, far: list[str]
) -> None:
    assert dsqlkit(*TRANSFER, *far).code == 0
    # The third turn says goodbye, which nobody answers.
    assert eventually(lambda: relay.turns == [COMMIT + 1])


@pytest.mark.parametrize("key", [[], ["--no-key"]])
@pytest.mark.parametrize("cut", Cut)
def test_a_connection_that_breaks_before_commit_is_3_and_nothing_changed(
    dsqlkit: Command,
    bank: KeptConnection,
    relay: Relay,
    far: list[str],
    cut: Cut,
    key: list[str],
) -> None:
    relay.on_turn = lambda at: cut if at == STATEMENTS else None
    broken = dsqlkit(*TRANSFER, *far, *key, "--json")
    assert (broken.code, broken.error["code"]) == (3, "no_connection")
    assert "nothing changed" in broken.error["message"]
    assert payers_balance(bank) == "100"


@pytest.mark.parametrize(("cut", "left"), [(Cut.QUESTION_LOST, "100"), (Cut.ANSWER_LOST, "90")])
def test_without_a_key_a_connection_that_breaks_at_commit_is_5_and_is_not_tried_again(
    dsqlkit: Command, bank: KeptConnection, relay: Relay, far: list[str], cut: Cut, left: str
) -> None:
    relay.on_turn = lambda at: cut if at == COMMIT else None
    broken = dsqlkit(*TRANSFER, *far, "--no-key", "--json")
    assert (broken.code, broken.error["code"]) == (5, "outcome_unknown")
    assert len(relay.turns) == 1
    assert payers_balance(bank) == left


@pytest.mark.parametrize("cut", Cut)
def test_with_a_key_the_outcome_is_found_out_on_a_new_connection(
    dsqlkit: Command, bank: KeptConnection, relay: Relay, far: list[str], cut: Cut
) -> None:
    def first_commit(turn: int) -> Cut | None:
        return cut if turn == COMMIT and len(relay.turns) == 1 else None

    relay.on_turn = first_commit
    moved = dsqlkit(*TRANSFER, *far, "--max-attempts", "1", "--json")
    assert moved.code == 0, moved.out
    assert (moved.document["payer_balance"], moved.document["replayed"]) == ("90", False)
    assert len(relay.turns) == 2
    assert payers_balance(bank) == "90"


def test_a_lost_commit_that_is_still_under_way_is_not_done_twice(
    dsqlkit: Command, bank: KeptConnection, relay: Relay, far: list[str]
) -> None:
    """The first look comes before the server has committed, as it takes its time."""
    local.set_faults(local.Faults(commit_ms=400))

    def first_commit(turn: int) -> Cut | None:
        return Cut.HUNG_UP if turn == COMMIT and len(relay.turns) == 1 else None

    relay.on_turn = first_commit
    try:
        moved = dsqlkit(*TRANSFER, *far, "--json")
    finally:
        local.set_faults(local.Faults())
    assert moved.code == 0, moved.out
    assert moved.document["payer_balance"] == "90"
    assert payers_balance(bank) == "90"


def test_who_asks_with_a_used_key_while_nothing_answers_is_told_that_there_is_no_connection(
    dsqlkit: Command,
) -> None:
    nowhere = dsqlkit(*TRANSFER, "--key", str(uuid4()), "--endpoint", "localhost:1", "--json")
    assert (nowhere.code, nowhere.error["code"]) == (3, "no_connection")


def test_conflicts_up_to_the_limit_are_4_and_nothing_changed(
    dsqlkit: Command, bank: KeptConnection, relay: Relay, far: list[str]
) -> None:
    relay.on_turn = lambda at: touch_payee(bank) if at % COMMIT == 0 else None
    beaten = dsqlkit(*TRANSFER, *far, "--max-attempts", "2", "--json")
    assert (beaten.code, beaten.document["error"]["code"]) == (4, "conflict")
    assert beaten.document["error"]["sqlstate"] == "40001"
    assert beaten.err.startswith("Attempt 1 met a conflict (OC000); again in ")
    assert payers_balance(bank) == "100"


def test_a_conflict_that_passes_is_0_and_its_retry_is_told(
    dsqlkit: Command, bank: KeptConnection, relay: Relay, far: list[str]
) -> None:
    rivals = iter([touch_payee, touch_payee])
    relay.on_turn = lambda at: next(rivals, lambda _: None)(bank) if at % COMMIT == 0 else None
    done = dsqlkit(*TRANSFER, *far, "--json")
    assert done.code == 0
    assert done.document["attempts"] == 3
    assert done.document["payer_balance"] == "90"
    assert len(done.err.splitlines()) == 2


def test_quiet_silences_the_retries(
    dsqlkit: Command, bank: KeptConnection, relay: Relay, far: list[str]
) -> None:
    rivals = iter([touch_payee])
    relay.on_turn = lambda at: next(rivals, lambda _: None)(bank) if at == COMMIT else None
    done = dsqlkit(*TRANSFER, *far, "--quiet")
    assert (done.code, done.err) == (0, "")
    assert "(2 attempts," in done.out


def touch_payee(bank: KeptConnection) -> None:
    """Commit a change of the payee's row from another session."""
    with bank.connection() as connection:
        connection.execute("UPDATE accounts SET balance = balance + 1 WHERE id = 2")

"""Exit codes that need something to go wrong between a command and its cluster."""

from collections.abc import Iterator

import pytest

from dsqlkit import accounts
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import LocalAddress
from tests.cli.conftest import Command
from tests.faults.relay import Fault, Relay
from tests.local.waiting import eventually

BEGIN, DEBIT, CREDIT, COMMIT = 1, 2, 3, 4
TRANSFER = ["transfer", "--payer", "1", "--payee", "2", "--amount", "10"]


@pytest.fixture
def relay(local_cluster: LocalAddress) -> Iterator[Relay]:
    with Relay(local_cluster.port) as running:
        yield running


@pytest.fixture
def far(relay: Relay) -> list[str]:
    return ["--endpoint", f"localhost:{relay.port}"]


def payers_balance(bank: KeptConnection) -> str:
    return accounts.plain(accounts.balance(bank, 1).balance)


def test_a_transfer_is_four_statements(
    dsqlkit: Command, bank: KeptConnection, relay: Relay, far: list[str]
) -> None:
    assert dsqlkit(*TRANSFER, *far).code == 0
    # The fifth turn says goodbye, which nobody answers.
    assert eventually(lambda: relay.turns == [COMMIT + 1])


@pytest.mark.parametrize("turn", [BEGIN, DEBIT, CREDIT])
@pytest.mark.parametrize("fault", Fault)
def test_a_connection_that_breaks_before_commit_is_3_and_nothing_changed(
    dsqlkit: Command, bank: KeptConnection, relay: Relay, far: list[str], turn: int, fault: Fault
) -> None:
    relay.on_turn = lambda at: fault if at == turn else None
    broken = dsqlkit(*TRANSFER, *far, "--json")
    assert (broken.code, broken.error["code"]) == (3, "no_connection")
    assert "nothing changed" in broken.error["message"]
    assert payers_balance(bank) == "100"


@pytest.mark.parametrize(
    ("fault", "left"), [(Fault.QUESTION_LOST, "100"), (Fault.ANSWER_LOST, "90")]
)
def test_a_connection_that_breaks_at_commit_is_5_and_is_not_tried_again(
    dsqlkit: Command, bank: KeptConnection, relay: Relay, far: list[str], fault: Fault, left: str
) -> None:
    relay.on_turn = lambda at: fault if at == COMMIT else None
    broken = dsqlkit(*TRANSFER, *far, "--json")
    assert (broken.code, broken.error["code"]) == (5, "outcome_unknown")
    assert len(relay.turns) == 1
    assert payers_balance(bank) == left


def test_conflicts_up_to_the_limit_are_4_and_nothing_changed(
    dsqlkit: Command, bank: KeptConnection, relay: Relay, far: list[str]
) -> None:
    relay.on_turn = lambda at: touch_payee(bank) if at % 4 == CREDIT else None
    beaten = dsqlkit(*TRANSFER, *far, "--max-attempts", "2", "--json")
    assert (beaten.code, beaten.document["error"]["code"]) == (4, "conflict")
    assert beaten.document["error"]["sqlstate"] == "40001"
    assert beaten.err.startswith("Attempt 1 met a conflict (OC000); again in ")
    assert payers_balance(bank) == "100"


def test_a_conflict_that_passes_is_0_and_its_retry_is_told(
    dsqlkit: Command, bank: KeptConnection, relay: Relay, far: list[str]
) -> None:
    rivals = iter([touch_payee, touch_payee])
    relay.on_turn = lambda at: next(rivals, lambda _: None)(bank) if at % 4 == CREDIT else None
    done = dsqlkit(*TRANSFER, *far, "--json")
    assert done.code == 0
    assert done.document["attempts"] == 3
    assert done.document["payer_balance"] == "90"
    assert len(done.err.splitlines()) == 2


def test_quiet_silences_the_retries(
    dsqlkit: Command, bank: KeptConnection, relay: Relay, far: list[str]
) -> None:
    rivals = iter([touch_payee])
    relay.on_turn = lambda at: next(rivals, lambda _: None)(bank) if at == CREDIT else None
    done = dsqlkit(*TRANSFER, *far, "--quiet")
    assert (done.code, done.err) == (0, "")
    assert "(2 attempts," in done.out


def touch_payee(bank: KeptConnection) -> None:
    """Commit a change of the payee's row from another session."""
    with bank.connection() as connection:
        connection.execute("UPDATE accounts SET balance = balance + 1 WHERE id = 2")

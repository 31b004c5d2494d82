"""The phases of an open transaction: which follow which, and that what it lost by stays."""

from collections.abc import Callable

import pytest

from dsqlkit.local.occ.changes import Changes
from dsqlkit.local.occ.open_transaction import ImpossibleTransition, OpenTransaction, Phase

STEPS: dict[str, Callable[[OpenTransaction], None]] = {
    "park": lambda transaction: transaction.park(Changes()),
    "unpark": OpenTransaction.unpark,
    "go to overlays": OpenTransaction.go_to_overlays,
    "fail": OpenTransaction.fail,
    "empty": OpenTransaction.empty,
    "abandon": OpenTransaction.abandon,
}
WAYS = {
    Phase.OPEN: [],
    Phase.PARKED: ["park"],
    Phase.AT_OVERLAYS: ["go to overlays"],
    Phase.FAILED: ["fail"],
    Phase.EMPTIED: ["fail", "empty"],
    Phase.ABANDONED: ["go to overlays", "abandon"],
}
"""How to come to a phase."""

ALLOWED = {
    (Phase.OPEN, "park"): Phase.PARKED,
    (Phase.OPEN, "go to overlays"): Phase.AT_OVERLAYS,
    (Phase.OPEN, "fail"): Phase.FAILED,
    (Phase.PARKED, "unpark"): Phase.OPEN,
    (Phase.PARKED, "fail"): Phase.FAILED,
    (Phase.PARKED, "go to overlays"): Phase.AT_OVERLAYS,
    (Phase.AT_OVERLAYS, "fail"): Phase.FAILED,
    (Phase.AT_OVERLAYS, "abandon"): Phase.ABANDONED,
    (Phase.FAILED, "fail"): Phase.FAILED,
    (Phase.FAILED, "empty"): Phase.EMPTIED,
    (Phase.ABANDONED, "fail"): Phase.EMPTIED,
    (Phase.ABANDONED, "empty"): Phase.EMPTIED,
    (Phase.EMPTIED, "fail"): Phase.EMPTIED,
}
"""Which step leads where. All others are mistakes."""


def in_phase(phase: Phase) -> OpenTransaction:
    transaction = OpenTransaction(began_at=0)
    for name in WAYS[phase]:
        STEPS[name](transaction)
    assert transaction.phase is phase
    return transaction


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("name", STEPS)
def test_each_phase_leads_where_the_table_says_and_nowhere_else(phase: Phase, name: str) -> None:
    transaction = in_phase(phase)
    if (phase, name) in ALLOWED:
        STEPS[name](transaction)
        assert transaction.phase is ALLOWED[phase, name]
        return
    with pytest.raises(ImpossibleTransition):
        STEPS[name](transaction)
    assert transaction.phase is phase


@pytest.mark.parametrize("phase", Phase)
def test_what_was_read_out_is_kept_while_it_is_parked_and_no_longer(phase: Phase) -> None:
    transaction = in_phase(phase)
    assert (transaction.changes is not None) is (phase is Phase.PARKED)
    transaction = in_phase(Phase.PARKED)
    transaction.fail()
    assert transaction.changes is None


def test_the_first_reason_to_lose_counts() -> None:
    transaction = in_phase(Phase.OPEN)
    assert transaction.lost is None
    transaction.lose("first")
    transaction.lose("second")
    assert transaction.lost == "first"


@pytest.mark.parametrize(
    ("phase", "parkable"),
    [
        (Phase.OPEN, True),
        (Phase.PARKED, False),
        (Phase.AT_OVERLAYS, True),
        (Phase.FAILED, True),
        (Phase.EMPTIED, False),
        (Phase.ABANDONED, False),
    ],
)
def test_only_what_holds_something_can_be_parked(phase: Phase, parkable: bool) -> None:
    transaction = in_phase(phase)
    assert transaction.can_be_parked is parkable
    transaction.movable = False
    assert not transaction.can_be_parked

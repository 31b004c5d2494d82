"""Who goes first where several want the same rows: whoever has been losing for longest."""

import asyncio
import time

import pytest

from dsqlkit.local.occ import luck
from dsqlkit.local.occ.contender import Bystander, Contender
from dsqlkit.local.occ.luck import Luck
from dsqlkit.local.occ.open_transaction import OpenTransaction


class Cluster:
    """The transactions of some contenders, one after another."""

    def __init__(self) -> None:
        self.open: dict[Contender, OpenTransaction] = {}
        self.luck = Luck(self.open)

    def begin(self, contender: Contender) -> None:
        self.open[contender] = OpenTransaction(began_at=0)

    def end(self, contender: Contender, *, lost: bool = False, met: bool = False) -> None:
        transaction = self.open.pop(contender)
        if lost:
            transaction.lose("it was not first")
        if met:
            transaction.meets(OpenTransaction(began_at=0))
        self.luck.ended(contender, transaction, committed=not lost)

    def play(self, contender: Contender, *, lost: bool = False, met: bool = False) -> None:
        self.begin(contender)
        self.end(contender, lost=lost, met=met)


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def several() -> list[Contender]:
    return [Bystander(pid) for pid in range(3)]


def test_whoever_met_others_lets_one_go_first_that_has_been_losing(
    cluster: Cluster, several: list[Contender]
) -> None:
    loser, winner, apart = several
    cluster.play(loser, lost=True)
    cluster.play(winner, met=True)
    cluster.play(apart)
    cluster.begin(loser)
    assert cluster.luck.yields(winner)
    assert not cluster.luck.yields(apart)
    assert not cluster.luck.yields(loser)
    cluster.end(loser)
    assert not cluster.luck.yields(winner)


def test_of_two_losers_the_one_that_lost_first_goes_first(
    cluster: Cluster, several: list[Contender]
) -> None:
    first, second, _ = several
    for loser in (first, second, first):
        cluster.play(loser, lost=True)
    for loser in (first, second):
        cluster.begin(loser)
    second_s = cluster.luck.losing_s(second)
    assert cluster.luck.losing_s(first) > second_s > 0
    assert cluster.luck.yields(second)
    assert not cluster.luck.yields(first)


def test_a_loser_that_takes_its_time_is_not_let_go_first(
    cluster: Cluster, several: list[Contender]
) -> None:
    slow, winner, _ = several
    cluster.play(slow, lost=True)
    cluster.play(winner, met=True)
    cluster.begin(slow)
    cluster.open[slow].began_s = time.monotonic() - luck.QUICK_S
    assert not cluster.luck.yields(winner)


@pytest.mark.parametrize(
    ("usual_s", "age_s", "is_quick"),
    [(0.0, 0.1, False), (0.01, 0.1, False), (0.1, 0.1, True), (1.0, luck.LONGEST_S, False)],
)
def test_where_transactions_take_long_one_that_does_is_quick(
    cluster: Cluster, several: list[Contender], usual_s: float, age_s: float, is_quick: bool
) -> None:
    slow, winner, _ = several
    cluster.play(slow, lost=True)
    for _ in range(20):
        cluster.begin(winner)
        cluster.open[winner].first_sent_s = time.monotonic() - usual_s
        cluster.end(winner, met=True)
    cluster.begin(slow)
    cluster.open[slow].began_s = time.monotonic() - age_s
    assert cluster.luck.yields(winner) is is_quick


def test_one_that_is_gone_is_forgotten(cluster: Cluster, several: list[Contender]) -> None:
    loser, winner, _ = several
    cluster.play(loser, lost=True)
    cluster.play(winner, met=True)
    cluster.begin(loser)
    cluster.luck.gone(loser)
    assert not cluster.luck.yields(winner)
    assert cluster.luck.losing_s(loser) == 0


@pytest.mark.parametrize("ends", [True, False])
def test_one_waits_for_the_loser_to_end_and_for_a_moment_at_most(
    cluster: Cluster, several: list[Contender], ends: bool
) -> None:
    loser, winner, _ = several
    cluster.play(loser, lost=True)
    cluster.play(winner, met=True)

    async def let_pass() -> bool:
        cluster.begin(loser)
        cluster.open[loser].began_s += 60  # quick, however long a busy machine takes
        waiting = asyncio.create_task(cluster.luck.let_pass(winner))
        await asyncio.sleep(0)
        assert not waiting.done()
        if ends:
            cluster.end(loser)
        await asyncio.wait_for(waiting, timeout=10)
        return cluster.luck.yields(winner)

    assert asyncio.run(let_pass()) is not ends

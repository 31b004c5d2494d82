"""Transactions that want each other's rows: nobody waits, and the first to commit wins."""

import threading
from collections.abc import Callable

import pytest

from tests.occ.conftest import CONFLICT, Racer, Sessions

pytestmark = pytest.mark.timeout(30)

SLOWLY = (
    "UPDATE race SET v = v + 10 WHERE id = {key} AND (SELECT count(*) FROM pg_sleep({seconds})) = 1"
)
"""Reaches its row only after a while, so that two of these are under way at one time."""


def together(*calls: Callable[[], str]) -> list[str]:
    """Run calls at one time, each in a thread; their answers in order."""
    answers = [""] * len(calls)

    def run(number: int) -> None:
        answers[number] = calls[number]()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    return answers


def cross(players: list[Racer]) -> None:
    """Each has its own row and wants that of the next, all at one time."""
    for key, player in enumerate(players, 1):
        assert player.say("BEGIN") == "BEGIN"
        assert player.say(f"UPDATE race SET v = {key} WHERE id = {key}") == "UPDATE 1"
    count = len(players)
    wants = [SLOWLY.format(key=key % count + 1, seconds=0.15) for key in range(1, count + 1)]
    answers = together(
        *(
            lambda player=player, sql=sql: player.say(sql)
            for player, sql in zip(players, wants, strict=True)
        )
    )
    assert answers == ["UPDATE 1"] * count


def view(player: Racer) -> list[tuple[int, int]]:
    return player.rows("SELECT id, v FROM race WHERE v <> 0 ORDER BY id")


@pytest.mark.parametrize("winner", range(2))
def test_of_two_that_cross_the_first_to_commit_wins(racers: Sessions, winner: int) -> None:
    players = racers(2)
    cross(players)
    assert view(players[0]) == [(1, 1), (2, 10)]
    assert view(players[1]) == [(1, 10), (2, 2)]
    first = players.pop(winner)
    assert first.say("COMMIT") == "COMMIT"
    assert players[0].say("COMMIT") == CONFLICT


@pytest.mark.parametrize("quitter", range(2))
def test_of_two_that_cross_one_commits_when_the_other_gives_up(
    racers: Sessions, quitter: int
) -> None:
    players = racers(2)
    cross(players)
    seen = view(players[1 - quitter])
    assert players.pop(quitter).say("ROLLBACK") == "ROLLBACK"
    assert players[0].say("COMMIT") == "COMMIT"
    assert view(players[0]) == seen


@pytest.mark.parametrize("winner", range(3))
def test_of_three_in_a_circle_the_first_to_commit_wins(racers: Sessions, winner: int) -> None:
    players = racers(3)
    cross(players)
    loser = players[(winner + 1) % 3]
    assert players[winner].say("COMMIT") == "COMMIT"
    assert loser.say("COMMIT") == CONFLICT


def test_a_write_that_steps_back_keeps_what_was_generated(racers: Sessions) -> None:
    """What the client was told of its earlier writes stays true."""
    one, two = racers(2)
    keys = {}
    for player, own in ((one, 1), (two, 2)):
        player.say("BEGIN")
        ((keys[player],),) = player.rows("INSERT INTO numbered (v) VALUES (1) RETURNING id")
        player.say(f"UPDATE race SET v = 1 WHERE id = {own}")
    wants = [SLOWLY.format(key=key, seconds=0.15) for key in (2, 1)]
    assert together(lambda: one.say(wants[0]), lambda: two.say(wants[1])) == ["UPDATE 1"] * 2
    for player in (one, two):
        assert player.rows("SELECT id FROM numbered") == [(keys[player],)]
    assert one.say("ROLLBACK") == "ROLLBACK"
    assert two.say("COMMIT") == "COMMIT"
    assert two.rows("SELECT id FROM numbered") == [(keys[two],)]


def test_many_rows_in_opposite_orders(racers: Sessions) -> None:
    players = racers(2)
    for player in players:
        player.say("BEGIN")
        player.say("UPDATE keyless SET v = v + 1 WHERE id = 5")
    orders = ("id", "-id")
    texts = [
        "UPDATE race SET v = v + 1 FROM (SELECT id AS wanted, pg_sleep(0.05) FROM race"
        f" ORDER BY {order}) AS o WHERE id = wanted"
        for order in orders
    ]
    answers = together(lambda: players[0].say(texts[0]), lambda: players[1].say(texts[1]))
    assert answers == ["UPDATE 5"] * 2
    assert players[1].say("COMMIT") == "COMMIT"
    assert players[0].say("COMMIT") == CONFLICT


def test_a_loser_keeps_what_was_generated_before(racers: Sessions) -> None:
    loser, winner = racers(2)
    loser.say("BEGIN")
    ((key,),) = loser.rows("INSERT INTO numbered (v) VALUES (1) RETURNING id")
    assert winner.say("UPDATE race SET v = 5 WHERE id = 1") == "UPDATE 1"
    assert loser.say("UPDATE race SET v = 1 WHERE id = 1") == "UPDATE 1"
    assert loser.rows("SELECT id FROM numbered") == [(key,)]
    assert loser.say("COMMIT") == CONFLICT

"""Batches that come one behind another, each with its Sync: none is taken for a part of the one
before it, and what each did is remembered."""

from collections.abc import Callable

import pytest

from tests.occ.conftest import CONFLICT, Sessions
from tests.support.raw_client import RawClient, Reply, pipelined

ADD = "UPDATE race SET v = v + {} WHERE id = {} RETURNING v"
READ = "SELECT v FROM race ORDER BY id"
FIRST_OF_SEVERAL = (ADD.format(1, 1), ADD.format(2, 2))


@pytest.fixture(params=["BEGIN of its own", "BEGIN with them"])
def several(client: RawClient, request: pytest.FixtureRequest) -> Callable[[str], Reply]:
    """Sends two batches at once, each with a Sync: two writes, then one; gives the last answer."""

    def send(last: str) -> Reply:
        begin = ["BEGIN"] if request.param == "BEGIN with them" else []
        if not begin:
            client.ask("BEGIN")
        first = client.send_frames(pipelined(*begin, *FIRST_OF_SEVERAL) + pipelined(last))
        assert first.tags == [*begin, "UPDATE 1", "UPDATE 1"]
        return client.reply()

    return send


def test_a_batch_behind_another_does_not_wait_for_a_row_that_another_has(
    client: RawClient, several: Callable[[str], Reply], racers: Sessions
) -> None:
    (other,) = racers(1)
    other.do(("BEGIN", ADD.format(10, 3)))
    assert several(ADD.format(1, 3)).results[0].rows == [["1"]]
    other.do(("COMMIT",))
    assert client.ask("COMMIT").sqlstate == CONFLICT
    assert other.rows(READ)[:3] == [(0,), (0,), (10,)]


def test_what_a_batch_behind_another_did_is_kept_when_it_is_set_aside(
    client: RawClient, several: Callable[[str], Reply], racers: Sessions
) -> None:
    (other,) = racers(1)
    assert several(ADD.format(1, 3)).results[0].rows == [["1"]]
    other.do(("BEGIN", ADD.format(10, 1), "ROLLBACK"))
    assert client.ask("COMMIT").sqlstate is None
    assert other.rows(READ)[:3] == [(1,), (2,), (1,)]


@pytest.mark.parametrize("failing", range(3))
def test_an_error_in_a_batch_skips_none_of_the_next(
    client: RawClient, racers: Sessions, failing: int
) -> None:
    racers(1)
    writes = [ADD.format(1, key) for key in (1, 2, 3)]
    writes[failing] = "UPDATE race SET v = 1 / 0"
    first = client.send_frames(pipelined("BEGIN", *writes[:2]) + pipelined(writes[2]))
    second = client.reply()
    assert [first.sqlstate, second.sqlstate] == (
        [None, "22012"] if failing == 2 else ["22012", "25P02"]
    )
    assert client.ask("COMMIT").tags == ["ROLLBACK"]

"""Texts that begin or end a transaction among other statements: they race like any other."""

import psycopg
import pytest
from psycopg import pq

from tests.occ.conftest import CONFLICT, Racer, Sessions

pytestmark = pytest.mark.timeout(30)

ADD = "UPDATE race SET v = v + 1 WHERE id = 1"


def answers(player: Racer, sql: str) -> list[str]:
    """What a text is answered with: command tags, and the SQLSTATE of an error."""
    link = player.connection.pgconn
    link.send_query(sql.encode())
    said = []
    while (result := link.get_result()) is not None:
        state = result.error_field(pq.DiagnosticField.SQLSTATE)
        said.append((state or result.command_status or b"").decode())
    return said


def is_idle(player: Racer) -> bool:
    return player.connection.pgconn.transaction_status == pq.TransactionStatus.IDLE


def test_a_whole_transaction_in_one_text_beats_one_that_is_open(racers: Sessions) -> None:
    open_one, other = racers(2)
    open_one.say("BEGIN")
    open_one.say(ADD)
    assert answers(other, f"BEGIN; {ADD}; COMMIT") == ["BEGIN", "UPDATE 1", "COMMIT"]
    assert open_one.say("COMMIT") == CONFLICT
    assert other.rows("SELECT v FROM race WHERE id = 1") == [(1,)]


@pytest.mark.parametrize("first_commits", [True, False])
def test_a_text_may_leave_its_transaction_open(racers: Sessions, first_commits: bool) -> None:
    one, two = racers(2)
    assert answers(one, f"BEGIN; {ADD}") == ["BEGIN", "UPDATE 1"]
    assert answers(two, f"BEGIN; {ADD}; SELECT 1") == ["BEGIN", "UPDATE 1", "SELECT 1"]
    assert one.rows("SELECT v FROM race WHERE id = 1") == [(1,)]
    winner, loser = (one, two) if first_commits else (two, one)
    assert answers(winner, f"{ADD}; COMMIT") == ["UPDATE 1", "COMMIT"]
    assert answers(loser, f"{ADD} RETURNING v; COMMIT; SELECT 1") == ["UPDATE 1", CONFLICT]
    assert is_idle(loser)
    assert one.rows("SELECT v FROM race WHERE id = 1") == [(2,)]


def test_a_text_that_ends_one_transaction_and_begins_another(racers: Sessions) -> None:
    one, two = racers(2)
    one.say("BEGIN")
    one.say(ADD)
    assert answers(one, f"COMMIT; BEGIN; {ADD}") == ["COMMIT", "BEGIN", "UPDATE 1"]
    assert two.say(ADD) == "UPDATE 1"
    assert one.say("COMMIT") == CONFLICT
    assert one.rows("SELECT v FROM race WHERE id = 1") == [(2,)]


def test_what_stands_before_begin_is_part_of_the_transaction(racers: Sessions) -> None:
    (one,) = racers(1)
    assert answers(one, f"{ADD}; BEGIN; {ADD}; ROLLBACK") == [
        "UPDATE 1",
        "BEGIN",
        "UPDATE 1",
        "ROLLBACK",
    ]
    assert one.rows("SELECT v FROM race WHERE id = 1") == [(0,)]


def test_what_stands_after_commit_is_committed_at_the_end_of_the_text(racers: Sessions) -> None:
    one, two = racers(2)
    assert answers(one, f"BEGIN; {ADD}; COMMIT; {ADD}; {ADD}") == [
        "BEGIN",
        "UPDATE 1",
        "COMMIT",
        "UPDATE 1",
        "UPDATE 1",
    ]
    assert is_idle(one)
    assert two.rows("SELECT v FROM race WHERE id = 1") == [(3,)]


def test_an_error_after_commit_undoes_what_follows_the_commit(racers: Sessions) -> None:
    one, two = racers(2)
    assert answers(one, f"BEGIN; {ADD}; COMMIT; {ADD}; SELECT 1/0; {ADD}") == [
        "BEGIN",
        "UPDATE 1",
        "COMMIT",
        "UPDATE 1",
        "22012",
    ]
    assert is_idle(one)
    assert two.rows("SELECT v FROM race WHERE id = 1") == [(1,)]


def test_an_error_skips_the_rest_and_leaves_the_transaction_failed(racers: Sessions) -> None:
    (one,) = racers(1)
    assert answers(one, f"BEGIN; {ADD}; SELECT 1/0; COMMIT") == ["BEGIN", "UPDATE 1", "22012"]
    assert one.connection.pgconn.transaction_status == pq.TransactionStatus.INERROR
    assert one.say("SELECT 1") == "25P02"
    assert one.say("COMMIT") == "ROLLBACK"


def test_a_text_that_does_not_parse_does_nothing(racers: Sessions) -> None:
    (one,) = racers(1)
    assert answers(one, f"BEGIN; {ADD}; COMMIT; SELEC 1") == ["42601"]
    assert is_idle(one)
    assert one.rows("SELECT v FROM race WHERE id = 1") == [(0,)]


def test_an_error_tells_its_place_in_the_whole_text(racers: Sessions) -> None:
    (one,) = racers(1)
    text = "BEGIN; SELECT 'ä'; SELECT nothing; COMMIT"
    with pytest.raises(psycopg.errors.UndefinedColumn) as refused:
        one.connection.execute(text.encode())
    position = refused.value.diag.statement_position
    assert position == str(text.index("nothing") + 1)


def test_rows_are_copied_within_a_text(racers: Sessions) -> None:
    one, two = racers(2)
    link = one.connection.pgconn
    link.send_query(b"BEGIN; COPY race FROM STDIN; COMMIT")
    results = []
    while (result := link.get_result()) is not None:
        results.append((result.status, result.command_status))
        if result.status == pq.ExecStatus.COPY_IN:
            link.put_copy_data(b"9\t1\n")
            link.put_copy_end()
    assert [status for _, status in results] == [b"BEGIN", b"", b"COPY 1", b"COMMIT"]
    assert two.rows("SELECT v FROM race WHERE id = 9") == [(1,)]

"""COPY inside a transaction races like an INSERT."""

import contextlib

import psycopg
import pytest

from tests.occ.conftest import CONFLICT, Racer, Sessions
from tests.support.inside import backends, connect_inside
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(30)


def copy(player: Racer, rows: list[tuple[int, int]], options: str = "", table: str = "race") -> str:
    try:
        cursor = player.connection.cursor()
        with cursor.copy(f"COPY {table} FROM STDIN {options}".encode()) as target:
            if "BINARY" in options:
                target.set_types(["int4", "int4"])
            for row in rows:
                target.write_row(row)
    except psycopg.Error as error:
        return error.sqlstate or f"lost: {error}"
    return str(cursor.statusmessage)


@pytest.mark.parametrize("options", ["", "(FORMAT BINARY)"], ids=["text", "binary"])
@pytest.mark.parametrize("first_commits", [True, False])
def test_of_two_copies_of_one_key_the_first_to_commit_wins(
    racers: Sessions, options: str, first_commits: bool
) -> None:
    players = racers(2)
    for number, player in enumerate(players):
        player.say("BEGIN")
        assert copy(player, [(9, number), (10 + number, 0)], options) == "COPY 2"
    for number, player in enumerate(players):
        assert player.rows("SELECT v FROM race WHERE id = 9") == [(number,)]
    if not first_commits:
        players.reverse()
    assert [player.say("COMMIT") for player in players] == ["COMMIT", CONFLICT]
    assert players[0].rows("SELECT count(*) FROM race") == [(7,)]


@pytest.mark.parametrize("table", ["race", "public.race"])
def test_a_key_that_was_committed_since_fails_at_commit(racers: Sessions, table: str) -> None:
    copier, other = racers(2)
    copier.say("BEGIN")
    copier.say("UPDATE race SET v = 3 WHERE id = 2")
    assert copier.rows("SELECT count(*) FROM race") == [(5,)]
    assert other.say("INSERT INTO race VALUES (9, 2)") == "INSERT 0 1"
    assert copy(copier, [(8, 1), (9, 1)], table=table) == "COPY 2"
    assert copier.rows("SELECT id, v FROM race WHERE id = 2 OR id > 5 ORDER BY id") == [
        (2, 3),
        (8, 1),
        (9, 1),
    ]
    assert copier.say("COMMIT") == CONFLICT


def test_a_key_that_the_snapshot_has_fails_at_once(racers: Sessions) -> None:
    (copier,) = racers(1)
    copier.say("BEGIN")
    assert copy(copier, [(1, 1)]) == "23505"
    assert copier.say("SELECT 1") == "25P02"
    assert copy(copier, [(9, 1)]) == "25P02"
    assert copier.say("COMMIT") == "ROLLBACK"


def test_a_key_that_the_snapshot_has_fails_a_loser_too(racers: Sessions) -> None:
    copier, other = racers(2)
    copier.say("BEGIN")
    copier.rows("SELECT FROM race")
    assert other.say("UPDATE race SET v = 2 WHERE id = 2") == "UPDATE 1"
    assert copy(copier, [(1, 1)]) == "23505"
    assert copier.say("COMMIT") == "ROLLBACK"


def write(player: Racer, data: bytes, *, breaks_off: bool = False) -> None:
    with player.connection.cursor().copy("COPY race FROM STDIN") as target:
        target.write(data)
        if breaks_off:
            raise ZeroDivisionError


def test_data_that_is_no_row_fails_at_once(racers: Sessions) -> None:
    (copier,) = racers(1)
    copier.say("BEGIN")
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        write(copier, b"9\tnine\n")
    assert copier.say("COMMIT") == "ROLLBACK"


def test_a_copy_that_its_client_breaks_off_leaves_nothing(racers: Sessions) -> None:
    (copier,) = racers(1)
    copier.say("BEGIN")
    with pytest.raises(ZeroDivisionError):
        write(copier, b"9\t1\n", breaks_off=True)
    assert copier.say("COMMIT") == "ROLLBACK"
    assert copier.rows("SELECT count(*) FROM race") == [(5,)]


def test_nobody_waits_for_a_client_that_takes_its_time_to_copy(racers: Sessions) -> None:
    copier, other = racers(2)
    copier.say("BEGIN")
    copier.say("UPDATE race SET v = 1 WHERE id = 1")
    with copier.connection.cursor().copy("COPY race FROM STDIN") as target:
        target.write_row((9, 1))
        assert other.say("UPDATE race SET v = 2 WHERE id = 1") == "UPDATE 1"
        assert other.say("INSERT INTO race VALUES (9, 2)") == "INSERT 0 1"
        target.write_row((10, 1))
    assert copier.rows("SELECT id, v FROM race WHERE v > 0 ORDER BY id") == [
        (1, 1),
        (9, 1),
        (10, 1),
    ]
    assert copier.say("COMMIT") == CONFLICT


def test_a_copy_by_itself_beats_an_open_transaction(racers: Sessions) -> None:
    idle, copier = racers(2)
    idle.say("BEGIN")
    assert idle.say("INSERT INTO race VALUES (9, 2)") == "INSERT 0 1"
    copier.connection.autocommit = True
    assert copy(copier, [(9, 1)]) == "COPY 1"
    assert idle.say("COMMIT") == CONFLICT


def test_a_client_that_vanishes_in_a_copy_is_forgotten(racers: Sessions, observer: Racer) -> None:
    (copier,) = racers(1)
    copier.say("BEGIN")
    pid = copier.pid
    copier.connection.pgconn.exec_(b"COPY race FROM STDIN")
    copier.connection.pgconn.put_copy_data(b"9\t1\n")
    copier.connection.pgconn.finish()
    assert eventually(lambda: backends(f"pid = {pid}") == 0)
    assert observer.rows("SELECT count(*) FROM race") == [(5,)]


def test_a_copy_by_the_extended_protocol(racers: Sessions) -> None:
    copier, other = racers(2)
    link = copier.connection.pgconn
    copier.say("BEGIN")
    copier.rows("SELECT FROM race")
    assert other.say("INSERT INTO race VALUES (9, 2)") == "INSERT 0 1"
    link.send_query_params(b"COPY race FROM STDIN", None)
    begun = link.get_result()
    assert begun is not None
    assert begun.status == psycopg.pq.ExecStatus.COPY_IN
    link.put_copy_data(b"9\t1\n")
    link.put_copy_end()
    done = link.get_result()
    assert done is not None
    assert done.command_status == b"COPY 1"
    assert link.get_result() is None
    assert copier.rows("SELECT v FROM race WHERE id = 9") == [(1,)]
    assert copier.say("COMMIT") == CONFLICT


def inserted() -> int:
    """How many rows of a COPY have come so far."""
    with connect_inside() as connection:
        found = connection.execute("SELECT tuples_processed FROM pg_stat_progress_copy").fetchone()
        return 0 if found is None else int(found[0])


@pytest.mark.parametrize(
    ("statement", "answer"),
    [
        ("INSERT INTO race VALUES (700, 1)", "INSERT 0 1"),
        ("ALTER TABLE race ADD COLUMN z int", "ALTER TABLE"),
    ],
)
def test_nobody_waits_for_a_client_that_takes_its_time_to_copy_in_autocommit(
    racers: Sessions, statement: str, answer: str
) -> None:
    copier, other = racers(2)
    with contextlib.ExitStack() as stack:
        stack.enter_context(pytest.raises(psycopg.errors.SerializationFailure))
        target = stack.enter_context(copier.connection.cursor().copy("COPY race FROM STDIN"))
        target.write("".join(f"{number}\t0\n" for number in range(600, 3500)))
        # PostgreSQL inserts them by the thousand.
        assert eventually(lambda: inserted() > 1000)
        assert other.say(statement) == answer
    assert other.rows("SELECT count(*) FROM race WHERE v = 0 AND id > 599") == [(0,)]
    assert copier.say("ROLLBACK") == "ROLLBACK"

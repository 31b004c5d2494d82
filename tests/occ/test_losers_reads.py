"""What a transaction that has lost reads of a table to find few rows of it."""

from collections.abc import Iterator

import pytest

from tests.occ.conftest import CONFLICT, Racer, Sessions
from tests.support.inside import connect_inside
from tests.support.statistics import counted
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def paged(observer: Racer) -> Iterator[None]:
    assert observer.say("CREATE TABLE paged (id int PRIMARY KEY, v int)") == "CREATE TABLE"
    with connect_inside() as connection:
        connection.execute("INSERT INTO paged SELECT n, 0 FROM generate_series(1, 5000) AS n")
    yield
    assert observer.say("DROP TABLE paged") == "DROP TABLE"


def test_what_reads_few_rows_in_the_order_of_a_key_reads_no_table_to_its_end(
    racers: Sessions, paged: None
) -> None:
    loser, winner = racers(2)
    loser.say("BEGIN")
    assert loser.rows("SELECT v FROM race WHERE id = 1") == [(0,)]
    assert winner.say("UPDATE race SET v = 50 WHERE id = 1") == "UPDATE 1"
    assert loser.say("UPDATE race SET v = 1 WHERE id = 1") == "UPDATE 1"
    before = counted("paged").read_in_a_row
    for sql, rows in (
        ("UPDATE paged SET v = 1 WHERE id = (SELECT min(id) FROM paged) RETURNING id", [(1,)]),
        ("DELETE FROM paged WHERE id = 4999 RETURNING v", [(0,)]),
        ("INSERT INTO paged VALUES (5001, 2) RETURNING v", [(2,)]),
        ("SELECT * FROM paged ORDER BY id LIMIT 2", [(1, 1), (2, 0)]),
        ("SELECT * FROM paged WHERE id > 7 ORDER BY id LIMIT 1 FOR UPDATE", [(8, 0)]),
        ("SELECT * FROM paged ORDER BY id DESC LIMIT 3", [(5001, 2), (5000, 0), (4998, 0)]),
        ("SELECT max(id) FROM paged", [(5001,)]),
        ("SELECT p.v FROM race AS r JOIN paged AS p ON p.id = r.id WHERE r.id = 1", [(1,)]),
    ):
        assert loser.rows(sql) == rows
    assert loser.say("COMMIT") == CONFLICT
    # The server counts these reads no later than what follows them.
    assert loser.say("UPDATE paged SET v = 0 WHERE id = 1") == "UPDATE 1"
    loser.connection.close()
    assert eventually(lambda: counted("paged").updated > 0)
    assert counted("paged").read_in_a_row == before

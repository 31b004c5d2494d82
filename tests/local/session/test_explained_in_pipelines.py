"""An EXPLAIN in a pipeline belongs to its transaction, as on PostgreSQL."""

from collections.abc import Iterator

import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.local.wire.messages import FLUSH, SYNC, Frontend, message
from tests.support.raw_client import RawClient, pipelined

EXPLAIN = "EXPLAIN SELECT * FROM piped"
ANALYZE = "EXPLAIN (ANALYZE, VERBOSE) UPDATE piped SET v = v + 1 WHERE id = 0"
FAILING = "SELECT 1 / (v - v) FROM piped"


@pytest.fixture(scope="module")
def db(endpoint: Endpoint) -> Iterator[Connection]:
    with connect(endpoint) as connection:
        connection.autocommit = True
        connection.execute("CREATE TABLE piped (id int PRIMARY KEY, v int)")
        yield connection
        connection.execute("DROP TABLE piped")


@pytest.fixture
def client(endpoint: Endpoint, db: Connection) -> Iterator[RawClient]:
    db.execute("DELETE FROM piped")
    db.execute("INSERT INTO piped VALUES (0, 0)")
    client = RawClient(endpoint)
    yield client
    client.close()


def _ids(db: Connection) -> list[tuple[int, int]]:
    return [(row[0], row[1]) for row in db.execute("SELECT id, v FROM piped ORDER BY 1").fetchall()]


def _many(first: int, last: int) -> str:
    return f"INSERT INTO piped SELECT n, 0 FROM generate_series({first}, {last}) AS n"


def _insert(number: int) -> str:
    return f"INSERT INTO piped VALUES ({number}, 0)"


@pytest.mark.parametrize(
    "texts",
    [
        (_insert(1), EXPLAIN, FAILING),
        (EXPLAIN, _insert(1), FAILING),
        (_insert(1), ANALYZE, FAILING),
        (ANALYZE, _insert(1), FAILING),
        (_insert(1), FAILING, EXPLAIN),
        (_insert(1), EXPLAIN, _insert(2), EXPLAIN, FAILING, _insert(3)),
        (_insert(1), "EXPLAIN SELECT * FROM nothing"),
        (EXPLAIN, _insert(0)),
        (_insert(1), ANALYZE.replace("id = 0", "1 / id > 0")),
    ],
)
def test_an_error_takes_back_all_of_a_pipeline_with_an_explain(
    db: Connection, client: RawClient, texts: tuple[str, ...]
) -> None:
    reply = client.send_frames(pipelined(*texts))
    assert reply.sqlstate in ("22012", "23505", "42P01")
    assert reply.status == "I"
    assert _ids(db) == [(0, 0)]
    assert client.ask("SELECT 5").results[0].rows == [["5"]]


@pytest.mark.parametrize(
    ("texts", "tags", "left"),
    [
        ((EXPLAIN,), ["EXPLAIN"], [(0, 0)]),
        ((ANALYZE,), ["EXPLAIN"], [(0, 1)]),
        ((_insert(1), EXPLAIN), ["INSERT 0 1", "EXPLAIN"], [(0, 0), (1, 0)]),
        ((EXPLAIN, _insert(1)), ["EXPLAIN", "INSERT 0 1"], [(0, 0), (1, 0)]),
        ((ANALYZE, ANALYZE, EXPLAIN), ["EXPLAIN"] * 3, [(0, 2)]),
        (
            (_insert(1), ANALYZE, _insert(2), EXPLAIN, "SELECT 1"),
            ["INSERT 0 1", "EXPLAIN", "INSERT 0 1", "EXPLAIN", "SELECT 1"],
            [(0, 1), (1, 0), (2, 0)],
        ),
    ],
)
def test_a_pipeline_with_an_explain_is_committed_at_its_end(
    db: Connection, client: RawClient, texts: tuple[str, ...], tags: list[str], left: object
) -> None:
    for _ in range(2):
        db.execute("DELETE FROM piped WHERE id > 0")
        db.execute("UPDATE piped SET v = 0")
        reply = client.send_frames(pipelined(*texts))
        assert (reply.sqlstate, reply.status) == (None, "I")
        assert reply.tags == tags
        assert _ids(db) == left


def test_an_explain_sees_what_came_before_it_in_its_pipeline(
    db: Connection, client: RawClient
) -> None:
    reply = client.send_frames(
        pipelined(_insert(1), "EXPLAIN (ANALYZE) SELECT * FROM piped", _insert(2))
    )
    assert "actual rows=2" in "".join(str(row) for row in reply.results[1].rows)
    assert _ids(db) == [(0, 0), (1, 0), (2, 0)]


def test_what_a_client_bound_before_a_flush_is_explained_after_it(client: RawClient) -> None:
    parsed = message(Frontend.PARSE, b"\0" + EXPLAIN.encode() + bytes(3))
    bound = message(Frontend.BIND, bytes(8)) + message(Frontend.DESCRIBE, b"P\0")
    executed = message(Frontend.EXECUTE, bytes(5))
    reply = client.send_frames(parsed + bound + FLUSH + executed + FLUSH + SYNC)
    assert (reply.sqlstate, reply.status) == (None, "I")
    assert reply.tags == ["EXPLAIN"]


def test_a_begin_in_the_pipeline_keeps_its_transaction_open(
    db: Connection, client: RawClient
) -> None:
    for texts in (
        (_insert(1), "BEGIN", EXPLAIN),
        ("BEGIN", _insert(1), EXPLAIN),
        (_insert(1), EXPLAIN, "BEGIN"),
        (EXPLAIN, "BEGIN", _insert(1)),
    ):
        reply = client.send_frames(pipelined(*texts))
        assert (reply.sqlstate, reply.status) == (None, "T")
        assert client.ask("ROLLBACK").status == "I"
        assert _ids(db) == [(0, 0)]


def test_a_commit_in_the_pipeline_commits_what_came_before(
    db: Connection, client: RawClient
) -> None:
    reply = client.send_frames(pipelined(_insert(1), EXPLAIN, "COMMIT", _insert(2), FAILING))
    assert (reply.sqlstate, reply.status) == ("22012", "I")
    assert _ids(db) == [(0, 0), (1, 0)]


def test_a_pipeline_with_an_explain_knows_the_table_that_it_made(
    db: Connection, client: RawClient
) -> None:
    made = "CREATE TABLE piped_too (id int PRIMARY KEY)"
    reply = client.send_frames(pipelined(made, "EXPLAIN SELECT * FROM piped_too"))
    assert (reply.sqlstate, reply.status) == (None, "I")
    assert client.ask("INSERT INTO piped_too VALUES (1)", "extended").sqlstate is None
    db.execute("DROP TABLE piped_too")


def test_a_query_after_an_explain_without_a_sync_ends_the_pipeline(
    db: Connection, client: RawClient
) -> None:
    started = pipelined(_insert(1), EXPLAIN).removesuffix(SYNC)
    reply = client.send_frames(started + message(Frontend.QUERY, b"SELECT 7\0"))
    assert (reply.sqlstate, reply.status) == (None, "I")
    assert reply.results[-1].rows == [["7"]]
    assert _ids(db) == [(0, 0), (1, 0)]


@pytest.mark.parametrize(
    "texts",
    [
        (_many(1, 2000), _many(2001, 3500), EXPLAIN),
        (_many(1, 2000), EXPLAIN, _many(2001, 3500)),
        (EXPLAIN, _many(1, 2000), _many(2001, 3500)),
        (_many(1, 2000), f"EXPLAIN ANALYZE {_many(2001, 3500)}"),
    ],
)
def test_a_pipeline_with_an_explain_may_change_no_more_rows_than_a_transaction(
    db: Connection, client: RawClient, texts: tuple[str, ...]
) -> None:
    reply = client.send_frames(pipelined(*texts))
    assert (reply.sqlstate, reply.status) == ("54000", "I")
    assert _ids(db) == [(0, 0)]
    assert client.send_frames(pipelined(_insert(1), EXPLAIN)).sqlstate is None
    assert _ids(db) == [(0, 0), (1, 0)]


def test_two_pipelines_with_an_explain_that_want_one_row_do_not_both_get_it(
    db: Connection, client: RawClient, endpoint: Endpoint
) -> None:
    write = "UPDATE piped SET v = v + 1 WHERE id = 0"
    other = RawClient(endpoint)
    assert client.ask("BEGIN").sqlstate is None
    assert client.ask(write).sqlstate is None
    reply = other.send_frames(pipelined(write, EXPLAIN))
    taken = reply.sqlstate is None
    assert taken or reply.sqlstate == "40001"
    committed = client.ask("COMMIT")
    assert (committed.sqlstate == "40001") is taken
    assert _ids(db) == [(0, 1)]
    other.close()

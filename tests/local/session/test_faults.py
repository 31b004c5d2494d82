"""Faults on demand, as a driver meets them."""

import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest

from dsqlkit import accounts, local
from dsqlkit import connection as connection_module
from dsqlkit.connection import Connection, KeptConnection, connect, open_pool, parameters
from dsqlkit.endpoint import Endpoint, LocalAddress
from dsqlkit.errors import OutcomeUnknown
from dsqlkit.local import Faults
from dsqlkit.token import TokenSigner
from dsqlkit.transaction import RetryPolicy
from tests.support.raw_client import RawClient, pipelined
from tests.support.tokens import sign
from tests.support.waiting import eventually

CONFLICT = "change conflicts with another transaction (OC000)"


@pytest.fixture(autouse=True)
def _off_again(local_cluster: LocalAddress) -> Iterator[None]:
    yield
    local.set_faults(Faults())


@pytest.fixture
def connection(endpoint: Endpoint) -> Iterator[Connection]:
    """A connection made before any fault is on, and a table with ids 1 and 2."""
    with connect(endpoint) as made:
        made.execute("DROP TABLE IF EXISTS faulty")
        made.execute("CREATE TABLE faulty (id int PRIMARY KEY, v int)")
        made.execute("INSERT INTO faulty VALUES (1, 0), (2, 0)")
        yield made


@pytest.fixture
def witness(endpoint: Endpoint) -> Iterator[Connection]:
    with connect(endpoint) as made:
        yield made


def rows(connection: Connection) -> list[tuple[int, int]]:
    return connection.execute("SELECT id, v FROM faulty ORDER BY id").fetchall()


def test_a_commit_that_is_hit_fails_with_a_conflict_and_leaves_nothing(
    connection: Connection,
) -> None:
    local.set_faults(Faults(conflict_every=2))
    for hit in (False, True, False):
        connection.execute("BEGIN")
        assert connection.execute("UPDATE faulty SET v = v + 1 RETURNING v").rowcount == 2
        if hit:
            with pytest.raises(psycopg.errors.SerializationFailure) as caught:
                connection.execute("COMMIT")
            assert caught.value.diag.message_primary == CONFLICT
        else:
            assert connection.execute("COMMIT").statusmessage == "COMMIT"
    assert rows(connection) == [(1, 2), (2, 2)]


def test_the_commit_of_an_explained_write_is_hit_too(connection: Connection) -> None:
    write = "EXPLAIN ANALYZE UPDATE faulty SET v = v + 1"
    local.set_faults(Faults(conflict_every=2))
    connection.execute(write)
    with pytest.raises(psycopg.errors.SerializationFailure) as caught:
        connection.execute(write)
    assert caught.value.diag.message_primary == CONFLICT
    for spared in ("EXPLAIN UPDATE faulty SET v = 9", "EXPLAIN ANALYZE SELECT * FROM faulty") * 2:
        connection.execute(spared)
    assert rows(connection) == [(1, 1), (2, 1)]


@pytest.mark.parametrize(
    ("faults", "left"), [(Faults(cut_before_commit=1), 0), (Faults(cut_after_commit=1), 1)]
)
def test_a_cut_at_the_commit_of_an_explained_write(
    connection: Connection, witness: Connection, faults: Faults, left: int
) -> None:
    local.set_faults(faults)
    with pytest.raises(psycopg.OperationalError):
        connection.execute("EXPLAIN ANALYZE UPDATE faulty SET v = v + 1")
    assert rows(witness) == [(1, left), (2, left)]


@pytest.mark.parametrize(
    "texts",
    [
        ("UPDATE faulty SET v = v + 1", "EXPLAIN SELECT * FROM faulty"),
        ("EXPLAIN ANALYZE UPDATE faulty SET v = v + 1", "SELECT 1"),
    ],
)
def test_the_commit_of_a_pipeline_with_an_explain_is_hit_too(
    connection: Connection, endpoint: Endpoint, texts: tuple[str, str]
) -> None:
    client = RawClient(endpoint)
    for faults, left in (
        (Faults(conflict_every=1), 0),
        (Faults(), 1),
        (Faults(cut_before_commit=1), 1),
    ):
        local.set_faults(faults)
        if faults.cut_before_commit:
            with pytest.raises(ConnectionError):
                client.send_frames(pipelined(*texts))
        else:
            reply = client.send_frames(pipelined(*texts))
            assert reply.message == (None if left else CONFLICT)
            assert reply.status == "I"
        assert rows(connection) == [(1, left), (2, left)]


def test_commits_that_change_nothing_are_spared(connection: Connection) -> None:
    local.set_faults(Faults(conflict_rate=1))
    connection.execute("BEGIN")
    assert len(rows(connection)) == 2
    connection.execute("COMMIT")
    connection.execute("BEGIN")
    connection.execute("UPDATE faulty SET v = 1")
    connection.execute("ROLLBACK")
    connection.execute("BEGIN")
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute("INSERT INTO faulty VALUES (1, 1)")
    assert connection.execute("COMMIT").statusmessage == "ROLLBACK"


@pytest.mark.parametrize("prepare", [False, True])
@pytest.mark.parametrize("values", [None, {"v": 7}])
@pytest.mark.parametrize("returning", ["", " RETURNING id, v"])
def test_a_write_in_autocommit_reports_the_conflict_itself(
    connection: Connection, returning: str, values: dict[str, int] | None, prepare: bool
) -> None:
    text = "UPDATE faulty SET v = " + ("7" if values is None else "%(v)s") + returning
    for faults, hit in ((Faults(conflict_every=1), True), (Faults(), False)):
        local.set_faults(faults)
        for _ in range(2):
            if hit:
                with pytest.raises(psycopg.errors.SerializationFailure, match="OC000"):
                    connection.execute(text.encode(), values, prepare=prepare)
                assert rows(connection) == [(1, 0), (2, 0)]
            else:
                done = connection.execute(text.encode(), values, prepare=prepare)
                assert done.statusmessage == "UPDATE 2"
                assert not returning or sorted(done.fetchall()) == [(1, 7), (2, 7)]


def test_a_statement_that_fails_by_itself_keeps_its_own_error(connection: Connection) -> None:
    local.set_faults(Faults(conflict_rate=1))
    for values in (None, [1]):
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(
                "INSERT INTO faulty VALUES (1, 1)"
                if values is None
                else "INSERT INTO faulty VALUES (%s, 1)",
                values,
            )
    assert rows(connection) == [(1, 0), (2, 0)]


def test_writes_of_one_pipeline_fail_together(connection: Connection) -> None:
    local.set_faults(Faults(conflict_rate=1))

    def insert_two() -> None:
        with connection.pipeline():
            connection.execute("INSERT INTO faulty VALUES (3, 0)")
            connection.execute("SELECT count(*) FROM faulty")
            connection.execute("INSERT INTO faulty VALUES (4, 0)")

    with pytest.raises(psycopg.errors.SerializationFailure):
        insert_two()
    assert rows(connection) == [(1, 0), (2, 0)]


@pytest.mark.parametrize("explicit", [False, True])
@pytest.mark.parametrize(
    ("faults", "kept"), [(Faults(cut_before_commit=1), 0), (Faults(cut_after_commit=1), 1)]
)
def test_a_cut_breaks_the_connection_before_or_after_the_commit(
    connection: Connection, witness: Connection, faults: Faults, kept: int, explicit: bool
) -> None:
    local.set_faults(faults)
    if explicit:
        connection.execute("BEGIN")
    update = "UPDATE faulty SET v = 1 WHERE id = %s RETURNING v"
    if explicit:
        connection.execute(update, [1])
    with pytest.raises(psycopg.OperationalError) as caught:
        connection.execute("COMMIT" if explicit else update, None if explicit else [1])
    assert caught.value.sqlstate is None
    assert connection.broken
    assert rows(witness) == [(1, kept), (2, 0)]


def test_a_cut_commit_beats_its_rival_or_lets_it_win(
    connection: Connection, witness: Connection
) -> None:
    for each in (connection, witness):
        each.execute("BEGIN")
        each.execute("UPDATE faulty SET v = v + 1 WHERE id = 1")
    local.set_faults(Faults(cut_after_commit=1))
    with pytest.raises(psycopg.OperationalError):
        connection.execute("COMMIT")
    local.set_faults(Faults())
    with pytest.raises(psycopg.errors.SerializationFailure):
        witness.execute("COMMIT")
    assert rows(witness) == [(1, 1), (2, 0)]


def test_transfers_of_many_threads_through_all_faults_make_and_lose_no_money(
    endpoint: Endpoint,
) -> None:
    with KeptConnection(endpoint) as bank:
        accounts.initialise(bank, 4, Decimal(1000))
        local.set_faults(
            Faults(conflict_rate=0.2, cut_before_commit=7, cut_after_commit=11, commit_ms=1)
        )
        policy = RetryPolicy(max_attempts=50, base_s=0.001, cap_s=0.01)
        done, unknown = [], []

        def pay(payee: int) -> None:
            with KeptConnection(endpoint) as own:
                for _ in range(20):
                    try:
                        accounts.transfer(own, 1, payee, Decimal(1), policy)
                        done.append(payee)
                    except OutcomeUnknown:
                        unknown.append(payee)

        with ThreadPoolExecutor(3) as threads:
            list(threads.map(pay, (2, 3, 4)))
        local.set_faults(Faults())
        balances = [accounts.balance(bank, each).balance for each in (1, 2, 3, 4)]
        with bank.connection() as connection:
            connection.execute("DROP TABLE accounts")
    assert sum(balances) == 4000
    assert len(done) + len(unknown) == 60
    assert unknown
    for payee, balance in zip((2, 3, 4), balances[1:], strict=True):
        assert 0 <= balance - 1000 - done.count(payee) <= unknown.count(payee)


def test_a_delayed_commit_holds_up_no_other_session(
    connection: Connection, witness: Connection
) -> None:
    connection.execute("BEGIN")
    connection.execute("UPDATE faulty SET v = 1 WHERE id = 1")
    local.set_faults(Faults(commit_ms=60_000))
    lost: list[BaseException] = []

    def commit() -> None:
        try:
            connection.execute("COMMIT")
        except psycopg.OperationalError as error:
            lost.append(error)

    committing = threading.Thread(target=commit)
    committing.start()
    try:
        for _ in range(3):
            assert rows(witness) == [(1, 0), (2, 0)]
        assert committing.is_alive()
    finally:
        with socket.socket(fileno=os.dup(connection.fileno())) as underneath:
            underneath.shutdown(socket.SHUT_RDWR)
        committing.join()
    assert lost
    assert rows(witness) == [(1, 0), (2, 0)]


def test_delayed_statements_keep_their_order(connection: Connection) -> None:
    local.set_faults(Faults(round_trip_ms=3, commit_ms=3))
    assert local.status().faults.on == {"round_trip_ms": 3, "commit_ms": 3}
    with connection.pipeline() as pipeline:
        cursors = []
        for number in range(20):
            cursors.append(
                connection.execute("UPDATE faulty SET v = %s WHERE id = 1 RETURNING v", [number])
            )
            if number % 4 == 0:
                pipeline.sync()
        local.set_faults(Faults())
        cursors.append(connection.execute("SELECT v FROM faulty WHERE id = 1"))
        got = [cursor.fetchone() for cursor in cursors]
    assert got == [(number,) for number in [*range(20), 19]]


def test_a_copy_from_afar_arrives_whole(connection: Connection) -> None:
    local.set_faults(Faults(round_trip_ms=2))
    line = b"%d\t" + b"0" * 1000 + b"1\n"
    with connection.cursor() as cursor, cursor.copy("COPY faulty FROM STDIN") as copy:
        for number in range(3, 2003):
            copy.write(line % number)
    with connection.cursor() as cursor, cursor.copy("COPY faulty TO STDOUT") as copy:
        assert len(b"".join(copy).splitlines()) == 2002


def test_an_old_token_is_refused_whatever_life_it_says(
    endpoint: Endpoint, local_cluster: LocalAddress
) -> None:
    known = parameters(endpoint, TokenSigner(endpoint))
    known["password"] = sign(
        local_cluster.access_key_id,
        local_cluster.secret_access_key,
        life_s=900,
        signed_ago=timedelta(seconds=60),
    )
    psycopg.connect(**known).close()
    local.set_faults(Faults(token_age_s=30))
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect(**known)
    assert "HINT:  Signature expired: " in str(caught.value)
    connect(endpoint).close()


def test_a_connection_past_its_age_is_closed_when_idle_or_at_its_next_statement(
    endpoint: Endpoint, connection: Connection
) -> None:
    connection.execute("BEGIN")
    connection.execute("UPDATE faulty SET v = 1")
    with connect(endpoint) as idle:
        local.set_faults(Faults(connection_age_s=0.05))
        assert eventually(lambda: local.status().connections == 1)
        with pytest.raises(psycopg.OperationalError):
            idle.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        connection.execute("COMMIT")
    local.set_faults(Faults())
    with connect(endpoint) as witness:
        assert rows(witness) == [(1, 0), (2, 0)]


def test_a_pool_that_checks_replaces_connections_closed_for_their_age(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "_IDLE_BEFORE_CHECK_S", 0.0)
    with open_pool(endpoint, size=1) as pool:
        with pool.connection() as first:
            pid = first.info.backend_pid
        local.set_faults(Faults(connection_age_s=0.05))
        assert eventually(lambda: local.status().connections == 0)
        local.set_faults(Faults())
        with pool.connection() as second:
            assert second.info.backend_pid != pid
            assert second.execute("SELECT 1").fetchone() == (1,)

"""How large a value, a row, a key, an index's key and a transaction may be."""

from collections.abc import Iterator

import psycopg
import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from tests.support.statistics import counted

TOO_MUCH = "transaction size limit 10mb exceeded"
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def connection(endpoint: Endpoint) -> Iterator[Connection]:
    with connect(endpoint) as opened:
        opened.execute("CREATE TABLE sized (id int PRIMARY KEY, t text, b bytea, j jsonb)")
        opened.execute("CREATE TABLE keyed (k text PRIMARY KEY, u text UNIQUE)")
        yield opened
        opened.execute("DROP TABLE sized")
        opened.execute("DROP TABLE keyed")


@pytest.fixture(autouse=True)
def _empty(connection: Connection) -> Iterator[None]:
    yield
    if connection.info.transaction_status:
        connection.execute("ROLLBACK")
    while connection.execute(
        "DELETE FROM sized WHERE id IN (SELECT id FROM sized LIMIT 3000)"
    ).rowcount:
        pass


def fill(connection: Connection, rows: int, size: int, *, start: int = 0) -> None:
    connection.execute(
        "INSERT INTO sized SELECT n, repeat('x', %s) FROM generate_series(%s::int, %s) n",
        (size, start + 1, start + rows),
    )


def copy(connection: Connection, text: str) -> None:
    with connection.cursor() as cursor, cursor.copy("COPY sized (id, t) FROM STDIN") as rows:
        rows.write(text)


def count(connection: Connection) -> object:
    return connection.execute("SELECT count(*) FROM sized").fetchone()


def refused(connection: Connection, sql: str, *values: object) -> tuple[str | None, str | None]:
    with pytest.raises(psycopg.Error) as refusal:
        connection.execute(sql.encode(), values)
    return refusal.value.sqlstate, refusal.value.diag.message_primary


def test_a_transaction_fails_at_its_commit(connection: Connection) -> None:
    connection.execute("BEGIN")
    fill(connection, 6, 1_000_000)
    fill(connection, 6, 1_000_000, start=6)
    with pytest.raises(psycopg.errors.ProgramLimitExceeded, match=TOO_MUCH) as refusal:
        connection.execute("COMMIT")
    assert refusal.value.diag.message_detail == "Current transaction size 12mb > 10mb"
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    assert count(connection) == (0,)


@pytest.mark.slow
def test_a_statement_alone_fails_itself(connection: Connection) -> None:
    fill(connection, 10, 1_000_000)
    assert refused(connection, "UPDATE sized SET t = t || repeat('y', 48500)")[1] == TOO_MUCH
    with pytest.raises(psycopg.Error, match=TOO_MUCH):
        fill(connection, 2900, 3_500, start=10)
    fill(connection, 2900, 3_000, start=10)
    assert count(connection) == (2910,)


def test_copy_is_a_transaction_too(connection: Connection) -> None:
    text = "".join(f"{number}\t{'x' * 1_000_000}\n" for number in range(12))
    with pytest.raises(psycopg.Error, match=TOO_MUCH):
        copy(connection, text)
    assert count(connection) == (0,)


def test_what_was_changed_twice_counts_once(connection: Connection) -> None:
    fill(connection, 9, 1_000_000)
    connection.execute("BEGIN")
    connection.execute("UPDATE sized SET t = repeat('y', 1000000)")
    connection.execute("UPDATE sized SET t = repeat('z', 1000000)")
    connection.execute("COMMIT")
    assert connection.execute("SELECT count(*) FROM sized WHERE t LIKE 'z%'").fetchone() == (9,)


def test_an_index_entry_counts(connection: Connection) -> None:
    connection.execute("CREATE TABLE heavy_index (id int PRIMARY KEY, t text)")
    job = connection.execute("CREATE INDEX ASYNC ON heavy_index (t)").fetchone()
    assert job is not None
    connection.execute("CALL sys.wait_for_job(%s)".replace("%s", f"'{job[0]}'").encode())
    insert = "INSERT INTO heavy_index SELECT n, repeat('x', {}) FROM generate_series(1, 2900) n"
    assert refused(connection, insert.format(1800))[1] == TOO_MUCH
    assert connection.execute(insert.format(1500).encode()).rowcount == 2900
    connection.execute("DROP TABLE heavy_index")


def test_light_rows_count_wherever_they_are(connection: Connection) -> None:
    def fill_twice(heavy: int) -> None:
        fill(connection, 2990, 400)
        fill(connection, 9, heavy, start=3000)

    connection.execute("BEGIN")
    fill_twice(1_000_000)
    with pytest.raises(psycopg.Error, match=TOO_MUCH) as refusal:
        connection.execute("COMMIT")
    assert refusal.value.diag.message_detail == "Current transaction size 11mb > 10mb"
    connection.execute("BEGIN")
    fill_twice(930_000)
    connection.execute("COMMIT")
    assert count(connection) == (2999,)


def test_a_heavy_transaction_reads_its_own_rows_alone_of_a_large_table(endpoint: Endpoint) -> None:
    def write(first: int, size: int) -> None:
        with connect(endpoint) as session:
            session.execute(
                "INSERT INTO large SELECT n, repeat('x', %s) FROM generate_series(%s::int, %s) n",
                (size, first, first + 2999),
            )

    with connect(endpoint) as session:
        session.execute("CREATE TABLE large (id int PRIMARY KEY, t text)")
    for first in range(1, 12_000, 3000):
        write(first, 1)
    before = counted("large").read_in_a_row
    write(20_000, 1000)
    assert counted("large").read_in_a_row - before < 6000
    with connect(endpoint) as session:
        session.execute("DROP TABLE large")


def test_a_transaction_that_made_way_is_measured_all_the_same(
    connection: Connection, endpoint: Endpoint
) -> None:
    fill(connection, 10, 1_000_000)
    with connect(endpoint) as other:
        connection.execute("BEGIN")
        connection.execute("UPDATE sized SET t = t || repeat('y', 48500)")
        other.execute("BEGIN")
        other.execute("UPDATE sized SET b = 'x' WHERE id = 1")
        other.execute("ROLLBACK")
        assert refused(connection, "COMMIT")[1] == TOO_MUCH


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("repeat('x', 1048576), NULL, NULL", None),
        (
            "repeat('x', 1048577), NULL, NULL",
            "datatype limit greater than 1048576 bytes not supported for text",
        ),
        (
            "NULL, convert_to(repeat('x', 1048577), 'UTF8'), NULL",
            "datatype limit greater than 1048576 bytes not supported for bytea",
        ),
        (
            "repeat('x', 1048576), convert_to(repeat('x', 1048576), 'UTF8'), '{\"a\": 1}'",
            "maximum row size exceeded",
        ),
    ],
)
def test_a_value_and_a_row_have_a_limit(
    connection: Connection, values: str, message: str | None
) -> None:
    insert = f"INSERT INTO sized VALUES (1, {values})"
    if message is None:
        assert connection.execute(insert.encode()).rowcount == 1
    else:
        assert refused(connection, insert) == ("54000", message)


def test_a_key_has_a_limit(connection: Connection) -> None:
    longest = "INSERT INTO keyed VALUES (repeat('x', 1981), NULL)"
    assert connection.execute(longest.encode()).rowcount == 1
    too_long = ("54000", "key size too large")
    assert refused(connection, "INSERT INTO keyed VALUES (repeat('x', 1982), NULL)") == too_long
    shared = "INSERT INTO keyed VALUES (repeat('x', 1000), repeat('x', 1000))"
    assert refused(connection, shared) == too_long


def test_what_watches_sizes_is_in_nobodys_way(connection: Connection) -> None:
    connection.execute("ALTER TABLE sized ADD COLUMN extra text STORAGE PLAIN")
    connection.execute("INSERT INTO sized (id, extra) VALUES (1, repeat('x', 100000))")
    connection.execute("ALTER TABLE sized DROP COLUMN extra")
    assert count(connection) == (1,)

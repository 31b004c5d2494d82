"""What one transaction may hold: one DDL statement, or changes of at most 3,000 rows."""

from collections.abc import Iterator

import psycopg
import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.local.backend.answers import changed_rows
from dsqlkit.local.dialect.limits import Held, mixture
from dsqlkit.local.statements.statement import Kind
from dsqlkit.local.wire.messages import Backend, message

TOO_MANY = "transaction row limit exceeded"
SECOND_DDL = "multiple ddl statements not supported in a transaction"
MIXED = "ddl and dml are not supported in the same transaction"


@pytest.fixture(scope="module")
def connection(endpoint: Endpoint) -> Iterator[Connection]:
    with connect(endpoint) as opened:
        yield opened


@pytest.fixture
def table(connection: Connection) -> Iterator[str]:
    connection.execute("CREATE TABLE limited (id int PRIMARY KEY, v int)")
    connection.execute("INSERT INTO limited SELECT n, 0 FROM generate_series(1, 3000) n")
    yield "limited"
    if connection.info.transaction_status:
        connection.execute("ROLLBACK")
    connection.execute("DROP TABLE limited")


def refusal(connection: Connection, sql: str, *values: object) -> str:
    with pytest.raises(psycopg.Error) as refused:
        connection.execute(sql.encode(), values)
    return str(refused.value)


def in_a_pipeline(connection: Connection, *statements: str) -> None:
    with connection.pipeline():
        for statement in statements:
            connection.execute(statement.encode())


def total(connection: Connection) -> object:
    return connection.execute("SELECT count(*), sum(v) FROM limited").fetchone()


@pytest.mark.parametrize("bound", [False, True])
def test_three_thousand_rows_pass_and_one_more_fails(
    connection: Connection, table: str, bound: bool
) -> None:
    add = "UPDATE limited SET v = v + %s" if bound else "UPDATE limited SET v = v + 1"
    values = (1,) if bound else ()
    assert connection.execute(add.encode(), values).statusmessage == "UPDATE 3000"
    connection.execute("INSERT INTO limited VALUES (0, 0)")
    assert refusal(connection, add, *values) == TOO_MANY
    assert total(connection) == (3001, 3000)


def test_rows_add_up_over_a_transaction_which_fails_as_a_whole(
    connection: Connection, table: str
) -> None:
    connection.execute("BEGIN")
    connection.execute("UPDATE limited SET v = 1 WHERE id <= 2000")
    assert refusal(connection, "UPDATE limited SET v = 2 WHERE id <= 1001") == TOO_MANY
    assert "current transaction is aborted" in refusal(connection, "SELECT 1")
    assert connection.execute("COMMIT").statusmessage == "ROLLBACK"
    assert total(connection) == (3000, 0)


def copy(connection: Connection, first: int, last: int) -> None:
    with connection.cursor() as cursor, cursor.copy("COPY limited FROM STDIN") as rows:
        for number in range(first, last + 1):
            rows.write_row((number, 0))


def test_rows_of_copy_count(connection: Connection, table: str) -> None:
    copy(connection, 3001, 6000)
    with pytest.raises(psycopg.Error, match=TOO_MANY):
        copy(connection, 6001, 9001)
    connection.execute("BEGIN")
    connection.execute("UPDATE limited SET v = 1 WHERE id <= 2000")
    with pytest.raises(psycopg.Error, match=TOO_MANY):
        copy(connection, 6001, 7001)
    assert connection.execute("COMMIT").statusmessage == "ROLLBACK"
    assert total(connection) == (6000, 0)
    with pytest.raises(psycopg.errors.UniqueViolation):
        copy(connection, 1, 2)
    with connection.cursor() as cursor, cursor.copy("COPY limited TO STDOUT") as rows:
        assert len(list(rows.rows())) == 6000
    connection.execute("DELETE FROM limited WHERE id > 3000")


@pytest.mark.parametrize(
    "changing",
    [
        "INSERT INTO limited VALUES " + ", ".join(f"({number}, 0)" for number in range(4000, 7001)),
        "UPDATE limited SET v = 1 WHERE id <= 2000; UPDATE limited SET v = 2 WHERE id > 1999",
        "UPDATE limited SET v = 1; INSERT INTO limited VALUES (-1, 0)",
    ],
)
def test_rows_of_a_text_count_together(connection: Connection, table: str, changing: str) -> None:
    assert refusal(connection, changing) == TOO_MANY
    assert total(connection) == (3000, 0)


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL", "SET DEFAULT"])
def test_rows_that_a_foreign_key_changes_count(
    connection: Connection, table: str, action: str
) -> None:
    connection.execute(
        "CREATE TABLE referring (id int PRIMARY KEY, parent int DEFAULT 2"
        f" REFERENCES limited (id) ON DELETE {action} ON UPDATE CASCADE)".encode()
    )
    connection.execute("INSERT INTO referring SELECT n, 1 FROM generate_series(1, 3000) n")
    assert refusal(connection, "DELETE FROM limited WHERE id = 1") == TOO_MANY
    assert refusal(connection, "UPDATE limited SET id = 0 WHERE id = 1") == TOO_MANY
    connection.execute("BEGIN")
    assert refusal(connection, "DELETE FROM limited WHERE id = 1") == TOO_MANY
    connection.execute("ROLLBACK")
    connection.execute("DELETE FROM referring WHERE id = 1")
    assert connection.execute("DELETE FROM limited WHERE id = 1").statusmessage == "DELETE 1"
    connection.execute("DROP TABLE referring")


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL", "SET DEFAULT"])
def test_a_table_whose_foreign_key_acts_is_altered_as_any_other_and_its_rows_still_count(
    connection: Connection, table: str, action: str
) -> None:
    connection.execute(
        "CREATE TABLE referrer (id int PRIMARY KEY, parent int, note text,"
        f" CONSTRAINT parents FOREIGN KEY (parent) REFERENCES limited ON DELETE {action})".encode()
    )
    for change in (
        "ADD COLUMN more text",
        "ALTER COLUMN more SET DEFAULT 'none'",
        "DROP COLUMN note",
        "ADD CONSTRAINT positive CHECK (id > 0) NOT VALID",
        "RENAME COLUMN more TO remark",
        "RENAME CONSTRAINT parents TO parent",
        "OWNER TO admin",
        "RENAME TO referring",
    ):
        connection.execute(f"ALTER TABLE referrer {change}".encode())
    connection.execute("INSERT INTO referring SELECT n, 1 FROM generate_series(1, 3000) n")
    assert refusal(connection, "DELETE FROM limited WHERE id = 1") == TOO_MANY
    connection.execute("DROP TABLE referring")


def test_a_statement_alone_reports_its_own_error(connection: Connection, table: str) -> None:
    assert "division by zero" in refusal(connection, "UPDATE limited SET v = 1 / (id - 7)")
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    assert total(connection) == (3000, 0)


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (("CREATE TABLE one (id int)", "CREATE TABLE two (id int)"), SECOND_DDL),
        (("CREATE TABLE one (id int)", "INSERT INTO limited VALUES (-1, 0)"), MIXED),
        (("INSERT INTO limited VALUES (-1, 0)", "CREATE TABLE one (id int)"), MIXED),
        (("CREATE VIEW one AS SELECT 1", "CREATE TABLE two (id int)"), SECOND_DDL),
        (("CREATE VIEW one AS TABLE limited", "UPDATE limited SET v = 1 WHERE id = 1"), MIXED),
        (("DELETE FROM limited WHERE id = 1", "CREATE OR REPLACE VIEW one AS SELECT 1"), MIXED),
    ],
)
def test_ddl_goes_alone(
    connection: Connection, table: str, statements: tuple[str, str], expected: str
) -> None:
    first, second = statements
    connection.execute("BEGIN")
    connection.execute(first.encode())
    assert refusal(connection, second) == expected
    assert connection.execute("COMMIT").statusmessage == "ROLLBACK"
    assert refusal(connection, f"{first}; {second}") == expected
    with pytest.raises(psycopg.Error, match=expected):
        in_a_pipeline(connection, "BEGIN", first, second)
    connection.execute("ROLLBACK")
    assert total(connection) == (3000, 0)
    assert "does not exist" in refusal(connection, "SELECT * FROM one")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((), None),
        ((Kind.READ, Kind.SCHEMA), None),
        ((Kind.WRITE, Kind.WRITE, Kind.LOCK), None),
        ((Kind.SCHEMA, Kind.SCHEMA), SECOND_DDL),
        ((Kind.SCHEMA, Kind.READ, Kind.WRITE), MIXED),
        ((Kind.COPY_IN, Kind.SCHEMA), MIXED),
        ((Kind.SCHEMA, Kind.COMMIT, Kind.BEGIN, Kind.SCHEMA), None),
        ((Kind.SCHEMA, Kind.BEGIN, Kind.WRITE), MIXED),
    ],
)
def test_what_may_be_mixed(parts: tuple[Kind, ...], expected: str | None) -> None:
    found = mixture(False, False, parts)[2]
    assert (found.message if found else None) == expected


@pytest.mark.parametrize(
    ("before", "kind", "expected"),
    [
        ((), Kind.ANALYZE, None),
        ((Kind.ANALYZE, Kind.WAIT), Kind.WAIT, None),
        ((Kind.READ,), Kind.ANALYZE, "ANALYZE cannot run inside a transaction block"),
        ((Kind.READ, Kind.COMMIT), Kind.ANALYZE, None),
        ((Kind.ANALYZE, Kind.SCHEMA), Kind.WRITE, MIXED),
        ((Kind.SCHEMA, Kind.BEGIN), Kind.SCHEMA, SECOND_DDL),
        ((Kind.SCHEMA, Kind.ROLLBACK), Kind.SCHEMA, None),
    ],
)
def test_what_may_come_next_in_a_pipeline(
    before: tuple[Kind, ...], kind: Kind, expected: str | None
) -> None:
    held = Held()
    held.add(before)
    found = held.refusal((kind,))
    assert (found.message if found else None) == expected


@pytest.mark.parametrize(
    ("tag", "copies_in", "rows"),
    [
        (b"UPDATE 7", False, 7),
        (b"INSERT 0 3", False, 3),
        (b"DELETE 0", False, 0),
        (b"SELECT 5", False, 0),
        (b"BEGIN", False, 0),
        (b"COPY 9", True, 9),
        (b"COPY 9", False, 0),
    ],
)
def test_rows_are_counted_by_the_tag(tag: bytes, copies_in: bool, rows: int) -> None:
    assert changed_rows(message(Backend.COMMAND_COMPLETE, tag + b"\0"), copies_in=copies_in) == rows

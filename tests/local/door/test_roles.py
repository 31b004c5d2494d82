"""AWS IAM GRANT and REVOKE: which role may sign in, what it may do there, and who may say so."""

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint, LocalAddress
from dsqlkit.errors import ConnectionFailed
from tests.local.door import test_sign_in as sign_in
from tests.support.tokens import sign

ARN = "arn:aws:iam::123456789012:role/app"
OTHER = "arn:aws:iam::123456789012:user/team/someone@example.com"
MAPPINGS = "SELECT arn, pg_role_name, grantor_pg_role_name FROM sys.iam_pg_role_mappings"


@pytest.fixture
def app(connection: Connection, endpoint: Endpoint) -> Iterator[Endpoint]:
    """A role with LOGIN that no identity is mapped to yet, and a table that it has no right to."""
    connection.execute("CREATE ROLE app WITH LOGIN")
    connection.execute("CREATE TABLE ledger (id int PRIMARY KEY, v int)")
    connection.execute("INSERT INTO ledger VALUES (1, 0), (2, 0)")
    yield replace(endpoint, user="app")
    connection.execute("ROLLBACK")
    for arn in (ARN, OTHER):
        connection.execute(f"AWS IAM REVOKE app FROM '{arn}'".encode())
    connection.execute("DROP TABLE ledger")
    connection.execute("DROP ROLE app")


@pytest.fixture
def as_app(connection: Connection, app: Endpoint) -> Iterator[Connection]:
    connection.execute(f"AWS IAM GRANT app TO '{ARN}'".encode())
    with connect(app) as opened:
        yield opened


def refusal(connection: Connection, sql: str) -> tuple[str | None, str | None]:
    with pytest.raises(psycopg.Error) as refused:
        connection.execute(sql.encode())
    assert refused.value.diag.context is None
    return refused.value.diag.sqlstate, refused.value.diag.message_primary


def test_a_role_gets_in_after_the_grant_and_until_the_revoke(
    connection: Connection, app: Endpoint
) -> None:
    with pytest.raises(ConnectionFailed, match="denied access"):
        connect(app)
    assert connection.execute(f"AWS IAM GRANT app TO '{ARN}'".encode()).description is None
    with connect(app) as mine:
        assert mine.execute("SELECT current_user::text").fetchone() == ("app",)
    connection.execute(f"AWS IAM REVOKE app FROM '{ARN}'".encode())
    with pytest.raises(ConnectionFailed, match="denied access"):
        connect(app)


def test_one_identity_of_two_is_enough(connection: Connection, app: Endpoint) -> None:
    for arn in (ARN, OTHER):
        connection.execute(f"AWS IAM GRANT app TO '{arn}'".encode())
    assert connection.execute(MAPPINGS).fetchall() == [
        (ARN, "app", "admin"),
        (OTHER, "app", "admin"),
    ]
    connection.execute(f"AWS IAM REVOKE app FROM '{ARN}'".encode())
    connect(app).close()


@pytest.mark.parametrize(
    ("role", "action"), [("app", "DbConnectAdmin"), ("admin", "DbConnect"), ("app", "DbConnect")]
)
def test_each_role_has_its_action(
    as_app: Connection, local_cluster: LocalAddress, role: str, action: str
) -> None:
    keys = local_cluster.access_key_id, local_cluster.secret_access_key
    token = sign(*keys, action=action)
    if (role, action) == ("app", "DbConnect"):
        sign_in.connect(local_cluster, token, user=role).close()
    else:
        with pytest.raises(psycopg.OperationalError, match=sign_in.DENIED):
            sign_in.connect(local_cluster, token, user=role)


def test_a_role_that_may_not_log_in_is_refused_though_mapped(
    connection: Connection, app: Endpoint
) -> None:
    connection.execute(f"AWS IAM GRANT app TO '{ARN}'".encode())
    connection.execute("ALTER ROLE app NOLOGIN")
    with pytest.raises(ConnectionFailed, match="denied access"):
        connect(app)


@pytest.mark.parametrize("verb", ["GRANT app TO", "REVOKE app FROM"])
def test_both_protocols_answer_with_a_tag_alone(
    connection: Connection, app: Endpoint, verb: str
) -> None:
    sql = f"AWS IAM {verb} '{ARN}'".encode()
    prepared = connection.pgconn.prepare(b"p", sql)
    assert not prepared.error_message
    for result in (
        connection.pgconn.exec_(sql),
        connection.pgconn.exec_params(sql, None),
        connection.pgconn.exec_prepared(b"p", None),
        connection.pgconn.exec_(b"BEGIN; " + sql + b"; COMMIT"),
        connection.pgconn.exec_(b"/* lower case */ " + sql.lower() + b" -- and comments"),
    ):
        assert not result.error_message
        assert result.nfields == 0
    tag = "AWS IAM GRANT" if verb.startswith("GRANT") else "AWS IAM REVOKE"
    assert connection.execute(sql).statusmessage == tag


@pytest.mark.parametrize(
    ("sql", "sqlstate", "message"),
    [
        ("AWS IAM GRANT app TO 'app'", "22023", "IAM role must look like an IAM ARN"),
        (
            "AWS IAM GRANT app TO 'arn:aws:s3:::bucket'",
            "22023",
            "IAM role must look like an IAM ARN",
        ),
        (f"AWS IAM GRANT nobody TO '{ARN}'", "42704", 'role "nobody" does not exist'),
        (f"AWS IAM REVOKE nobody FROM '{ARN}'", "42704", 'role "nobody" does not exist'),
        (f"AWS IAM GRANT \"App\" TO '{ARN}'", "42704", 'role "App" does not exist'),
        (
            f"AWS IAM GRANT admin TO '{ARN}'",
            "42501",
            "permission denied to grant IAM trust with role admin",
        ),
        ("AWS IAM GRANT app TO", "42601", "syntax error at end of input"),
        ("AWS IAM GRANT app TO app", "42601", 'syntax error at or near "app"'),
        (f"AWS IAM GRANT app TO '{ARN}' x", "42601", 'syntax error at or near "x"'),
        ("ALTER ROLE admin NOLOGIN", "0A000", "feature not supported on system entity"),
        ("DROP ROLE admin", "0A000", "feature not supported on system entity"),
        ("GRANT USAGE ON SCHEMA public TO app", "0A000", "feature not supported on system entity"),
        ("DROP SCHEMA public", "0A000", "feature not supported on system entity"),
        ("CREATE ROLE app", "42710", 'role "app" already exists'),
    ],
)
def test_what_cannot_be_granted(
    connection: Connection, app: Endpoint, sql: str, sqlstate: str, message: str
) -> None:
    assert refusal(connection, sql) == (sqlstate, message)
    assert connection.execute(MAPPINGS).fetchall() == []


def test_a_role_needs_login_to_be_mapped(connection: Connection, app: Endpoint) -> None:
    connection.execute("ALTER ROLE app NOLOGIN")
    grant = f"AWS IAM GRANT app TO '{ARN}'"
    assert refusal(connection, grant)[1] == "role app must have the LOGIN attribute"


def test_a_mapped_role_cannot_be_dropped(connection: Connection, app: Endpoint) -> None:
    connection.execute(f"AWS IAM GRANT app TO '{ARN}'".encode())
    assert refusal(connection, "DROP ROLE app") == (
        "2BP01",
        'role "app" cannot be dropped because some objects depend on it',
    )


def test_only_admin_grants(connection: Connection, as_app: Connection) -> None:
    denied = "permission denied to {} IAM trust with role app"
    assert refusal(as_app, f"AWS IAM GRANT app TO '{OTHER}'") == ("42501", denied.format("grant"))
    assert refusal(as_app, f"AWS IAM REVOKE app FROM '{ARN}'") == ("42501", denied.format("revoke"))
    connection.execute("GRANT app TO admin")
    connection.execute("BEGIN")
    connection.execute("SET LOCAL ROLE app")
    assert refusal(connection, f"AWS IAM GRANT app TO '{OTHER}'")[1] == denied.format("grant")
    connection.execute("ROLLBACK")


def test_it_is_one_ddl_statement_of_a_transaction(connection: Connection, app: Endpoint) -> None:
    grant = f"AWS IAM GRANT app TO '{ARN}'"
    second = "multiple ddl statements not supported in a transaction"
    mixed = "ddl and dml are not supported in the same transaction"
    assert refusal(connection, f"{grant}; {grant}") == ("0A000", second)
    assert refusal(connection, f"INSERT INTO ledger VALUES (3, 0); {grant}") == ("0A000", mixed)
    for other, message in (("CREATE TABLE t (id int)", second), ("DELETE FROM ledger", mixed)):
        connection.execute("BEGIN")
        connection.execute(grant.encode())
        assert refusal(connection, other) == ("0A000", message)
        connection.execute("ROLLBACK")
    assert connection.execute(MAPPINGS).fetchall() == []


def test_whoever_read_the_mappings_is_told_of_the_change(
    connection: Connection, as_app: Connection
) -> None:
    as_app.execute("BEGIN")
    as_app.execute(MAPPINGS)
    connection.execute(f"AWS IAM GRANT app TO '{OTHER}'".encode())
    with pytest.raises(psycopg.errors.SerializationFailure, match="OC001"):
        as_app.execute("COMMIT")


def test_a_role_may_do_what_it_was_granted_and_nothing_else(
    connection: Connection, as_app: Connection
) -> None:
    select = "SELECT v FROM ledger WHERE id = 1"
    assert refusal(as_app, select) == ("42501", "permission denied for table ledger")
    connection.execute("GRANT SELECT, UPDATE ON ledger TO app")
    with pytest.raises(psycopg.errors.SerializationFailure, match="OC001"):
        as_app.execute(select.encode())
    assert as_app.execute(select.encode()).fetchone() == (0,)
    assert as_app.execute("UPDATE ledger SET v = 5 WHERE id = 1").statusmessage == "UPDATE 1"
    for sql in (
        "INSERT INTO ledger VALUES (3, 0)",
        "DELETE FROM ledger",
        "CREATE TABLE mine (id int)",
        "DROP TABLE ledger",
        "ALTER TABLE ledger ADD COLUMN w int",
        "CREATE INDEX ASYNC ON ledger (v)",
        "ALTER TABLE ASYNC ledger VALIDATE CONSTRAINT ledger_pkey",
        "CREATE ROLE mine",
        "SET LOCAL ROLE admin; SELECT 1",
        "GRANT SELECT ON ledger TO PUBLIC; SELECT 1",
    ):
        if sql.startswith("GRANT"):
            as_app.execute(sql.encode())  # PostgreSQL only warns that nothing was granted
        else:
            assert refusal(as_app, sql)[0] == "42501", sql
    connection.execute("REVOKE ALL ON ledger FROM app")
    assert [refusal(as_app, select)[0] for _ in range(2)] == ["40001", "42501"]


def test_a_role_that_may_only_update_races_like_any_other(
    connection: Connection, as_app: Connection
) -> None:
    connection.execute("GRANT SELECT, UPDATE ON ledger TO app")
    add = b"UPDATE ledger SET v = v + 1 WHERE id = 1"
    as_app.execute("BEGIN")
    as_app.execute(add)
    connection.execute("BEGIN")
    connection.execute(add)
    connection.execute("ROLLBACK")
    as_app.execute("COMMIT")
    assert connection.execute("SELECT v FROM ledger WHERE id = 1").fetchone() == (1,)

"""Who gets in, over which kind of connection: clients with right and wrong tokens, on the wire."""

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest

from dsqlkit.endpoint import Endpoint, LocalAddress
from dsqlkit.token import TokenSigner
from tests.support.raw import STARTUP, password, query, rest
from tests.support.tokens import sign

DENIED = "unable to accept connection, access denied"


def connect(address: LocalAddress, password: str, **changes: str) -> psycopg.Connection:
    parameters = {
        "host": "localhost",
        "hostaddr": "127.0.0.1",
        "port": str(address.port),
        "user": "admin",
        "dbname": "postgres",
        "sslmode": "verify-full",
        "sslrootcert": address.root_certificate,
        "connect_timeout": "10",
        **changes,
    }
    return psycopg.connect(password=password, autocommit=True, **parameters)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def token(endpoint: Endpoint) -> str:
    return TokenSigner(endpoint).token().value


def token_for(address: LocalAddress, **changes: object) -> str:
    return sign(address.access_key_id, address.secret_access_key, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("negotiation", ["postgres", "direct"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "local.dsql.us-east-1.on.aws"])
def test_libpq_verifies_us_and_gets_in(
    local_cluster: LocalAddress, host: str, negotiation: str
) -> None:
    password = token_for(local_cluster, host=host)
    with connect(local_cluster, password, host=host, sslnegotiation=negotiation) as connection:
        row = connection.execute(
            "SELECT current_user::text, current_database()::text,"
            " current_setting('transaction_isolation'), current_setting('TimeZone')"
        ).fetchone()
        assert row == ("admin", "postgres", "repeatable read", "UTC")
        assert connection.info.parameter_status("server_version") == "16.15"


@pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")
def test_psql_gets_in_with_its_certificate_check(local_cluster: LocalAddress, token: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "PGHOST": "localhost",
        "PGPORT": str(local_cluster.port),
        "PGUSER": "admin",
        "PGDATABASE": "postgres",
        "PGPASSWORD": token,
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": local_cluster.root_certificate,
    }
    command = ["psql", "-X", "-A", "-t", "-c", "SELECT current_user"]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.stdout, done.stderr) == ("admin\n", "")


def test_a_strict_tls_client_accepts_the_certificate(local_cluster: LocalAddress) -> None:
    context = ssl.create_default_context(cafile=local_cluster.root_certificate)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.set_alpn_protocols(["postgresql"])
    with (
        socket.create_connection(("127.0.0.1", local_cluster.port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        assert tls.version() in ("TLSv1.2", "TLSv1.3")


def test_an_old_tls_version_is_refused(local_cluster: LocalAddress) -> None:
    context = ssl.create_default_context(cafile=local_cluster.root_certificate)
    context.set_alpn_protocols(["postgresql"])
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", local_cluster.port), timeout=10) as plain,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        context.wrap_socket(plain, server_hostname="localhost")


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        pytest.param(
            {"life_s": 60, "signed_ago": timedelta(seconds=61)}, "Signature expired: ", id="expired"
        ),
        pytest.param({"host": "elsewhere.dsql.us-east-1.on.aws"}, None, id="another host"),
        pytest.param(
            {"action": "DbConnect"},
            "Wrong user to action mapping. user: admin, action: DbConnect",
            id="another role",
        ),
        pytest.param(
            {"life_s": 604_801},
            "X-Amz-Expires must be less than a week (in seconds)",
            id="long life",
        ),
        pytest.param({"region": "eu-west-1"}, None, id="another region"),
    ],
)
def test_a_wrong_token_is_refused_in_dsqls_words(
    local_cluster: LocalAddress,
    changes: dict[str, object],
    hint: str | None,
) -> None:
    with pytest.raises(psycopg.OperationalError) as refused:
        connect(local_cluster, token_for(local_cluster, **changes))
    assert DENIED in str(refused.value)
    text = str(refused.value)
    assert f"HINT:  {hint}" in text if hint else "HINT" not in text


@pytest.mark.parametrize("position", [0, 5, 20, 80, 150, -65, -1])
def test_a_changed_character_is_refused(
    local_cluster: LocalAddress, token: str, position: int
) -> None:
    other = "0" if token[position] != "0" else "1"
    index = position % len(token)
    with pytest.raises(psycopg.OperationalError, match=DENIED):
        connect(local_cluster, token[:index] + other + token[index + 1 :])


def test_another_key_is_refused(local_cluster: LocalAddress) -> None:
    with pytest.raises(psycopg.OperationalError, match=DENIED):
        connect(local_cluster, sign(local_cluster.access_key_id, "x" * 40))


@pytest.mark.parametrize(
    "user", ["app", "dsqlkit", "postgres", "pg_superuser", "nobody; --", 'a"b']
)
def test_a_role_that_no_identity_is_mapped_to_is_refused(
    local_cluster: LocalAddress, user: str
) -> None:
    with pytest.raises(psycopg.OperationalError, match=DENIED):
        connect(local_cluster, token_for(local_cluster, action="DbConnect"), user=user)


@pytest.mark.parametrize("piece", [1_000_000, 50, 1], ids=["at once", "in pieces", "by bytes"])
def test_a_client_need_not_wait_for_the_request_for_its_password_nor_for_the_answer(
    encrypted: Callable[[], ssl.SSLSocket], token: str, piece: int
) -> None:
    tls = encrypted()
    stream = STARTUP + password(token) + query("BEGIN") + query("SELECT 'mine'") + query("COMMIT")
    for start in range(0, len(stream), piece):
        tls.sendall(stream[start : start + piece])
    answer = b""
    while not answer.endswith(b"COMMIT\0Z\0\0\0\x05I"):
        more = tls.recv(65536)
        assert more, answer
        answer += more
    assert answer.startswith(b"R\0\0\0\x08\0\0\0\x03R")
    assert b"mine" in answer


def test_what_comes_ahead_with_a_wrong_password_is_not_run(
    encrypted: Callable[[], ssl.SSLSocket], token: str
) -> None:
    tls = encrypted()
    tls.sendall(STARTUP + password(token[:-1]) + query("CREATE TABLE uninvited (id int)"))
    answer = rest(tls)
    assert DENIED.encode() in answer
    assert b"CREATE" not in answer


def test_plain_text_is_refused(local_cluster: LocalAddress, token: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="SSL is mandatory"):
        connect(local_cluster, token, sslmode="disable")


def test_another_database_does_not_exist(local_cluster: LocalAddress, token: str) -> None:
    with pytest.raises(psycopg.OperationalError, match='database "other" does not exist'):
        connect(local_cluster, token, dbname="other")


def test_no_token_reaches_the_log(local_cluster: LocalAddress, token: str) -> None:
    from dsqlkit import local

    with pytest.raises(psycopg.OperationalError):
        connect(local_cluster, token + "x")
    log = local.log_file().read_text()
    assert "access denied" in log
    assert "X-Amz" not in log
    assert local_cluster.secret_access_key not in log

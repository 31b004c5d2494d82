"""What a client may set while it signs in: as in a session, and the name of its cluster."""

from collections.abc import Callable

import psycopg
import pytest

from dsqlkit.endpoint import Endpoint, LocalAddress
from dsqlkit.local.door.startup_options import accepted
from dsqlkit.local.wire.messages import Frontend, message
from dsqlkit.local.wire.startup import StartupRefused
from dsqlkit.token import TokenSigner
from tests.local.door.test_sign_in import connect
from tests.support.raw_client import RawClient

Opener = Callable[..., psycopg.Connection]


@pytest.fixture
def opened(local_cluster: LocalAddress, endpoint: Endpoint) -> Opener:
    token = TokenSigner(endpoint).token().value
    return lambda **changes: connect(local_cluster, token, **changes)


def refused(name: str) -> str:
    return f'setting configuration parameter "{name}" not supported'


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ("-c statement_timeout=5s", "statement_timeout"),
        ("-cstatement_timeout=5s", "statement_timeout"),
        ("--statement-timeout=5s", "statement_timeout"),
        (
            "-c search_path=public -c Default_Transaction_Isolation=read\\ committed",
            "Default_Transaction_Isolation",
        ),
        (
            "-c TimeZone=UTC --default-transaction-isolation=serializable",
            "default_transaction_isolation",
        ),
        ("-c foo.bar=1", "foo.bar"),
        ("-c role=admin", "role"),
        ("-S 1000", "work_mem"),
        ("-O", "allow_system_table_mods"),
        ("-fs", "enable_seqscan"),
    ],
)
def test_options_that_set_another_parameter_are_refused(options: str, name: str) -> None:
    with pytest.raises(StartupRefused) as found:
        accepted({b"user": b"admin", b"options": options.encode()})
    assert (found.value.sqlstate, str(found.value)) == ("0A000", refused(name))


@pytest.mark.parametrize(
    "name", [b"statement_timeout", b"DEFAULT_TRANSACTION_ISOLATION", b"foo.bar", b"role"]
)
def test_a_parameter_sent_as_such_is_refused(name: bytes) -> None:
    with pytest.raises(StartupRefused) as found:
        accepted({b"user": b"admin", name: b"x"})
    assert (found.value.sqlstate, str(found.value)) == ("0A000", refused(name.decode()))


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({b"options": b"-c amzn-cluster-id=abc"}, {b"options": b""}),
        ({b"options": b"--amzn-cluster-id=abc"}, {b"options": b""}),
        ({b"options": b"-cAMZN-Cluster-Id=abc"}, {b"options": b""}),
        (
            {b"options": b"-c amzn-cluster-id=abc  -c search_path=a\\ b\\\\c"},
            {b"options": b"-c search_path=a\\ b\\\\c"},
        ),
        ({b"options": b"--search-path=public"}, {b"options": b"-c search_path=public"}),
        ({b"DateStyle": b"ISO", b"TimeZone": b"UTC"}, {b"DateStyle": b"ISO", b"TimeZone": b"UTC"}),
        ({b"disable_sync_create_index": b"off"}, {b"dsql.disable_sync_create_index": b"off"}),
        ({b"client_encoding": b"'utf-8'"}, {b"client_encoding": b"'utf-8'"}),
    ],
)
def test_what_may_be_set_goes_on(given: dict[bytes, bytes], taken: dict[bytes, bytes]) -> None:
    assert accepted({b"user": b"admin", **given}) == {b"user": b"admin", **taken}


@pytest.mark.parametrize("options", ["-c", "-c search_path", "--search-path", "-X", "nonsense"])
def test_options_that_are_none_are_refused(options: str) -> None:
    with pytest.raises(StartupRefused) as found:
        accepted({b"user": b"admin", b"options": options.encode()})
    assert found.value.sqlstate == "42601"


def test_a_client_hears_why_it_cannot_sign_in(opened: Opener) -> None:
    for options in ("-c statement_timeout=5s", "-c default_transaction_isolation=serializable"):
        with pytest.raises(psycopg.OperationalError, match="FATAL:  setting configuration"):
            opened(options=options)


def test_a_client_signs_in_with_what_it_may_set(opened: Opener) -> None:
    cluster = "-c amzn-cluster-id=abcdefghijklmnopqrstuvwxyz"
    options = f'{cluster} -c search_path="a\\ b",public -c TimeZone=Asia/Tokyo'
    with opened(options=options, application_name="it is mine") as connection:
        row = connection.execute(
            "SELECT current_setting('search_path'), current_setting('timezone'),"
            " current_setting('application_name'), current_setting('transaction_isolation')"
        ).fetchone()
        assert row == ('"a b",public', "Asia/Tokyo", "it is mine", "repeatable read")


def test_what_is_set_for_a_role_holds_at_its_next_sign_in(opened: Opener) -> None:
    path = "SELECT current_setting('search_path')"
    with opened() as connection:
        before = connection.execute(path).fetchone()
        connection.execute('ALTER USER "admin" SET search_path = public')
        assert connection.execute(path).fetchone() == before
        with opened() as other:
            assert other.execute(path).fetchone() == ("public",)
        connection.execute("ALTER ROLE admin RESET ALL")
        with opened() as other:
            assert other.execute(path).fetchone() == before


def test_a_function_is_not_called_past_sql(endpoint: Endpoint) -> None:
    """A message of its own calls a function by its number: that of set_config() is 2078."""
    client = RawClient(endpoint)
    arguments = b"".join(
        len(value).to_bytes(4, "big") + value for value in (b"work_mem", b"1MB", b"f")
    )
    call = (2078).to_bytes(4, "big") + bytes(2) + (3).to_bytes(2, "big") + arguments + bytes(2)
    reply = client.send_frames(message(Frontend.FUNCTION_CALL, call))
    assert (reply.sqlstate, reply.status) == ("0A000", "I")
    assert client.ask("SELECT 1").sqlstate is None
    client.close()

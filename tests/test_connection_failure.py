"""What a failed connection attempt is taken to mean, by the words of libpq and of DSQL."""

from dataclasses import replace

import pytest

from dsqlkit.connection_failure import failure_of
from dsqlkit.endpoint import Endpoint, StaticCredentials

HOST = "abcdefghijklmnopqrstuvwxy2.dsql.eu-west-1.on.aws"
PREFIX = 'connection failed: connection to server at "10.0.0.1", port 5432 failed: '


def cluster(user: str = "admin") -> Endpoint:
    return Endpoint(HOST, 5432, "eu-west-1", user, "`endpoint`", "the endpoint's name", "default")


@pytest.mark.parametrize(
    ("words", "message", "hint", "passing"),
    [
        (
            "FATAL:  unable to accept connection, access denied\n"
            "HINT:  Signature expired: 20261123T000000Z is now earlier than 20261123T010000Z",
            "it is stale",
            "clock",
            False,
        ),
        (
            "FATAL:  unable to accept connection, access denied",
            "denied access to role admin",
            "dsql:DbConnectAdmin",
            False,
        ),
        (
            'FATAL:  IAM authentication failed for user "admin"',
            "denied access to role admin",
            "dsql:DbConnectAdmin",
            False,
        ),
        (
            "FATAL:  unable to accept connection, waking up cluster, please retry later",
            "waking up",
            "again",
            True,
        ),
        (
            "FATAL:  Unable to accept connection, too many open connections.",
            "too many open connections",
            "10,000",
            True,
        ),
        ("FATAL:  Unable to accept connection, rate exceeded.", "too fast", "100 a second", True),
        ("FATAL:  unable to accept connection, sni was not received", "which cluster", HOST, False),
        ("FATAL:  unable to accept connection, invalid sni", "which cluster", "full name", False),
        ("SSL error: certificate verify failed", "not one to trust", "`endpoint=local`", False),
        (
            'server certificate for "localhost" does not match host name "example.com"',
            "not one to trust",
            "check the name",
            False,
        ),
        (
            'could not translate host name "x" to address: Name or service not known',
            "There is no host named",
            "spelling",
            False,
        ),
        (
            "[Errno -2] failed to resolve host 'x': Name or service not known",
            "There is no host named",
            "spelling",
            False,
        ),
        ("Connection refused\n\tIs the server running?", "Nothing listens", "port", False),
        ("Network is unreachable", "does not reach", "IPv6", False),
        ("timeout expired", "did not answer in time", "firewall", False),
        ("connection timeout expired", "did not answer in time", "firewall", False),
        ("SSL error: unexpected eof while reading", "hung up", "Try again", False),
        ("SSL SYSCALL error: Connection reset by peer", "hung up", "Try again", False),
        ("SSL error: wrong version number", "does not speak TLS", "something else", False),
        ("server does not support SSL, but SSL was required", "does not speak TLS", "port", False),
    ],
)
def test_a_known_failure_is_told_in_plain_words_with_what_to_do(
    words: str, message: str, hint: str, passing: bool
) -> None:
    failure = failure_of(PREFIX + words, cluster())
    assert message in failure.message
    assert hint.replace(HOST, "<id>.dsql.<region>.on.aws") in failure.hint
    assert failure.passing is passing


def test_a_role_other_than_admin_is_told_its_own_action() -> None:
    failure = failure_of(
        PREFIX + "FATAL: unable to accept connection, access denied", cluster("app")
    )
    assert "role app" in failure.message
    assert "dsql:DbConnect " in failure.hint


@pytest.mark.parametrize("text", ["", "\n \n", "first line\nsomething new happened\n"])
def test_an_unknown_failure_shows_the_drivers_last_words(text: str) -> None:
    failure = failure_of(text, cluster())
    assert failure.message.startswith(f"No connection to {HOST}: ")
    assert ("something new happened" in failure.message) == ("something new" in text)
    assert not failure.passing


@pytest.mark.parametrize("text", ["Connection refused", "something new"])
def test_an_endpoint_from_the_environment_is_said_to_be_from_there(text: str) -> None:
    from_variable = replace(cluster(), host_source="PGHOST")
    told = "PGHOST names this cluster: `unset PGHOST`, or give `endpoint=local` or another."
    assert failure_of(text, from_variable, {}).hint.endswith(told)
    assert "unset" not in failure_of(text, cluster(), {}).hint


def test_a_role_with_braces_in_its_name_breaks_no_message() -> None:
    assert "role {x}" in failure_of("access denied", cluster("{x}")).message


@pytest.mark.parametrize(
    ("own", "variable", "named"),
    [
        ("/own/ca.pem", "/set/ca.pem", "/own/ca.pem"),
        (None, "/set/ca.pem", "/set/ca.pem"),
        (None, "", "certifi's"),
    ],
)
def test_the_file_of_root_certificates_is_the_one_that_was_used(
    own: str | None, variable: str, named: str
) -> None:
    endpoint = replace(cluster(), root_certificate=own)
    words = f'{PREFIX}root certificate file "x" does not exist'
    failure = failure_of(words, endpoint, {"SSL_CERT_FILE": variable})
    assert failure.message == f"The file of root certificates, {named}, cannot be read."


def test_a_postgresql_that_is_being_started_again_may_be_there_in_a_moment() -> None:
    assert failure_of("FATAL:  the database system is starting up", cluster()).passing


@pytest.mark.parametrize(
    ("user", "host", "meant"),
    [
        ("admin", "localhost", "it is not the local cluster whose keys are here"),
        ("app", "localhost", "this local cluster has no such role"),
        ("admin", HOST, "denied access to role admin."),
        ("app", HOST, "denied access to role app."),
    ],
)
def test_a_denial_means_something_else_on_the_local_cluster(
    user: str, host: str, meant: str
) -> None:
    endpoint = cluster(user)
    if host != HOST:
        keys = StaticCredentials("AKIALOCALEXAMPLE", "a secret")
        endpoint = replace(endpoint, host=host, credentials=keys)
    assert meant in failure_of("FATAL:  access denied", endpoint).message

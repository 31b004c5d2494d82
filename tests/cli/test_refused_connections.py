"""Commands that cannot connect: exit code 3, the cause, and what to do."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dsqlkit.connection import connect, open_pool
from dsqlkit.endpoint import Endpoint, StaticCredentials
from dsqlkit.errors import ConnectionFailed, ExitCode
from dsqlkit.token import Token, TokenSigner
from tests.support.certificate import self_signed
from tests.support.commands import Command
from tests.support.tokens import LateSigner

CLUSTER = "abcdefghijklmnopqrstuvwxy2.dsql.eu-west-1.on.aws"


@contextmanager
def listening(greeting: bytes = b"", tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A port of this machine where something else than a cluster answers, then hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with closing(connection):
                    try:
                        connection.settimeout(5)
                        if tls is not None:
                            tls.wrap_socket(connection, server_side=True).close()
                        elif greeting:
                            connection.recv(4096)
                            connection.sendall(greeting)
                    except OSError:
                        continue

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def test_a_port_that_nothing_listens_on(dsqlkit: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    refused = dsqlkit("balance", "--id", "1", "--endpoint", f"localhost:{port}", "--json")
    assert (refused.code, refused.error["code"]) == (3, "no_connection")
    assert refused.error["message"] == f"Nothing listens at localhost, port {port}."


def test_a_certificate_that_is_not_ours(dsqlkit: Command, tmp_path: Path) -> None:
    with listening(tls=self_signed("localhost", tmp_path)) as port:
        refused = dsqlkit("balance", "--id", "1", "--endpoint", f"localhost:{port}")
    assert refused.code == 3
    assert f"The certificate of localhost:{port} is not one to trust" in refused.err


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        (b"", "hung up before the sign-in"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak TLS"),
        (b"N", "hung up before the sign-in"),
    ],
)
def test_a_port_where_something_else_answers(dsqlkit: Command, greeting: bytes, words: str) -> None:
    with listening(greeting) as port:
        refused = dsqlkit("connect", "--endpoint", f"localhost:{port}")
    assert refused.code == 3
    assert words in refused.err
    assert len(refused.err.splitlines()) <= 3


@pytest.mark.parametrize("endpoint", ["https://" + CLUSTER, CLUSTER + ":x", "", "a b", "/tmp"])
def test_a_malformed_endpoint_is_a_usage_error(dsqlkit: Command, endpoint: str) -> None:
    refused = dsqlkit("balance", "--id", "1", "--endpoint", endpoint, "--json")
    assert (refused.code, refused.error["code"]) == (2, "usage")
    assert repr(endpoint) in refused.error["message"]


@pytest.mark.parametrize("command", [["connect"], ["token"], ["env"], ["balance", "--id", "1"]])
def test_no_aws_credentials(dsqlkit: Command, command: list[str]) -> None:
    refused = dsqlkit(*command, "--endpoint", CLUSTER)
    assert refused.code == 3
    assert refused.err.startswith("Error: No AWS credentials to sign a token with")
    assert refused.out == ""


def test_an_unknown_aws_profile(dsqlkit: Command) -> None:
    refused = dsqlkit("token", "--endpoint", CLUSTER, "--profile", "nobody")
    assert refused.code == 3
    assert "nobody" in refused.err


@pytest.mark.parametrize("command", [["balance", "--id", "1"], ["local", "start"], ["env"]])
def test_a_state_folder_that_cannot_be_made(
    dsqlkit: Command, command: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    refused = dsqlkit(*command)
    assert (refused.code, refused.out) == (3, "")
    assert f"folder {tmp_path / 'file'}" in refused.err
    assert "cannot be used: a file is in its way." in refused.err
    assert len(refused.err.replace("Starting the local cluster ...\n", "").splitlines()) == 2


def test_a_state_folder_whose_name_is_no_text(
    dsqlkit: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", f"{tmp_path}/\udcff")
    refused = dsqlkit("local", "start")
    assert refused.code == 3
    assert "cannot be used: its name is not UTF-8 text." in refused.err


def refusal(endpoint: Endpoint, signer: TokenSigner) -> ConnectionFailed:
    with pytest.raises(ConnectionFailed) as caught:
        connect(endpoint, signer)
    assert caught.value.exit_code == ExitCode.NO_CONNECTION
    return caught.value


class Forger(TokenSigner):
    """Changes one character of each token."""

    def __init__(self, endpoint: Endpoint, position: int) -> None:
        super().__init__(endpoint)
        self._position = position

    def token(self, life_s: int = 900) -> Token:
        good = super().token(life_s)
        characters = list(good.value)
        old = characters[self._position]
        characters[self._position] = "0" if old != "0" else "1"
        return Token("".join(characters), good.expires_at)


# The host, the action, the key, the date, the life, the signature's first and last character.
@pytest.mark.parametrize("position", [0, 13, 75, 150, 200, -64, -1])
def test_a_token_forged_by_one_character(endpoint: Endpoint, position: int) -> None:
    assert "denied access to role admin" in refusal(endpoint, Forger(endpoint, position)).message


def test_a_token_signed_with_another_key(endpoint: Endpoint) -> None:
    assert endpoint.credentials is not None
    stranger = StaticCredentials(endpoint.credentials.access_key_id, "another-secret")
    refused = refusal(endpoint, TokenSigner(replace(endpoint, credentials=stranger)))
    assert "denied access" in refused.message


def test_a_token_made_for_another_host(endpoint: Endpoint) -> None:
    refused = refusal(endpoint, TokenSigner(replace(endpoint, host=CLUSTER)))
    assert "denied access" in refused.message


def test_a_token_made_for_another_region(endpoint: Endpoint) -> None:
    refused = refusal(endpoint, TokenSigner(replace(endpoint, region="eu-west-1")))
    assert "denied access" in refused.message


def test_a_token_made_for_another_role(endpoint: Endpoint) -> None:
    for user, action in (("admin", "app"), ("app", "admin")):
        refused = refusal(replace(endpoint, user=user), TokenSigner(replace(endpoint, user=action)))
        assert f"denied access to role {user}" in refused.message


def test_a_token_that_has_expired(endpoint: Endpoint) -> None:
    refused = refusal(endpoint, LateSigner(endpoint, timedelta(hours=1)))
    assert "it is stale" in refused.message
    assert refused.hint is not None
    assert "clock" in refused.hint


def test_a_pool_says_why_it_cannot_be_opened(endpoint: Endpoint) -> None:
    with pytest.raises(ConnectionFailed, match="denied access"):
        open_pool(endpoint, size=2, signer=Forger(endpoint, -1))

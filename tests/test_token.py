"""Tokens are what AWS's own SDK makes, signed without its clients."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import boto3
import pytest

from dsqlkit.endpoint import Endpoint, StaticCredentials
from dsqlkit.errors import ConnectionFailed, UsageError
from dsqlkit.quotas import MAX_TOKEN_LIFE_S
from dsqlkit.token import DEFAULT_LIFE_S, TokenSigner

HOST = "abcdefghijklmnopqrstuvwxy2.dsql.eu-west-1.on.aws"
KEY_ID, SECRET = "AKIAEXAMPLE", "a+secret/with=signs"
TOKEN_PARAMETERS = [
    "Action",
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
]


def cluster(user: str = "admin", *, static: bool = True, profile: str | None = None) -> Endpoint:
    return Endpoint(
        host=HOST,
        port=5432,
        region="eu-west-1",
        user=user,
        host_source="`endpoint`",
        region_source="the endpoint's name",
        user_source="default",
        credentials=StaticCredentials(KEY_ID, SECRET) if static else None,
        profile=profile,
    )


def parameters_of(token: str) -> list[str]:
    return [pair.partition("=")[0] for pair in token.partition("?")[2].split("&")]


@pytest.fixture(autouse=True)
def _aws_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@pytest.mark.parametrize("session_token", [None, "temporary/session+token=="])
@pytest.mark.parametrize(
    ("user", "method"),
    [
        ("admin", "generate_db_connect_admin_auth_token"),
        ("app", "generate_db_connect_auth_token"),
        ("Admin", "generate_db_connect_auth_token"),
    ],
)
def test_a_token_is_the_one_that_boto3_makes_at_the_same_instant(
    user: str, method: str, session_token: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    if session_token is not None:
        monkeypatch.setenv("AWS_SESSION_TOKEN", session_token)
    client = boto3.Session().client("dsql", region_name="eu-west-1")
    signer = TokenSigner(cluster(user, static=False))

    # The signature covers the second: two made on either side of one differ.
    for _ in range(5):
        before = getattr(client, method)(HOST, ExpiresIn=DEFAULT_LIFE_S)
        ours = signer.token().value
        after = getattr(client, method)(HOST, ExpiresIn=DEFAULT_LIFE_S)
        if before == after:
            break
    assert ours == before


@pytest.mark.parametrize("user", ["admin", "app"])
def test_a_token_of_keys_at_hand_is_the_one_that_boto3_makes_with_them(
    user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    by_sdk = TokenSigner(cluster(user, static=False))
    at_hand = TokenSigner(cluster(user))
    for life_s in (1, 900, 604_800):
        for _ in range(5):
            before = by_sdk.token(life_s).value
            ours = at_hand.token(life_s).value
            if before == by_sdk.token(life_s).value:
                break
        assert ours == before


def test_a_tokens_parameters_come_in_the_order_of_the_sdk() -> None:
    assert parameters_of(TokenSigner(cluster()).token().value) == TOKEN_PARAMETERS


def test_a_token_lives_a_quarter_of_an_hour_as_those_of_the_sdk_do() -> None:
    fields = parse_qs(TokenSigner(cluster()).token().value.partition("?")[2])
    assert fields["X-Amz-Expires"] == ["900"]


def test_a_week_is_not_too_long_a_life_and_a_second_not_too_short() -> None:
    for life_s in (1, 604_800):
        assert f"X-Amz-Expires={life_s}&" in TokenSigner(cluster()).token(life_s).value


def test_a_token_says_for_which_host_action_and_life_it_was_made() -> None:
    token = TokenSigner(cluster("app")).token(60).value
    host, _, query = token.partition("/?")
    fields = parse_qs(query)
    assert host == HOST
    assert fields["Action"] == ["DbConnect"]
    assert fields["X-Amz-Expires"] == ["60"]
    assert fields["X-Amz-Credential"][0].split("/")[2:] == ["eu-west-1", "dsql", "aws4_request"]


def test_an_ipv6_address_is_signed_in_brackets() -> None:
    endpoint = replace(cluster(), host="::1")
    assert TokenSigner(endpoint).token().value.startswith("[::1]/?Action=")


def test_a_token_knows_when_it_ends() -> None:
    before = datetime.now(UTC)
    token = TokenSigner(cluster()).token(60)
    after = datetime.now(UTC)
    assert before + timedelta(seconds=60) <= token.expires_at <= after + timedelta(seconds=60)


@pytest.mark.parametrize("life_s", [0, -1, MAX_TOKEN_LIFE_S + 1])
def test_a_life_that_dsql_would_not_accept_is_a_usage_error(life_s: int) -> None:
    with pytest.raises(UsageError, match=f"cannot live {life_s} seconds"):
        TokenSigner(cluster()).token(life_s)


def test_without_credentials_there_is_no_token() -> None:
    with pytest.raises(ConnectionFailed, match="No AWS credentials") as caught:
        TokenSigner(cluster(static=False)).token()
    assert caught.value.hint is not None
    assert "`endpoint=local`" in caught.value.hint


def test_a_profile_that_does_not_exist_is_named_in_the_error() -> None:
    with pytest.raises(ConnectionFailed, match="nobody"):
        TokenSigner(cluster(static=False, profile="nobody")).token()


def test_a_profile_that_is_given_goes_before_keys_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    (tmp_path / "credentials").write_text(
        f"[mine]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n"
    )
    assert KEY_ID in TokenSigner(cluster(static=False, profile="mine")).token().value
    assert "AKIAOTHER" in TokenSigner(cluster(static=False)).token().value


def test_half_a_key_pair_is_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    with pytest.raises(ConnectionFailed, match="AWS_SECRET_ACCESS_KEY"):
        TokenSigner(cluster(static=False)).token()


def test_a_signer_keeps_its_secrets_to_itself() -> None:
    signer = TokenSigner(cluster())
    token = signer.token()
    shown = repr(signer) + repr(token) + repr(cluster())
    assert SECRET not in shown
    assert token.value not in shown
    assert "X-Amz-Signature" not in shown


def test_many_threads_at_first_use_look_credentials_up_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program, log = tmp_path / "credentials.sh", tmp_path / "look-ups"
    answer = {"Version": 1, "AccessKeyId": KEY_ID, "SecretAccessKey": SECRET}
    program.write_text(f"echo looked >> {log}; sleep 0.1; echo '{json.dumps(answer)}'\n")
    (tmp_path / "config").write_text(f"[default]\ncredential_process = sh {program}\n")
    signer = TokenSigner(cluster(static=False))
    start = threading.Barrier(8)

    def sign(_: int) -> str:
        start.wait(10)
        return signer.token().value

    with ThreadPoolExecutor(8) as executor:
        tokens = list(executor.map(sign, range(8)))
    assert all(KEY_ID in token for token in tokens)
    assert log.read_text() == "looked\n"


def test_a_role_that_may_not_be_assumed_is_no_credentials(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    (tmp_path / "config").write_text(
        "[profile far]\nregion = eu-west-1\nsource_profile = near\n"
        "role_arn = arn:aws:iam::123456789012:role/far\n"
    )
    (tmp_path / "credentials").write_text(
        f"[near]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n"
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as sts:
        threading.Thread(target=sts.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{sts.server_port}")
        with pytest.raises(ConnectionFailed, match="AccessDenied"):
            TokenSigner(cluster(static=False, profile="far")).token()
        sts.shutdown()

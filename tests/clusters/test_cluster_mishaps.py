"""What AWS may answer, or not answer, and what a person is told of it."""

import re
import socket

import pytest

from tests.clusters.test_cluster_commands import created, ids
from tests.support.aws_gateway import Gateway, lost_answer, refusal
from tests.support.commands import Command

THROTTLED = refusal(429, "ThrottlingException", "Rate exceeded")
DENIED = "User: arn:aws:iam::123456789012:user/me is not authorized to perform: {} on resource: *"
SOME_ID = "a" * 26


@pytest.mark.slow
def test_a_throttled_call_is_tried_again(cluster: Command, account: Gateway) -> None:
    account.on("POST", "/cluster", THROTTLED, times=1)
    assert cluster("create").code == 0
    assert len(account.requested("POST")) == 2
    assert len(ids(cluster)) == 1


def test_throttling_that_lasts_is_said(cluster: Command, account: Gateway) -> None:
    account.on("GET", "/cluster", THROTTLED)
    ended = cluster("list", "--json")
    assert (ended.code, ended.error["code"]) == (1, "throttled")
    assert "Rate exceeded" in ended.error["message"]


def test_throttling_does_not_end_a_wait(cluster: Command, account: Gateway) -> None:
    account.on("GET", "/cluster/", THROTTLED, times=2)
    assert cluster("create", "--json").document["status"] == "ACTIVE"
    assert len(account.requested("GET")) == 3


@pytest.mark.parametrize(
    ("method", "arguments", "asked", "named"),
    [
        ("POST", ["create"], "dsql:CreateCluster", "dsql:CreateCluster"),
        ("POST", ["create", "--tag", "a=b"], "dsql:TagResource", "dsql:TagResource"),
        ("GET", ["list"], None, "dsql:ListClusters"),
        ("GET", ["status", SOME_ID], None, "dsql:GetCluster"),
    ],
)
def test_a_denial_names_the_missing_action(
    cluster: Command,
    account: Gateway,
    method: str,
    arguments: list[str],
    asked: str | None,
    named: str,
) -> None:
    words = DENIED.format(asked) if asked else "Access is denied"
    account.on(method, "/cluster", refusal(403, "AccessDeniedException", words))
    ended = cluster(*arguments, "--json")
    assert (ended.code, ended.error["code"]) == (1, "access_denied")
    assert f"Allow {named} in the policy" in ended.error["hint"]
    assert words in ended.error["message"]


def test_a_denied_deletion_names_its_action(cluster: Command, account: Gateway) -> None:
    id_ = created(cluster)
    account.on("DELETE", "/cluster", refusal(403, "AccessDeniedException", "No"))
    ended = cluster("delete", id_, "--yes", "--json")
    assert (ended.code, ended.error["code"]) == (1, "access_denied")
    assert "dsql:DeleteCluster" in ended.error["hint"]


@pytest.mark.parametrize("command", [["status"], ["delete", "--yes"]])
def test_a_cluster_that_is_not_there(cluster: Command, command: list[str]) -> None:
    ended = cluster(*command, SOME_ID, "--json")
    assert (ended.code, ended.error["code"]) == (1, "cluster_not_found")
    assert "`dsqlkit cluster list --region us-east-1`" in ended.error["hint"]


def test_a_cluster_deleted_while_it_is_listed_is_left_out(
    cluster: Command, account: Gateway
) -> None:
    first, second = created(cluster), created(cluster)
    gone = refusal(404, "ResourceNotFoundException", "Gone", resourceId=first)
    account.on("GET", f"/cluster/{first}", gone)
    assert ids(cluster) == [second]


@pytest.mark.parametrize(
    ("status", "code", "word", "exit_code"),
    [
        (402, "ServiceQuotaExceededException", "quota_exceeded", 1),
        (409, "ConflictException", "refused", 1),
        (400, "ValidationException", "refused", 1),
        (500, "InternalServerException", "service_failed", 1),
        (503, "ServiceUnavailable", "service_failed", 1),
        (403, "UnrecognizedClientException", "no_connection", 3),
        (403, "InvalidSignatureException", "no_connection", 3),
        (403, "ExpiredTokenException", "no_connection", 3),
    ],
)
def test_each_refusal_has_its_code_and_awss_words(
    cluster: Command, account: Gateway, status: int, code: str, word: str, exit_code: int
) -> None:
    account.on("POST", "/cluster", refusal(status, code, "What AWS says."))
    ended = cluster("create", "--json")
    assert (ended.code, ended.error["code"]) == (exit_code, word)
    assert "What AWS says." in ended.error["message"]
    assert ended.error["hint"]
    account.forget()
    assert len(cluster("create").err.splitlines()) <= 3


def test_an_answer_that_is_lost_once_makes_no_second_cluster(
    cluster: Command, account: Gateway
) -> None:
    account.on("POST", "/cluster", lost_answer, times=1)
    assert cluster("create").code == 0
    assert len(account.requested("POST")) == 2
    assert len(ids(cluster)) == 1


def test_a_creation_whose_answer_is_lost_can_be_repeated_without_a_second_cluster(
    cluster: Command, account: Gateway
) -> None:
    account.on("POST", "/cluster", lost_answer)
    ended = cluster("create", "--tag", "Name=ch02", "--json")
    assert (ended.code, ended.error["code"]) == (5, "outcome_unknown")
    (token,) = re.findall(r"--client-token (\S+):", ended.error["hint"])
    account.forget()
    assert len(ids(cluster)) == 1
    again = cluster("create", "--tag", "Name=ch02", "--client-token", token, "--json")
    assert ids(cluster) == [again.document["identifier"]]


def test_a_lost_answer_to_a_question_leaves_no_doubt(cluster: Command, account: Gateway) -> None:
    account.on("GET", "/cluster", lost_answer)
    ended = cluster("list", "--json")
    assert (ended.code, ended.error["code"]) == (3, "no_connection")


def test_an_address_where_nothing_listens(
    cluster: Command, account: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL_DSQL", f"http://127.0.0.1:{port}")
    ended = cluster("create", "--json")
    assert (ended.code, ended.error["code"]) == (3, "no_connection")
    assert ended.error["message"].startswith("No way to AWS in us-east-1: ")


def test_without_credentials(
    cluster: Command, account: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    ended = cluster("list", "--json")
    assert (ended.code, ended.error["code"]) == (3, "no_connection")
    assert ended.error["message"] == "No usable AWS credentials: Unable to locate credentials."
    assert account.requests == []


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("AWS_ENDPOINT_URL_DSQL", "nowhere", "cannot be used: Invalid endpoint: nowhere."),
        ("AWS_MAX_ATTEMPTS", "many", "cannot be used: invalid literal"),
        ("AWS_CREDENTIAL_EXPIRATION", "2020-01-01T00:00:00Z", "credentials are still expired."),
    ],
)
def test_a_setting_that_cannot_be_used(
    cluster: Command, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(variable, value)
    ended = cluster("list", "--json")
    assert (ended.code, ended.error["code"]) == (3, "no_connection")
    assert words in ended.error["message"]


def test_a_profile_that_is_not_there(cluster: Command) -> None:
    ended = cluster("list", "--profile", "nobody", "--json")
    assert (ended.code, ended.error["code"]) == (3, "no_connection")
    assert "nobody" in ended.error["message"]


def test_without_a_region(cluster: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")
    ended = cluster("list", "--json")
    assert (ended.code, ended.error["code"]) == (2, "usage")
    assert "--region" in ended.error["hint"]

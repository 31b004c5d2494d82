"""AWS credentials that a profile promises, and that do not come: told in words, within a limit."""

from pathlib import Path

import pytest
from botocore.session import Session

from dsqlkit.aws.control_plane import open_control_plane
from dsqlkit.credential_chain import ChainFailed, asked
from dsqlkit.errors import ConnectionFailed
from dsqlkit.token import TokenSigner
from tests.test_token import cluster


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


def promise(folder: Path, process: str) -> None:
    (folder / "config").write_text(f"[profile theirs]\ncredential_process = {process}\n")


@pytest.mark.parametrize(
    ("process", "words"),
    [
        ("/nowhere/login", "/nowhere/login cannot be run or read: No such file"),
        ("/", "cannot be run or read: Permission denied"),
        ("echo hello", "did not answer in JSON"),
        ("false", "custom-process"),
        ('echo {\\"Version\\": 9}', "Unsupported version"),
    ],
)
def test_a_program_that_tells_no_credentials_is_no_connection(
    tmp_path: Path, process: str, words: str
) -> None:
    promise(tmp_path, process)
    with pytest.raises(ConnectionFailed, match=words):
        TokenSigner(cluster(static=False, profile="theirs")).token()
    with pytest.raises(ConnectionFailed, match=words):
        open_control_plane("us-east-1", profile="theirs")


def test_a_program_that_never_ends_is_not_waited_for_longer_than_the_limit(tmp_path: Path) -> None:
    promise(tmp_path, "sleep 5")
    with pytest.raises(ChainFailed, match=r"not there after 0\.1 s"):
        asked(Session(profile="theirs").get_credentials, limit_s=0.1)


def test_credentials_of_the_environment_that_have_expired_are_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", "2020-01-01T00:00:00Z")
    with pytest.raises(ConnectionFailed, match="expired"):
        TokenSigner(cluster(static=False)).token()


def test_a_key_that_is_no_text_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "\udcff")
    with pytest.raises(ConnectionFailed, match="not UTF-8 text"):
        TokenSigner(cluster(static=False)).token()


def test_what_is_no_failure_of_the_chain_passes() -> None:
    def defect() -> None:
        raise KeyError("ours")

    with pytest.raises(KeyError):
        asked(defect)

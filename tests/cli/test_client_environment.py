"""`token`, `env` and `psql`: what other clients need to connect, with verified TLS."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import certifi
import psycopg
import pytest

from dsqlkit import local
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import Endpoint
from tests.support.commands import Command

needs_psql = pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")
NAMES = ["PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGSSLMODE", "PGSSLROOTCERT", "PGPASSWORD"]


@pytest.fixture
def shell(local_cluster: object) -> "Shell":
    return Shell()


class Shell:
    """A shell that knows where dsqlkit is."""

    def __call__(self, script: str) -> "subprocess.CompletedProcess[str]":
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-c", script],
            check=False,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            timeout=60,
        )


def test_env_exports_what_libpq_reads_and_nothing_else(dsqlkit: Command) -> None:
    ended = dsqlkit("env")
    assert (ended.code, ended.err) == (0, "")
    lines = [line.partition("=") for line in ended.out.splitlines()]
    assert [name for name, _, _ in lines] == [f"export {name}" for name in NAMES]
    assert ("export PGSSLMODE", "=", "verify-full") in lines


@needs_psql
def test_psql_connects_under_env_with_verified_tls(shell: Shell) -> None:
    ended = shell('eval "$(dsqlkit env)" && psql -X -At -c "SELECT current_user" -c "\\conninfo"')
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("admin\n")
    assert "TLSv1" in ended.stdout


@needs_psql
@pytest.mark.parametrize("changed", ["${PGPASSWORD%?}!", "x${PGPASSWORD#?}", "", "password"])
def test_psql_with_a_changed_token_is_refused(shell: Shell, dsqlkit: Command, changed: str) -> None:
    ended = shell(f'{dsqlkit("env").out}PGPASSWORD="{changed}" psql -X -w -c "SELECT 1"')
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert "denied" in ended.stderr or "no password" in ended.stderr


@needs_psql
def test_psql_does_not_connect_where_the_certificate_is_not_verified(
    shell: Shell, dsqlkit: Command
) -> None:
    roots = f"export PGSSLROOTCERT={certifi.where()}"
    ended = shell(f'{dsqlkit("env").out}{roots}; psql -X -c "SELECT 1"')
    assert ended.returncode == 2
    assert "certificate verify failed" in ended.stderr


@needs_psql
def test_the_psql_command_passes_its_arguments_and_its_input(
    shell: Shell, bank: KeptConnection
) -> None:
    ended = shell("echo 'SELECT balance FROM accounts WHERE id = :who' | dsqlkit psql -At -v who=3")
    assert ended.stdout == "100.000000\n", ended.stderr
    assert shell("dsqlkit psql -c 'SELECT 1 / 0'").returncode == 1


@needs_psql
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc to read a command line from")
def test_the_token_is_not_on_the_command_line_of_psql(shell: Shell) -> None:
    own_command_line = r"\! tr '\0' ' ' < /proc/$PPID/cmdline"
    ended = shell(f"dsqlkit psql -X -c {shlex.quote(own_command_line)}")
    assert "psql -X -c" in ended.stdout, ended.stderr
    assert "X-Amz" not in ended.stdout


def test_the_psql_command_says_when_there_is_no_psql(
    dsqlkit: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ended = dsqlkit("psql")
    assert ended.code == 1
    assert "psql is not installed" in ended.err


def test_commands_work_under_env_with_a_token_that_is_no_longer_good(
    shell: Shell, bank: KeptConnection
) -> None:
    ended = shell('eval "$(dsqlkit env)"; export PGPASSWORD=stale; dsqlkit balance --id 1 -v')
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "Account 1 holds 100.\n"
    assert "(from PGHOST)" in ended.stderr


def test_a_printed_token_is_a_password(dsqlkit: Command, endpoint: Endpoint) -> None:
    printed = dsqlkit("token")
    assert (printed.code, printed.err, printed.out.count("\n")) == (0, "", 1)
    connected = psycopg.connect(
        host=endpoint.host,
        port=endpoint.port,
        user="admin",
        dbname="postgres",
        password=printed.out.strip(),
        sslmode="verify-full",
        sslrootcert=endpoint.root_certificate,
    )
    connected.close()


@pytest.mark.parametrize("command", ["token", "env"])
def test_a_token_is_good_for_as_long_as_it_is_asked_for(dsqlkit: Command, command: str) -> None:
    assert "&X-Amz-Expires=900&" in dsqlkit(command).out
    for seconds in ("1", "604800"):
        assert f"&X-Amz-Expires={seconds}&" in dsqlkit(command, "--expires-in", seconds).out


@pytest.mark.parametrize("command", ["token", "env"])
@pytest.mark.parametrize("seconds", ["0", "-1", "604801", "1.5", "1h"])
def test_a_token_that_no_cluster_takes_is_refused_before_one_is_started(
    dsqlkit: Command,
    command: str,
    seconds: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    refused = dsqlkit(command, "--expires-in", seconds)
    assert (refused.code, refused.out) == (2, "")
    assert list(tmp_path.iterdir()) == []


@needs_psql
def test_a_token_of_a_week_opens_the_cluster(shell: Shell, dsqlkit: Command) -> None:
    ended = shell(f'{dsqlkit("env", "--expires-in", "604800").out}psql -X -At -c "SELECT 1"')
    assert ended.stdout == "1\n", ended.stderr


def test_a_token_for_another_role_is_another_action(dsqlkit: Command) -> None:
    assert "Action=DbConnectAdmin&" in dsqlkit("token").out
    assert "Action=DbConnect&" in dsqlkit("token", "--user", "app").out


def test_local_env_lets_any_aws_sdk_sign(shell: Shell) -> None:
    sign = (
        "import boto3, os; host, port = os.environ['CLUSTER_ENDPOINT'].split(':');"
        "print(boto3.client('dsql').generate_db_connect_admin_auth_token(host))"
    )
    connect = "psql -X -At -c 'SELECT 1'" if shutil.which("psql") else "true"
    ended = shell(
        'export AWS_SESSION_TOKEN=stale; eval "$(dsqlkit local env)" && eval "$(dsqlkit env)" && '
        f'export PGPASSWORD="$(python -c "{sign}")" && {connect}'
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout in {"1\n", ""}


def test_aws_names_are_what_awss_tools_and_samples_read(dsqlkit: Command) -> None:
    ended = dsqlkit("local", "env", "--aws-names")
    assert ended.code == 0
    first, *lines = ended.out.splitlines()
    assert first.startswith("unset AWS_SESSION_TOKEN ")
    exported = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    assert exported["CLUSTER_USER"] == "admin"
    for name in ("CLUSTER_ENDPOINT", "DSQL_ENDPOINT", "DSQL_CLUSTER_ENDPOINT"):
        assert exported[name] == "local.dsql.us-east-1.on.aws"
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "REGION", "CLUSTER_REGION", "DSQL_REGION"):
        assert exported[name] == "us-east-1"
    address = local.address()
    assert address is not None
    assert exported["NODE_EXTRA_CA_CERTS"] == exported["PGSSLROOTCERT"] == address.root_certificate
    assert Path(exported["SSL_CERT_FILE"]).is_file()
    assert f"listens on port {address.port}" in ended.err


def test_commands_and_psql_find_the_cluster_under_its_aws_name(
    shell: Shell, bank: KeptConnection
) -> None:
    names = 'eval "$(dsqlkit local env --aws-names 2>&-)"'
    ended = shell(f"{names}; dsqlkit balance 1 -v")
    assert ended.stdout == "Account 1 holds 100.\n", ended.stderr
    assert "local.dsql.us-east-1.on.aws" in ended.stderr
    if shutil.which("psql"):
        ended = shell(f'{names}; eval "$(dsqlkit env)"; psql -X -At -c "SELECT 1"')
        assert ended.stdout == "1\n", ended.stderr


@pytest.mark.parametrize("command", ["token", "env"])
def test_whom_a_token_is_for_is_said_where_pguser_decided(
    dsqlkit: Command, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    assert dsqlkit(command, "--user", "app").err == ""
    monkeypatch.setenv("PGUSER", "app")
    assert "role app, which PGUSER says" in dsqlkit(command).err
    monkeypatch.setenv("PGUSER", "admin")
    assert dsqlkit(command).err == ""

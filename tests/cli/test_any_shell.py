"""Commands, the library, psql and functions in a shell that is set up for another PostgreSQL."""

import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from dsqlkit import libpq, tables
from dsqlkit.connection import KeptConnection, connect, open_pool, parameters
from dsqlkit.deciding_variables import what_decided
from dsqlkit.endpoint import Endpoint
from dsqlkit.errors import ConnectionFailed
from dsqlkit.token import TokenSigner
from tests.support.commands import Command
from tests.support.shell import shell

# A value for each variable of libpq's that would change a connection, or break it.
HARMFUL = {
    "PGAPPNAME": "theirs",
    "PGCHANNELBINDING": "require",
    "PGCLIENTENCODING": "LATIN1",
    "PGCONNECT_TIMEOUT": "x",
    "PGDATABASE": "theirs",
    "PGGSSDELEGATION": "x",
    "PGGSSENCMODE": "require",
    "PGGSSLIB": "x",
    "PGHOSTADDR": "192.0.2.1",
    "PGKRBSRVNAME": "x",
    "PGLOADBALANCEHOSTS": "x",
    "PGMAXPROTOCOLVERSION": "x",
    "PGMINPROTOCOLVERSION": "3.2",
    "PGOPTIONS": "-c search_path=x",
    "PGPASSFILE": "/nowhere",
    "PGPASSWORD": "theirs",
    "PGPORT": "1",
    "PGREQUIREAUTH": "scram-sha-256",
    "PGREQUIREPEER": "nobody",
    "PGSSLCERT": "/nowhere",
    "PGSSLCERTMODE": "require",
    "PGSSLCOMPRESSION": "1",
    "PGSSLCRL": "/nowhere",
    "PGSSLCRLDIR": "/nowhere",
    "PGSSLKEY": "/nowhere",
    "PGSSLMAXPROTOCOLVERSION": "TLSv1.1",
    "PGSSLMINPROTOCOLVERSION": "x",
    "PGSSLMODE": "disable",
    "PGSSLNEGOTIATION": "x",
    "PGSSLROOTCERT": "/nowhere",
    "PGSSLSNI": "0",
    "PGTARGETSESSIONATTRS": "standby",
}
BEYOND = {"PGSERVICE": "mine", "PGTZ": "Mars", "PGDATESTYLE": "x", "PGGEQO": "off"}
CLUSTER = "abcdefghijklmnopqrstuvwxy2.dsql.eu-west-1.on.aws"


def set_all(monkeypatch: pytest.MonkeyPatch, *variables: dict[str, str]) -> None:
    for each in variables:
        for name, value in each.items():
            monkeypatch.setenv(name, value)


def test_every_variable_of_libpq_is_tried_here() -> None:
    assert libpq.variables() == {*HARMFUL, *BEYOND, "PGHOST", "PGUSER"}


@pytest.mark.parametrize("name", HARMFUL)
def test_a_connection_of_the_library_is_not_changed_by_a_variable(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, HARMFUL[name])
    with connect(endpoint) as connection:
        assert connection.info.encoding == "utf-8"
        assert connection.info.parameter_status("application_name").startswith("dsqlkit/")  # type: ignore[union-attr]
        assert connection.execute("SHOW search_path").fetchone() == ('"$user", public',)


def test_a_pool_is_not_changed_by_any(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, HARMFUL)
    with open_pool(endpoint, size=2) as pool, pool.connection() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_host_is_still_looked_up_by_its_name(endpoint: Endpoint) -> None:
    given = parameters(endpoint, TokenSigner(endpoint)) | {"hostaddr": ""}
    psycopg.connect(**given).close()


def test_the_address_of_a_tunnel_is_followed_to_a_cluster_elsewhere_alone(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOSTADDR", "192.0.2.1")
    signer = TokenSigner(endpoint)
    assert parameters(endpoint, signer)["hostaddr"] == "127.0.0.1"
    elsewhere = replace(endpoint, host=CLUSTER, credentials=None)
    assert parameters(elsewhere, signer)["hostaddr"] == "192.0.2.1"


@pytest.mark.parametrize("name", sorted(BEYOND.keys() - {"PGGEQO"}))
def test_what_the_library_cannot_overrule_is_named(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, BEYOND[name])
    with pytest.raises(ConnectionFailed) as caught:
        connect(endpoint)
    assert caught.value.hint is not None
    assert name in caught.value.hint


def test_a_command_works_whatever_is_set(
    process: Command, bank: KeptConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, HARMFUL, BEYOND)
    told = process("balance", "--id", "1")
    assert (told.code, told.out, told.err) == (0, "Account 1 holds 100.\n", "")
    told = process("invoke", "3", "--payload", '{"id": 1}')
    assert (told.code, told.err) == (0, "")


@pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")
@pytest.mark.parametrize("start", ["dsqlkit psql", 'eval "$(dsqlkit env)"; psql'])
def test_psql_works_whatever_is_set_and_looks_as_its_user_likes(
    bank: KeptConnection, start: str
) -> None:
    looks = {"PGTZ": "Asia/Tokyo", "PGDATESTYLE": "German", "PGAPPNAME": "mine"}
    script = f"{start} -X -At -c 'SHOW timezone' -c 'SHOW datestyle' -c 'SHOW application_name'"
    told = shell(script, extra=HARMFUL | {"PGSERVICE": "mine", "PGGEQO": "off"} | looks)
    assert (told.returncode, told.stdout) == (0, "Asia/Tokyo\nGerman, DMY\nmine\n"), told.stderr


def test_env_leaves_alone_what_is_no_setting_of_a_connection(
    dsqlkit: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, {"PGDATA": "/data", "PGTZ": "UTC", "PGHOSTADDR": "192.0.2.1"})
    assert dsqlkit("env").out.splitlines()[0] == "unset PGHOSTADDR"


def test_certificates_and_keys_in_the_home_folder_are_not_taken(
    process: Command, bank: KeptConnection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / ".postgresql"
    folder.mkdir()
    for name in ("postgresql.crt", "postgresql.key", "root.crt", "root.crl"):
        (folder / name).write_text("not one\n")
        (folder / name).chmod(0o644)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert process("balance", "--id", "1").code == 0


def test_a_function_drops_what_libpq_would_read(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, BEYOND, {"CLUSTER_ENDPOINT": CLUSTER})
    code = (
        "import os\n"
        "from dsqlkit.aws.handlers.environment import configured_endpoint\n"
        "configured_endpoint()\n"
        f"print([name for name in {sorted(BEYOND)} if os.getenv(name)])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stdout == "[]\n"


def nobody_there() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


def test_an_error_names_the_variables_that_decided_and_what_to_do(
    process: Command, dsqlkit: Command, bank: KeptConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = nobody_there()
    set_all(monkeypatch, {"PGHOST": "localhost", "PGPORT": port, "PGUSER": "postgres"})
    refused = dsqlkit("balance", "--id", "1")
    assert refused.code == 3
    assert f"Nothing listens at localhost, port {port}." in refused.err
    assert "PGHOST and PGPORT name this cluster: `unset PGHOST`" in refused.err
    assert "--endpoint local" in refused.err
    assert "PGUSER says role postgres: `unset PGUSER`, or give --user admin." in refused.err
    assert process("psql", "-c", "SELECT 1").err.endswith(refused.err)
    assert dsqlkit("balance", "--id", "1", "--endpoint", "local", "--user", "admin").code == 0


def test_a_role_that_the_local_cluster_does_not_have_is_made_not_looked_up_at_aws(
    dsqlkit: Command, bank: KeptConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGUSER", "night_clerk")
    refused = dsqlkit("balance", "--id", "1", "--json").error
    assert (
        "denied access to role night_clerk: this local cluster has no such role"
        in refused["message"]
    )
    told = refused["hint"]
    assert "PGUSER says role night_clerk: `unset PGUSER`" in told
    assert "AWS" not in told
    command = told.partition("`dsqlkit ")[2].partition("`")[0]
    assert command.startswith("role create night_clerk --arn ")
    assert dsqlkit(*command.split()).code == 0
    assert dsqlkit("balance", "--id", "1").out == "Account 1 holds 100.\n"
    with bank.connection() as admin:
        mapped = "SELECT arn FROM sys.iam_pg_role_mappings WHERE pg_role_name = 'night_clerk'"
        for (arn,) in admin.execute(mapped).fetchall():
            admin.execute(f"AWS IAM REVOKE night_clerk FROM '{arn}'".encode())
        for table in ("accounts", "accounts2", "accounts7", "transfers"):
            if tables.exists(bank, table):
                admin.execute(f"REVOKE ALL ON {table} FROM night_clerk".encode())
        admin.execute("DROP ROLE night_clerk")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"PGHOST": "/var/run/postgresql"}, "PGHOST says: '/var/run/postgresql'"),
        ({"PGHOST": "a.example.com,b.example.com"}, "PGHOST says: 'a.example.com,b.example.com'"),
        ({"PGHOST": "db.example.com"}, "PGHOST names it: `unset PGHOST`"),
        ({"CLUSTER_ENDPOINT": "https://x"}, "`unset CLUSTER_ENDPOINT`"),
        ({"PGHOST": "localhost", "PGPORT": "x"}, "`unset PGPORT`"),
        ({"PGUSER": "u" * 64}, "`unset PGUSER`, or give --user admin"),
        ({"CLUSTER_ENDPOINT": "x" * 26, "AWS_REGION": "mars"}, "`unset AWS_REGION`"),
        ({"PGHOST": CLUSTER, "PGHOSTADDR": "::1"}, "PGHOSTADDR leads to ::1"),
        ({"PGHOST": CLUSTER}, "PGHOST names this cluster: `unset PGHOST`"),
        ({"CLUSTER_ENDPOINT": CLUSTER, "AWS_PROFILE": "work"}, "AWS_PROFILE says profile work"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named_with_what_to_do(
    dsqlkit: Command, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: str
) -> None:
    set_all(monkeypatch, variables)
    refused = dsqlkit("balance", "--id", "1")
    assert refused.code in (2, 3)
    assert words in refused.err


def test_env_still_leads_there_after_a_stop_and_a_start_and_so_does_a_second_terminal(
    bank: KeptConnection,
) -> None:
    bank.close()
    told = shell(
        'eval "$(dsqlkit env)"; dsqlkit local stop -q; dsqlkit local start -q; '
        "dsqlkit balance --id 1"
    )
    assert told.stdout.endswith("Account 1 holds 100.\n"), told.stderr
    assert shell("dsqlkit balance --id 1").stdout == "Account 1 holds 100.\n"


def test_what_decided_is_told_only_where_something_did() -> None:
    asked = Endpoint(CLUSTER, 5432, "eu-west-1", "admin", "--endpoint", "its name", "default")
    assert what_decided(asked, {}) == ""
    keys = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_PROFILE": "work"}
    assert what_decided(asked, keys).startswith("The keys are those of AWS_ACCESS_KEY_ID")
    assert what_decided(replace(asked, profile="mine"), keys) == ""
    by_region = replace(asked, region_source="AWS_DEFAULT_REGION")
    assert "AWS_DEFAULT_REGION says region eu-west-1" in what_decided(by_region, {})

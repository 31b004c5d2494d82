"""`local run`: a command with a cluster of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.waiting import eventually

DSQLKIT = Path(sys.executable).with_name("dsqlkit")
SHOW = "echo $DSQLKIT_LOCAL_FOLDER"


@pytest.fixture(autouse=True)
def _none_of_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("PATH", f"{DSQLKIT.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def run(*command: str, port: str = "0", **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [DSQLKIT, "local", "run", "--port", port, "--", *command],
        check=False,
        capture_output=True,
        text=True,
        timeout=90,
        env={**os.environ, **variables},
    )


@pytest.fixture
def running() -> "Iterator[subprocess.Popen[str]]":
    """A command that says where its cluster is, and stays."""
    script = f"trap 'echo told; exit 9' TERM HUP USR1; {SHOW}; while :; do sleep 0.05; done"
    with subprocess.Popen(
        [DSQLKIT, "local", "run", "--", "sh", "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
        start_new_session=True,
    ) as process:
        yield process
        process.kill()


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_dsqlkit_finds_the_cluster_which_is_empty_and_gone_afterwards(tmp_path: Path) -> None:
    script = f"dsqlkit balance 1; {SHOW}; dsqlkit init-accounts -q; dsqlkit balance 1"
    ended = run("sh", "-c", script, AWS_PROFILE="other", PGSERVICE="mine", PGPORT="1")
    again = run("sh", "-c", f"dsqlkit balance 1; {SHOW}")
    for each in (ended, again):
        assert each.stderr.startswith('Error: relation "accounts" does not exist')
        assert not Path(each.stdout.splitlines()[0]).parent.exists()
    assert ended.stdout.splitlines()[-1] == "Account 1 holds 100."
    assert not (tmp_path / "data").exists()


def test_psql_and_an_sdk_find_it_with_what_they_read() -> None:
    program = (
        "import os, boto3, psycopg; host = os.environ['CLUSTER_ENDPOINT'].split(':')[0];"
        "token = boto3.client('dsql').generate_db_connect_admin_auth_token(host);"
        "print(psycopg.connect('').execute('SELECT current_user').fetchone());"
        "print(psycopg.connect('', password=token).execute('SELECT 1').fetchone());"
        "print(os.environ['REGION'], os.environ['CLUSTER_USER'], 'AWS_PROFILE' in os.environ);"
        "print(os.environ['DSQL_ENDPOINT'].split(':')[0], os.environ['CLUSTER_REGION'])"
    )
    elsewhere = {"REGION": "mars", "CLUSTER_REGION": "mars", "DSQL_ENDPOINT": "x.dsql.mars.on.aws"}
    ended = run(
        sys.executable, "-c", program, AWS_PROFILE="no-such", AWS_SESSION_TOKEN="x", **elsewhere
    )
    assert ended.stderr == ""
    assert ended.stdout.splitlines() == [
        "('admin',)",
        "(1,)",
        "us-east-1 admin False",
        "localhost us-east-1",
    ]


@pytest.mark.parametrize(("script", "code"), [("exit 7", 7), ("kill -9 $$", 137)])
def test_the_exit_code_is_the_commands(script: str, code: int) -> None:
    ended = run("sh", "-c", script)
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "", "")


def test_options_after_the_command_are_the_commands() -> None:
    ended = subprocess.run(
        [DSQLKIT, "local", "run", "echo", "--port", "x", "--help", "--", "-n"],
        check=True,
        capture_output=True,
        text=True,
        timeout=90,
        env=dict(os.environ),
    )
    assert ended.stdout == "--port x --help -- -n\n"


def test_without_a_command_nothing_is_started(tmp_path: Path) -> None:
    missing = run("no-such-command")
    assert (missing.returncode, missing.stderr) == (
        127,
        "Error: There is no command no-such-command.\n",
    )
    assert "COMMAND" in run().stderr
    assert run().returncode == 2
    assert run("true", port="70000").returncode == 2
    assert not list(tmp_path.glob("dsqlkit-*"))


def test_several_run_at_once_each_with_its_own() -> None:
    script = f"dsqlkit init-accounts -q --count $COUNT; {SHOW}"
    processes = [
        subprocess.Popen(
            [DSQLKIT, "local", "run", "--", "sh", "-c", script],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "COUNT": str(number)},
        )
        for number in (1, 2, 3)
    ]
    told = [process.communicate(timeout=120)[0].splitlines() for process in processes]
    assert [lines[0].split(" account")[0] for lines in told] == ["1", "2", "3"]
    assert len({lines[-1] for lines in told}) == 3
    assert not any(Path(lines[-1]).exists() for lines in told)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_signals_reach_the_command(
    running: "subprocess.Popen[str]", number: signal.Signals
) -> None:
    folder = first_line(running)
    running.send_signal(number)
    assert first_line(running) == "told"
    assert running.wait(30) == 9
    assert not Path(folder).exists()


def test_the_cluster_goes_when_nobody_can_remove_it(running: "subprocess.Popen[str]") -> None:
    folder = Path(first_line(running))
    server = (folder / "server").resolve()
    assert server.is_dir()
    os.killpg(running.pid, signal.SIGKILL)
    assert eventually(lambda: not folder.exists())
    assert not server.exists()

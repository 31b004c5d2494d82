"""A server that is shut down in the middle of a command: a lost connection, whoever had asked."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg.pq import DiagnosticField as Field

from dsqlkit import accounts
from dsqlkit.cli import main
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import Endpoint
from dsqlkit.errors import ConnectionLost, OutcomeUnknown
from dsqlkit.sql_errors import ends_session
from dsqlkit.transaction import read_alone, run, run_alone
from tests.support.inside import connect_inside

SLEEP = "SELECT pg_sleep(30)"
SHUT_DOWN = psycopg.errors.AdminShutdown(
    "terminating connection due to administrator command",
    info={Field.SEVERITY_NONLOCALIZED: b"FATAL", Field.SQLSTATE: b"57P01"},
)
"""As the driver raises it where it has the error before the end of the connection."""


def terminate_sleeper() -> None:
    """Do to the server's process of the sleeping session what a shutdown does to all of them."""
    deadline = time.monotonic() + 60
    with connect_inside() as inside:
        while time.monotonic() < deadline:
            ended = inside.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE query LIKE '%pg_sleep(30)%' AND wait_event = 'PgSleep'"
            )
            if ended.rowcount:
                return
            time.sleep(0.05)


@pytest.mark.parametrize("command", ["explain", "cost", "optimize"])
def test_a_command_says_that_the_connection_was_lost(endpoint: Endpoint, command: str) -> None:
    dsqlkit = Path(sys.executable).with_name("dsqlkit")
    with subprocess.Popen([dsqlkit, command, SLEEP, "--json"], stdout=subprocess.PIPE) as running:
        terminate_sleeper()
        out, _ = running.communicate(timeout=60)
    assert running.returncode == 3
    error = json.loads(out)["error"]
    assert (error["code"], error["hint"]) == ("no_connection", "Run it again.")


@pytest.mark.parametrize(
    ("run_it", "expected"),
    [(run, ConnectionLost), (read_alone, ConnectionLost), (run_alone, OutcomeUnknown)],
)
def test_what_was_under_way_has_no_answer_though_the_end_was_not_seen_yet(
    endpoint: Endpoint, run_it: Callable[..., object], expected: type[Exception]
) -> None:
    def work(_: object) -> None:
        raise SHUT_DOWN

    with KeptConnection(endpoint) as kept, pytest.raises(expected):
        run_it(kept, work)


def test_an_error_of_the_database_that_nobody_foresaw_is_no_defect(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def balance(*_: object) -> None:
        raise SHUT_DOWN

    monkeypatch.setattr(accounts, "balance", balance)
    assert main.run(["balance", "1", "--json"]) == 3
    assert json.loads(capfd.readouterr().out)["error"]["code"] == "no_connection"


def test_a_refusal_leaves_the_session_as_it_is(endpoint: Endpoint) -> None:
    with KeptConnection(endpoint) as kept, kept.connection() as connection:
        with pytest.raises(psycopg.errors.DivisionByZero) as refused:
            connection.execute("SELECT 1 / 0")
        assert not ends_session(refused.value)

"""`load`: the file of ids says exactly what is in the table, whatever stops the load."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from dsqlkit import tables
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import LocalAddress
from tests.support.commands import Command
from tests.support.relay import Cut, Relay

DSQLKIT = Path(sys.executable).with_name("dsqlkit")


def ids_in_table(connections: KeptConnection) -> list[str]:
    with connections.connection() as connection:
        return [str(each) for (each,) in connection.execute("SELECT id FROM accounts2 ORDER BY id")]


def ids_in_file(path: Path) -> list[str]:
    return sorted(path.read_text().splitlines())


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def load_at(endpoint: str, *arguments: str) -> "subprocess.Popen[str]":
    command = [str(DSQLKIT), "load", "--endpoint", endpoint, *arguments, "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("name", ["load", "load-uuids"])
def test_the_file_has_the_ids_of_the_table(
    dsqlkit: Command, connections: KeptConnection, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "ids.txt"
    size = ["--threads", "8", "--transactions", "30", "--rows", "50"]
    done = dsqlkit(name, *size, "--output", str(file), "--yes", "--json")
    assert done.code == 0
    assert done.document["accounts"] == 1500
    assert done.document["transactions"] == 30
    assert done.document["output"] == str(file)
    assert len(set(ids_in_file(file))) == 1500
    assert ids_in_file(file) == ids_in_table(connections)
    assert all(UUID(each).version == 4 for each in ids_in_file(file))


def test_the_result_for_people_names_the_file_and_a_command_that_works(
    dsqlkit: Command, tmp_path: Path
) -> None:
    file = tmp_path / "ids.txt"
    done = dsqlkit("load", "--transactions", "1", "--rows", "2", "--output", str(file), "--yes")
    assert done.out.startswith("2 accounts in 1 transaction (0 retries), ")
    assert f"Their ids are in {file}." in done.out
    # Two rows cost less than a transaction's minimums.
    assert "About 0.05 DPU to write (0.00625 a row) and 0.00 to read, by the model." in done.out
    following = done.err.partition("Next: ")[2].strip()
    ran = subprocess.run(
        ["/bin/sh", "-c", following],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PATH": f"{DSQLKIT.parent}:{os.environ['PATH']}"},
    )
    assert ran.stdout.startswith("10 moved from "), ran.stderr


def test_rows_are_replaced_only_when_that_is_allowed(
    dsqlkit: Command, connections: KeptConnection, tmp_path: Path
) -> None:
    file = tmp_path / "ids.txt"
    size = ["--transactions", "1", "--rows", "3", "--output", str(file)]
    assert dsqlkit("load", *size, "--yes").code == 0
    before = ids_in_table(connections)
    refused = dsqlkit("load", *size, "--json")
    assert (refused.code, refused.error["code"]) == (1, "confirmation_needed")
    assert refused.error["hint"] == "Give --yes to do it."
    assert ids_in_table(connections) == ids_in_file(file) == before
    assert dsqlkit("load", *size, "--yes").code == 0
    assert ids_in_table(connections) == ids_in_file(file) != before


def test_an_empty_table_needs_no_permission(
    dsqlkit: Command, connections: KeptConnection, tmp_path: Path
) -> None:
    tables.drop(connections, "accounts2")
    tables.create(connections, "accounts2")
    size = ["--transactions", "1", "--rows", "3", "--output", str(tmp_path / "ids.txt")]
    assert dsqlkit("load", *size).code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--rows", "3001"],
        ["--rows", "0"],
        ["--threads", "0"],
        ["--threads", "65"],
        ["--transactions", "0"],
        ["--transactions", "many"],
        ["--output", "/nowhere/ids.txt"],
        ["--output", "/"],
        ["--output", ""],
    ],
)
def test_a_load_that_cannot_work_is_a_usage_error_that_touches_nothing(
    dsqlkit: Command, connections: KeptConnection, tmp_path: Path, arguments: list[str]
) -> None:
    size = ["--transactions", "1", "--rows", "3", "--output", str(tmp_path / "ids.txt")]
    assert dsqlkit("load", *size, "--yes").code == 0
    before = ids_in_table(connections)
    refused = dsqlkit("load", *size, *arguments, "--yes", "--json")
    assert (refused.code, refused.error["code"]) == (2, "usage")
    assert ids_in_table(connections) == ids_in_file(tmp_path / "ids.txt") == before


@pytest.mark.parametrize("manner", [["--yes"], ["--resume"], ["--yes", "--verify"]])
def test_a_name_that_no_file_can_have_is_a_usage_error(dsqlkit: Command, manner: list[str]) -> None:
    refused = dsqlkit("load", "--output", "n" * 300, *manner, "--json")
    assert (refused.code, refused.error["code"]) == (2, "usage")


def test_ctrl_c_leaves_a_file_that_has_exactly_what_was_committed(
    local_cluster: object, connections: KeptConnection, tmp_path: Path
) -> None:
    tables.drop(connections, "accounts2")
    file = tmp_path / "ids.txt"
    size = ["--threads", "4", "--transactions", "1000000", "--rows", "20"]
    with load_at("local", *size, "--output", str(file)) as load:
        wait_until(lambda: tables.has_rows(connections, "accounts2"))
        load.send_signal(signal.SIGINT)
        load.send_signal(signal.SIGINT)
        out, _ = load.communicate(timeout=30)
    assert load.returncode == 130
    assert ids_in_file(file) == ids_in_table(connections)
    assert json.loads(out)["accounts"] == len(ids_in_file(file)) > 0


def test_a_load_that_fails_says_what_was_committed(
    dsqlkit: Command,
    connections: KeptConnection,
    local_cluster: LocalAddress,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dsqlkit.loading.sending._SENDS_OF_ONE_BATCH", 3)
    file = tmp_path / "ids.txt"
    with Relay(local_cluster.port) as relay:

        def cut_after_a_while(_: int) -> Cut | None:
            return Cut.QUESTION_LOST if sum(relay.turns) > 40 else None

        relay.on_turn = cut_after_a_while
        far = ["--endpoint", f"localhost:{relay.port}"]
        size = ["--rows", "10", "--transactions", "60", "--output", str(file)]
        failed = dsqlkit("load", *size, *far, "--yes", "--json")
    error = failed.document["error"]
    assert (failed.code, error["code"]) == (5, "outcome_unknown")
    assert error["hint"] == f"`dsqlkit load --resume --output {file}` ends this load."
    assert f"{len(ids_in_file(file))} accounts that were committed" in failed.err
    assert "1 transaction was sent and not answered" in failed.err
    assert ids_in_file(file) == ids_in_table(connections) != []
    resumed = dsqlkit("load", "--resume", "--output", str(file), "--json")
    assert resumed.document["accounts"] == 600
    assert ids_in_file(file) == ids_in_table(connections)


def test_ctrl_c_before_the_table_is_dropped_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "ids.txt"
    file.write_text("old\n")
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        load_at(f"localhost:{silent.getsockname()[1]}", "--output", str(file)) as load,
    ):
        silent.settimeout(30)
        connection, _ = silent.accept()
        load.send_signal(signal.SIGINT)
        out, _ = load.communicate(timeout=30)
        connection.close()
    assert load.returncode == 130
    assert json.loads(out)["error"]["code"] == "interrupted"
    assert file.read_text() == "old\n"

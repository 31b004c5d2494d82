"""Loads that are cut off and resumed, and loads that meet: each id once in table and file."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dsqlkit import tables
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import LocalAddress
from tests.support.commands import Command
from tests.support.loaded import ids_in_file, ids_in_table, wait_until

DSQLKIT = str(Path(sys.executable).with_name("dsqlkit"))
SIZE = ["--threads", "4", "--transactions", "200", "--rows", "100"]
ACCOUNTS = 20_000


def loading(file: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [DSQLKIT, "load", "--output", str(file), "--yes", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def journal_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.journal")


@pytest.fixture
def empty(connections: KeptConnection) -> KeptConnection:
    tables.drop(connections, "accounts2")
    return connections


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ids.txt"


def cut_off(file: Path, connections: KeptConnection, how: int) -> str:
    """A load that a signal has ended in its middle; what it said."""
    with loading(file, *SIZE) as load:
        wait_until(lambda: tables.has_rows(connections, "accounts2"))
        load.send_signal(how)
        return "".join(load.communicate(timeout=30))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_load_that_was_cut_off_is_ended_with_each_id_once(
    dsqlkit: Command, empty: KeptConnection, file: Path, how: int
) -> None:
    said = cut_off(file, empty, how)
    before = len(ids_in_table(empty))
    assert 0 < before < ACCOUNTS
    if how == signal.SIGTERM:
        assert ids_in_file(file) == ids_in_table(empty)
        assert f"`dsqlkit load --resume --output {file}` ends this load." in said
    else:
        assert not file.exists()
    resumed = dsqlkit("load", "--resume", "--output", str(file), "--verify", "--json")
    assert resumed.code == 0, resumed.document
    assert resumed.document["accounts"] == ACCOUNTS
    same = {"in_table": ACCOUNTS, "in_file": ACCOUNTS, "missing": 0, "unknown": 0}
    assert resumed.document["verified"] == same
    assert len(set(ids_in_file(file))) == ACCOUNTS
    assert ids_in_file(file) == ids_in_table(empty)
    assert not journal_of(file).exists()
    again = dsqlkit("load", "--resume", "--output", str(file), "--json")
    assert (again.code, again.error["code"]) == (2, "usage")


def test_a_load_may_be_cut_off_again_and_again(
    dsqlkit: Command, empty: KeptConnection, file: Path
) -> None:
    cut_off(file, empty, signal.SIGKILL)
    for _ in range(3):
        before = len(ids_in_table(empty))
        with loading(file, "--resume") as load:
            while load.poll() is None and len(ids_in_table(empty)) == before:
                time.sleep(0.005)
            load.kill()
    resumed = dsqlkit("load", "--resume", "--output", str(file), "--threads", "2", "--json")
    # The last kill may have come too late.
    assert resumed.code == 0 or "no load to resume" in resumed.error["message"]
    assert len(ids_in_file(file)) == ACCOUNTS
    assert ids_in_file(file) == ids_in_table(empty)


def test_resuming_is_refused_where_the_table_or_the_plan_is_another(
    dsqlkit: Command, empty: KeptConnection, file: Path
) -> None:
    cut_off(file, empty, signal.SIGKILL)
    other = ["load", "--resume", "--output", str(file), "--json"]
    for plan in (["--rows", "99"], ["--transactions", "201"]):
        refused = dsqlkit(*other, *plan)
        assert (refused.code, refused.error["code"]) == (2, "usage")
    elsewhere = dsqlkit(*other, "--endpoint", "b.dsql.us-east-1.on.aws", "--region", "us-east-1")
    assert (elsewhere.code, elsewhere.error["code"]) == (2, "usage")
    missing = dsqlkit("load", "--resume", "--output", str(file.with_name("other")), "--json")
    assert (missing.code, missing.error["code"]) == (2, "usage")
    tables.drop(empty, "accounts2")
    tables.create(empty, "accounts2")
    gone = dsqlkit(*other)
    assert (gone.code, gone.error["code"]) == (1, "other_table")
    assert ids_in_table(empty) == []


def test_a_second_load_is_refused_while_one_runs_and_not_after_it_was_killed(
    dsqlkit: Command, empty: KeptConnection, file: Path
) -> None:
    second = file.with_name("second.txt")
    load = ["load", "--transactions", "2", "--rows", "5", "--yes", "--json"]
    with loading(file, "--transactions", "100000", "--rows", "5") as first:
        wait_until(lambda: tables.has_rows(empty, "accounts2"))
        for output in (second, file):
            refused = dsqlkit(*load, "--output", str(output))
            assert (refused.code, refused.error["code"]) == (1, "load_runs")
        resumed = dsqlkit("load", "--resume", "--output", str(file), "--json")
        assert (resumed.code, resumed.error["code"]) == (1, "load_runs")
        assert first.poll() is None
        first.kill()
    assert not second.exists()
    assert not journal_of(second).exists()
    assert dsqlkit(*load, "--output", str(second)).code == 0
    assert ids_in_file(second) == ids_in_table(empty)
    late = dsqlkit("load", "--resume", "--output", str(file), "--json")
    assert (late.code, late.error["code"]) == (1, "other_table")
    assert ids_in_file(second) == ids_in_table(empty)


def test_a_load_on_another_machine_is_seen_by_its_claim(
    dsqlkit: Command, empty: KeptConnection, file: Path
) -> None:
    with loading(file, "--transactions", "100000", "--rows", "5") as first:
        wait_until(lambda: tables.has_rows(empty, "accounts2"))
        # On another machine there is no locked file that tells of the load.
        for lock in (Path(os.environ["XDG_DATA_HOME"]) / "dsqlkit" / "loads").glob("*.lock"):
            lock.unlink()
        refused = dsqlkit("load", "--output", str(file.with_name("b")), "--yes", "--json")
        first.terminate()
        first.communicate(timeout=30)
    assert (refused.code, refused.document["error"]["code"]) == (1, "load_runs")
    assert ids_in_file(file) == ids_in_table(empty) != []


def test_rows_never_go_into_the_table_of_another(
    dsqlkit: Command, empty: KeptConnection, file: Path
) -> None:
    with loading(file, "--threads", "4", "--transactions", "100000", "--rows", "5") as first:
        wait_until(lambda: tables.has_rows(empty, "accounts2"))
        # As the load of another machine does, for which this one was not heard of for too long.
        tables.drop(empty, "accounts2")
        tables.create(empty, "accounts2")
        _, err = first.communicate(timeout=30)
    assert first.returncode == 1
    assert "Table accounts2" in err or 'relation "accounts2" does not exist' in err
    assert ids_in_table(empty) == []


def test_ids_go_to_stdout_as_they_are_committed(
    dsqlkit: Command, process: Command, empty: KeptConnection
) -> None:
    done = process("load", "--transactions", "3", "--rows", "4", "--output", "-", "--yes")
    assert (done.code, done.err.splitlines()[0][:29]) == (0, "12 accounts in 3 transactions")
    assert sorted(done.out.splitlines()) == ids_in_table(empty)
    for arguments in (["--json"], ["--resume"], ["--verify"]):
        assert dsqlkit("load", "--output", "-", "--yes", *arguments).code == 2


def test_a_load_stops_when_nobody_reads_its_ids(
    local_cluster: LocalAddress, empty: KeptConnection
) -> None:
    script = f"{DSQLKIT} load --output - --yes | head -1; echo ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    first, code = ended.stdout.split()
    there = ids_in_table(empty)
    assert (first in there, code) == (True, "141")
    assert f"{len(there):,} accounts were committed" in ended.stderr


@pytest.mark.parametrize("blocks", [0, 1])
def test_a_full_disk_under_the_journal_loses_nothing(
    dsqlkit: Command, empty: KeptConnection, file: Path, blocks: int
) -> None:
    limited = subprocess.run(
        [DSQLKIT, "load", "--output", str(file), "--yes", *SIZE],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (blocks * 1024, resource.RLIM_INFINITY)
        ),
    )
    assert limited.returncode == 1
    assert "could not be written: File too large." in limited.stderr
    if blocks == 0:
        assert not tables.exists(empty, "accounts2")
        assert not journal_of(file).exists()
        return
    assert ids_in_table(empty)
    assert f"`dsqlkit load --resume --output {file}` ends this load." in limited.stderr
    assert dsqlkit("load", "--resume", "--output", str(file)).code == 0
    assert ids_in_file(file) == ids_in_table(empty)
    assert len(ids_in_file(file)) == ACCOUNTS


def test_verify_alone_says_where_file_and_table_differ(
    dsqlkit: Command, empty: KeptConnection, file: Path
) -> None:
    assert dsqlkit("load", *SIZE[:4], "--rows", "2", "--output", str(file)).code == 0
    only = ["load", "--transactions", "0", "--verify", "--output", str(file)]
    assert dsqlkit(*only).out.startswith("They are the same: 400 in the table, 400 in ")
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[1:]))
    differ = dsqlkit(*only, "--json")
    assert differ.code == 1
    counts = {"in_table": 400, "in_file": 399, "missing": 0, "unknown": 1}
    assert differ.document["verified"] == counts
    file.write_text("no id\n")
    assert dsqlkit(*only, "--json").error["code"] == "usage"


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(local_cluster: LocalAddress, tmp_path: Path) -> None:
    peaks = []
    for transactions in ("2", "150"):
        script = (
            "import resource, sys; from dsqlkit.cli.main import run; code = run(sys.argv[1:]);"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
        )
        size = ["--transactions", transactions, "--rows", "1000", "--yes", "--verify"]
        ended = subprocess.run(
            [sys.executable, "-c", script, "load", "--output", str(tmp_path / "ids"), *size],
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(int(ended.stderr.split()[-1]))
    # 150,000 rows would take 40 MB as objects; what a load holds is some batches and a page.
    assert peaks[1] < peaks[0] + 8_000

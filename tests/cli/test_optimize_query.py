"""`optimize QUERY`: what it proposes, and what it leaves behind once it has measured."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsqlkit import indexes, tables
from dsqlkit.connection import KeptConnection
from dsqlkit.workshop import accounts7
from tests.support.commands import Command
from tests.support.screen import screen_after

CHAPTERS = {"idx_accounts7_metadata", "idx_accounts7_metadata_covering"}
FIRST = {"accounts7_pkey", "idx_accounts7_type"}


@pytest.fixture
def fresh(connections: KeptConnection) -> Iterator[KeptConnection]:
    """The chapter's table with its first index only, and gone afterwards."""
    accounts7.set_up(connections)
    yield connections
    tables.drop(connections, accounts7.TABLE)


def _names(connections: KeptConnection) -> set[str]:
    return {index.name for index in indexes.of_table(connections, accounts7.TABLE)}


def test_the_chapters_query_reads_only_what_it_returns_afterwards(
    dsqlkit: Command, fresh: KeptConnection
) -> None:
    done = dsqlkit("optimize", "query", "--apply", "--json")
    assert done.code == 0, done.err
    before, after = done.document["before"], done.document["after"]
    assert (before["rows"], before["rows_scanned"]) == (180, 4000)
    assert (before["index"], after["rows"]) == ("idx_accounts7_type", 180)
    assert after["rows_scanned"] <= 1.1 * after["rows"]
    assert done.document["scan_reduction"] > 20
    kept = done.document["indexes"]
    assert after["index"] == kept[0]
    assert _names(fresh) == FIRST | set(kept)
    plan = dsqlkit("explain", "query", "--json").document["plan"]
    assert (plan["node"], plan["index"]) == ("Index Only Scan", kept[0])
    read = {
        name: each["rows_scanned"] for each in done.document["trials"] for name in each["indexes"]
    }
    assert {read[name] for name in CHAPTERS} == {800}
    assert set(done.document["dropped"]) >= CHAPTERS


def test_once_the_index_is_there_nothing_more_is_proposed_or_built(
    dsqlkit: Command, fresh: KeptConnection
) -> None:
    kept = dsqlkit("optimize", "query", "--apply", "--json").document["indexes"]
    again = dsqlkit("optimize", "query", "--apply", "--json").document
    assert (again["proposals"], again["indexes"], again["dropped"]) == ([], [], [])
    assert again["after"]["rows_scanned"] == again["before"]["rows_scanned"] == 180
    assert again["speedup"] is None
    assert any(kept[0] in note for note in again["notes"])
    assert "No index is proposed" in dsqlkit("optimize", "query").out


def test_without_apply_nothing_is_built(dsqlkit: Command, fresh: KeptConnection) -> None:
    done = dsqlkit("optimize", "query", "--param", "region_code=DE", "--json")
    assert done.code == 0, done.err
    (proposal,) = done.document["proposals"]
    assert proposal["ddl"].startswith("CREATE INDEX ASYNC ")
    assert "INSERT" in proposal["write_cost"]
    assert done.document["after"] is None
    assert done.document["indexes"] == []
    assert _names(fresh) == FIRST


def test_keep_keeps_all_that_was_built(dsqlkit: Command, fresh: KeptConnection) -> None:
    sql = "SELECT balance FROM accounts7 WHERE id > 0 AND status = 'inactive'"
    done = dsqlkit("optimize", sql, "--apply", "--keep", "--json")
    assert done.code == 0, done.err
    built = {name for each in done.document["trials"] for name in each["indexes"]}
    assert len(built) == 2
    assert set(done.document["indexes"]) == built
    assert _names(fresh) == FIRST | built
    assert done.document["dropped"] == []


def test_an_index_that_the_new_one_makes_redundant_is_named(
    dsqlkit: Command, fresh: KeptConnection
) -> None:
    sql = "SELECT id FROM accounts7 WHERE account_type = 'checking' AND balance > 9000"
    done = dsqlkit("optimize", sql)
    assert "Then redundant: idx_accounts7_type" in done.out


@pytest.mark.parametrize("width", [80, 120])
def test_the_proposal_is_readable_at_any_width(
    local_cluster: object, fresh: KeptConnection, width: int
) -> None:
    for options in ([], ["--apply"]) if width == 80 else ([],):
        lines = screen_after("optimize", "query", *options, columns=width)
        assert max(map(len, lines)) <= width
        assert any(line.startswith("CREATE INDEX ASYNC idx_accounts7_") for line in lines)
        assert any(line.strip() == "INCLUDE (metadata_value);" for line in lines)


def test_an_interrupted_trial_drops_what_it_built_and_says_so(
    local_cluster: object, fresh: KeptConnection
) -> None:
    # Slow enough that the command is still measuring when the index is seen.
    sql = (
        "SELECT count(pg_sleep(0.005)) FROM accounts7"
        " WHERE metadata_key = 'account_tier_1' AND region_code = 'US' AND balance < 1000"
    )
    program = Path(sys.executable).with_name("dsqlkit")
    process = subprocess.Popen(
        [program, "optimize", sql, "--apply"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        deadline = time.monotonic() + 30
        while not any(index.valid for index in _ours(fresh)):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, err
    assert b"Dropped what was built and not kept: idx_accounts7_" in err
    assert _names(fresh) == FIRST


def _ours(connections: KeptConnection) -> list[indexes.Index]:
    found = indexes.of_table(connections, accounts7.TABLE)
    return [index for index in found if index.name not in FIRST]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--apply"], 2, "need a QUERY"),
        (["--keep"], 2, "need a QUERY"),
        (["--param", "a=b"], 2, "need a QUERY"),
        (["query", "--keep"], 2, "--keep needs --apply"),
        (["query", "--setup"], 2, "--setup takes no QUERY"),
        (["qury"], 2, "No query named 'qury'"),
        (["SELECT 1; SELECT 2"], 2, "holds 2 statements"),
        (["CREATE TABLE t (id int)"], 2, "one SELECT, INSERT, UPDATE or DELETE"),
        (["SELEC 1 FROM t"], 1, "syntax error"),
        (["SELECT * FROM nowhere"], 1, "does not exist"),
    ],
)
def test_what_cannot_be_optimized_is_a_short_error(
    dsqlkit: Command, arguments: list[str], code: int, words: str
) -> None:
    refused = dsqlkit("optimize", *arguments)
    assert refused.code == code
    assert words in refused.err
    assert len(refused.err.splitlines()) <= 3


def test_a_query_comes_from_a_file_or_stdin_as_with_explain(
    dsqlkit: Command, process: Command, bank: KeptConnection, tmp_path: Path
) -> None:
    sql = "SELECT * FROM accounts WHERE id = 1"
    (tmp_path / "one.sql").write_text(f"{sql};\n")
    for done in (
        dsqlkit("optimize", f"@{tmp_path}/one.sql", "--json"),
        process("optimize", "-", "--json", stdin=sql),
    ):
        assert done.code == 0, done.err
        assert (done.document["before"]["rows"], done.document["proposals"]) == (1, [])


WORKLOAD = """\
-- name: one kind
-- weight: 500
SELECT balance FROM accounts7 WHERE metadata_key = 'account_tier_1' AND status = 'active';
SELECT id FROM accounts7 WHERE created_at > '2030-01-01';
SELECT id FROM accounts7 WHERE created_at > '2031-01-01';
UPDATE accounts7 SET balance = balance + 1 WHERE id = :'id'; -- weight: 10
"""


def test_a_workload_gets_the_fewest_indexes_that_serve_it(
    dsqlkit: Command, fresh: KeptConnection, tmp_path: Path
) -> None:
    file = tmp_path / "workload.sql"
    file.write_text(WORKLOAD, encoding="utf-8")
    before = _names(fresh)
    done = dsqlkit("optimize", "--file", str(file), "--param", "id=5", "--json")
    assert done.code == 0, done.err
    found = done.document
    assert [each["weight"] for each in found["queries"]] == [500, 2, 10]
    assert found["queries"][0]["name"] == "one kind"
    assert all(each["rows_expected"] <= each["rows_scanned"] for each in found["queries"])
    assert {place for each in found["indexes"] for place in each["serves"]} == {0, 1}
    assert all(each["dpu_saved"] > each["dpu_written"] for each in found["indexes"])
    assert [each["index"] for each in found["unneeded"]] == ["idx_accounts7_type"]
    assert _names(fresh) == before
    people = dsqlkit("optimize", "--file", str(file), "--param", "id=5")
    assert "Serves one kind" in people.out
    assert "DROP INDEX idx_accounts7_type;  -- no query of the workload reads it" in people.out
    refused = dsqlkit("optimize", "--file", str(file), "--param", "id=5", "--apply")
    assert refused.code == 2


def test_an_error_in_a_workload_is_placed_in_its_file(
    dsqlkit: Command, fresh: KeptConnection, tmp_path: Path
) -> None:
    file = tmp_path / "workload.sql"
    file.write_text(
        "SELECT 1 FROM accounts7;\n\nSELECT nothing FROM accounts7;\n", encoding="utf-8"
    )
    done = dsqlkit("optimize", "--file", str(file))
    assert done.code == 1
    assert "LINE 3: SELECT nothing FROM accounts7;" in done.err

"""`explain`: where the query or the plan comes from, and where the result goes."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dsqlkit import tables
from dsqlkit.connection import KeptConnection
from dsqlkit.plans.parse import parse_plan
from dsqlkit.workshop import accounts7
from tests.plans.samples import dsql_text
from tests.support.commands import Command, Finished

POINT = "SELECT * FROM accounts WHERE id = 1"


@pytest.fixture
def pasted(tmp_path: Path) -> Path:
    file = tmp_path / "pasted.txt"
    file.write_text(dsql_text("06"), encoding="utf-8")
    return file


def _without_cluster(folder: Path, *arguments: str, stdin: bytes = b"") -> Finished:
    """Run a command whose state folder is empty; nothing may appear in it."""
    state = folder / "state"
    program = Path(sys.executable).with_name("dsqlkit")
    ended = subprocess.run(
        [program, *arguments],
        check=False,
        input=stdin,
        capture_output=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "XDG_DATA_HOME": str(state), "HOME": str(folder)},
    )
    assert not state.exists(), "the local cluster was touched"
    return Finished(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def test_a_pasted_plan_needs_no_cluster(tmp_path: Path, pasted: Path) -> None:
    from_file = _without_cluster(tmp_path, "explain", "--plan", str(pasted))
    assert from_file.code == 0, from_file.err
    assert "Index Scan Backward on transactions" in from_file.out
    assert from_file.err == ""
    from_stdin = _without_cluster(
        tmp_path, "explain", "--plan", "-", "--json", stdin=pasted.read_bytes()
    )
    assert from_stdin.document["execution_ms"] == 1.63
    assert [finding["code"] for finding in from_stdin.document["findings"]] == ["storage_lookup"]


def test_a_plan_saved_on_windows_reads_the_same(tmp_path: Path) -> None:
    text = "\ufeff" + dsql_text("06").replace("\n", "\r\n")
    (tmp_path / "plan.txt").write_bytes(text.encode())
    done = _without_cluster(tmp_path, "explain", "--plan", str(tmp_path / "plan.txt"), "--json")
    assert done.document["rows"] == 3


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"hello", 1, "This text is not a plan: it begins with 'hello'."),
        (b"", 1, "it is empty"),
        (b'[{"Plan": {}}]', 1, "text format"),
        (b"\xff\xfe", 2, "not UTF-8"),
    ],
)
def test_what_is_no_plan_is_a_short_error(
    tmp_path: Path, content: bytes, code: int, words: str
) -> None:
    done = _without_cluster(tmp_path, "explain", "--plan", "-", stdin=content)
    assert done.code == code
    assert words in done.err
    assert len(done.err.splitlines()) <= 3
    as_json = _without_cluster(tmp_path, "explain", "--plan", "-", "--json", stdin=content)
    assert list(as_json.error) == ["code", "message", "sqlstate", "hint"]


def test_several_plans_are_shown_one_after_another(tmp_path: Path) -> None:
    text = f"{dsql_text('05')}(10 rows)\n\n{dsql_text('04')}".encode()
    shown = _without_cluster(tmp_path, "explain", "--plan", "-", stdin=text)
    assert shown.out.index("Plan 1 of 2") < shown.out.index("Plan 2 of 2")
    assert "Insert on test_table" in shown.out
    document = _without_cluster(tmp_path, "explain", "--plan", "-", "--json", stdin=text).document
    assert [each["execution_ms"] for each in document["plans"]] == [0.679, 0.543]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "There is no query to explain."),
        (["SELECT 1", "--file", "x.sql"], "There are two queries."),
        (["SELECT 1", "--plan", "x.txt"], "--plan reads a plan that is there already."),
        (["--plan", "x.txt", "--no-analyze"], "--plan reads a plan that is there already."),
        (["--plan", "/nowhere/x.txt"], "cannot be read: No such file or directory"),
        (["--file", "/nowhere/x.sql"], "cannot be read: No such file or directory"),
        (["SELECT 1", "--raw", "--json"], "--raw and --json exclude each other."),
        (["query", "--param", "region_code"], "is not NAME=VALUE"),
        (["query", "--param", "a=1", "--param", "a=2"], "--param a is given twice."),
        (["query", "--param", "colour=red"], "has no parameter colour"),
        (["SELECT :'x'"], "needs a value for its parameter x"),
        (["SELECT 1", "--html", "/nowhere/x.html"], "cannot be written"),
        (["SELECT 1", "--html", "/dev/null"], "is not a plain file"),
    ],
)
def test_a_wrong_use_is_found_before_anything_is_contacted(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    done = _without_cluster(tmp_path, "explain", *arguments)
    assert done.code == 2
    assert words in (done.out if "--json" in arguments else done.err)


def test_a_query_comes_from_a_file_and_takes_its_values_from_the_command_line(
    dsqlkit: Command, bank: KeptConnection, tmp_path: Path
) -> None:
    file = tmp_path / "one.sql"
    file.write_text(
        "\\if :{?id} \\else \\set id 1 \\endif\nSELECT * FROM accounts WHERE id = :'id';"
    )
    for given, rows in (([], 1), (["--param", "id=5"], 1), (["--param", "id=-5"], 0)):
        document = dsqlkit("explain", "--file", str(file), *given, "--json").document
        assert (document["plan"]["relation"], document["rows"]) == ("accounts", rows)
    hostile = dsqlkit("explain", "--file", str(file), "--param", "id=1; DROP TABLE accounts")
    assert hostile.code == 1
    assert "invalid input syntax" in hostile.err
    assert tables.has_rows(bank, "accounts")


def test_the_shipped_query_takes_values(dsqlkit: Command) -> None:
    there = dsqlkit("explain", "query", "--param", "region_code=DE", "--json")
    assert there.code == 0, there.err
    assert "'DE'" in str(there.document["plan"])


def test_raw_prints_what_explain_answered(dsqlkit: Command, bank: KeptConnection) -> None:
    raw = dsqlkit("explain", POINT, "--raw")
    assert raw.code == 0
    plan = parse_plan(raw.out)
    assert plan.root.relation == "accounts"
    assert "\nExecution Time: " in raw.out
    assert raw.out.splitlines()[-1].startswith("  Total: ")


def test_without_analyze_a_statement_is_not_run(dsqlkit: Command, bank: KeptConnection) -> None:
    done = dsqlkit("explain", "DELETE FROM accounts", "--no-analyze")
    assert done.code == 0
    assert "Not run: rows and cost are the planner's estimates." in done.out
    assert "rolled back" not in done.err
    document = dsqlkit("explain", "DELETE FROM accounts", "--no-analyze", "--json").document
    assert document["execution_ms"] is None
    assert document["rolled_back"] is False


def test_a_statement_that_writes_says_on_the_page_too_that_it_was_rolled_back(
    dsqlkit: Command, bank: KeptConnection, tmp_path: Path
) -> None:
    page = tmp_path / "plan.html"
    done = dsqlkit("explain", "DELETE FROM accounts", "--html", str(page))
    assert done.code == 0
    assert f"The page is in {page}." in done.err
    assert "Delete on accounts" in done.out
    text = page.read_text(encoding="utf-8")
    assert "The statement ran, and was rolled back." in text
    assert "DELETE FROM accounts" in text
    assert tables.has_rows(bank, "accounts")
    assert stat.S_IMODE(page.stat().st_mode) == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def test_a_page_appears_whole_or_not_at_all(
    dsqlkit: Command, bank: KeptConnection, tmp_path: Path
) -> None:
    page = tmp_path / "plan.html"
    page.write_text("before")
    assert dsqlkit("explain", "SELECT * FROM nowhere", "--html", str(page)).code == 1
    assert page.read_text() == "before"
    assert list(tmp_path.iterdir()) == [page]
    assert dsqlkit("explain", POINT, "--html", str(page)).code == 0
    assert page.read_text(encoding="utf-8").endswith("</html>\n")
    assert list(tmp_path.iterdir()) == [page]


def test_an_explain_inside_the_query_is_pointed_out(dsqlkit: Command) -> None:
    done = dsqlkit("explain", "EXPLAIN ANALYZE SELECT 1")
    assert done.code == 2
    assert "The statement is an EXPLAIN already." in done.err


def test_findings_know_the_tables_of_the_cluster(dsqlkit: Command, bank: KeptConnection) -> None:
    document = dsqlkit("explain", "SELECT * FROM accounts WHERE id = 1", "--json").document
    assert document["findings"] == []


@pytest.mark.parametrize("command", ["explain", "optimize"])
@pytest.mark.parametrize(
    ("sql", "line", "column"),
    [
        ("SELECT * FROM nowhere", 1, 15),
        ("SELECT id,\n       nothing\nFROM accounts WHERE id = :'id'", 2, 8),
        ("SELECT *\nFROM accounts WHERE id = :'id' AND nothing = 1", 2, 36),
        ("SELECT * FORM accounts", 1, 10),
    ],
)
def test_an_error_of_sql_points_at_its_place(
    dsqlkit: Command, bank: KeptConnection, command: str, sql: str, line: int, column: int
) -> None:
    given = ["--param", "id=1"] if ":'id'" in sql else []
    done = dsqlkit(command, sql, *given)
    assert done.code == 1
    shown, caret = done.err.splitlines()[1:3]
    text = sql.split("\n")[line - 1]
    assert shown == f"LINE {line}: {text}"
    assert caret.index("^") == shown.index(text) + column - 1
    as_json = dsqlkit(command, sql, *given, "--json")
    assert as_json.error["message"].endswith(f"(line {line}, column {column})")


def test_the_cast_of_a_key_is_shown_and_no_index_on_the_key_is_advised(
    dsqlkit: Command, connections: KeptConnection
) -> None:
    accounts7.set_up(connections)
    try:
        done = dsqlkit("explain", "SELECT * FROM accounts7 WHERE id::text = '3'")
        assert "id::text = '3'" in done.out
        assert "on accounts7 (id)" not in done.out
    finally:
        tables.drop(connections, accounts7.TABLE)


def test_a_write_of_more_rows_than_a_transaction_may_has_a_plan_and_is_said_to_be_refused(
    dsqlkit: Command, connections: KeptConnection
) -> None:
    accounts7.set_up(connections)
    try:
        every_row = "UPDATE accounts7 SET balance = balance + 1"
        told = dsqlkit("explain", every_row, "--json").document
        assert [each["code"] for each in told["findings"]].count("row_limit") == 1
        assert "was refused: it changes more rows of accounts7" in told["findings"][0]["observed"]
        assert told["execution_ms"] is None
        measured = dsqlkit("cost", every_row, "--json")
        assert (measured.code, measured.error["code"]) == (1, "sql_error")
        assert "at most 3,000 in each" in measured.error["hint"]
    finally:
        tables.drop(connections, accounts7.TABLE)

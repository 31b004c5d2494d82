"""Chapter 7: the query reads most of a region, then, with the right index, a fifth of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dsqlkit import indexes, tables
from dsqlkit.connection import KeptConnection
from dsqlkit.workshop import accounts7
from tests.support.commands import Command


@pytest.fixture
def fresh(connections: KeptConnection) -> KeptConnection:
    """No accounts7 yet."""
    tables.drop(connections, accounts7.TABLE)
    return connections


def test_optimize_makes_the_table_and_reads_a_fifth_of_the_rows_afterwards(
    dsqlkit: Command, fresh: KeptConnection
) -> None:
    for _ in range(2):  # the second run finds the indexes there
        done = dsqlkit("optimize", "--json")
        assert done.code == 0, done.err
        before, after = done.document["before"], done.document["after"]
        assert before["rows"] == after["rows"] == 180
        assert before["rows_scanned"] == 4000
        assert after["rows_scanned"] < 1000
        assert before["index"] == "idx_accounts7_type"
        assert after["index"] in done.document["indexes"]
        assert done.document["scan_reduction"] > 4
    assert all(index.valid for index in indexes.of_table(fresh, accounts7.TABLE))


def test_optimize_says_what_the_query_and_an_insert_cost_before_and_after(
    dsqlkit: Command, fresh: KeptConnection
) -> None:
    told = dsqlkit("optimize")
    assert told.code == 0, told.err
    rows = {line.rpartition("  ")[0]: line for line in told.out.splitlines()}
    [query] = [line.split()[1:] for line in rows.values() if line.startswith("DPU  ")]
    [insert] = [line.split()[3:] for line in rows.values() if line.startswith("DPU an INSERT")]
    assert float(query[0]) > 5 * float(query[1]) > 0
    # An entry for the row, and one for each index.
    assert insert == ["0.01250", "0.02500"]


def test_setup_makes_five_thousand_rows_and_asks_before_it_replaces_them(
    dsqlkit: Command, fresh: KeptConnection
) -> None:
    made = dsqlkit("optimize", "--setup", "--json")
    assert made.code == 0, made.err
    assert (made.document["rows"], made.document["index"]) == (5000, "idx_accounts7_type")
    refused = dsqlkit("optimize", "--setup", "--json")
    assert (refused.code, refused.error["code"]) == (1, "confirmation_needed")
    assert dsqlkit("optimize", "--setup", "--yes").code == 0
    names = {index.name for index in indexes.of_table(fresh, accounts7.TABLE)}
    assert names == {"accounts7_pkey", "idx_accounts7_type"}


def test_explain_makes_the_chapters_table_when_it_is_missing(
    dsqlkit: Command, fresh: KeptConnection
) -> None:
    explained = dsqlkit("explain", "query")
    assert explained.code == 0
    assert "Table accounts7 is not there yet: making it" in explained.err
    assert "180 rows returned, 4,000 read by scans" in explained.out


def test_explain_takes_sql_a_file_and_stdin(
    dsqlkit: Command, process: Command, bank: KeptConnection, tmp_path: Path
) -> None:
    sql = "SELECT * FROM accounts WHERE id = 1"
    (tmp_path / "one.sql").write_text(f"-- one account\n{sql};\n")
    runs: list[Callable[[], object]] = [
        lambda: dsqlkit("explain", sql, "--json").document,
        lambda: dsqlkit("explain", f"@{tmp_path}/one.sql", "--json").document,
        lambda: process("explain", "-", "--json", stdin=sql).document,
    ]
    for run in runs:
        document = run()
        assert isinstance(document, dict)
        assert (document["plan"]["relation"], document["rows"]) == ("accounts", 1)


def test_explaining_a_statement_that_writes_changes_nothing(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    explained = dsqlkit("explain", "DELETE FROM accounts")
    assert explained.code == 0
    assert "was rolled back" in explained.err
    assert tables.has_rows(bank, "accounts")


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        ("SELEC 1", 1, "syntax error"),
        ("SELECT * FROM nowhere", 1, "does not exist"),
        ("CREATE TABLE t (id int)", 1, "syntax error"),
        ("COMMIT", 2, "No query named"),
        ("", 2, "holds 0 statements"),
        ("SELECT 1; DROP TABLE accounts", 2, "holds 2 statements"),
        ("SELECT :'x'", 2, "needs a value for its parameter x"),
        ("@/nowhere.sql", 2, "cannot be read: No such file or directory"),
        ("@/", 2, "cannot be read: Is a directory"),
        ("qury", 2, "No query named 'qury'"),
    ],
)
def test_a_query_that_cannot_be_explained_is_a_short_error_and_changes_nothing(
    dsqlkit: Command, bank: KeptConnection, query: str, code: int, words: str
) -> None:
    refused = dsqlkit("explain", query)
    assert refused.code == code
    assert words in refused.err
    assert len(refused.err.splitlines()) <= 3
    assert tables.has_rows(bank, "accounts")

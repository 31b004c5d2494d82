"""`workshop`: all chapters, end to end, as often and by as many as one likes."""

import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from rich.console import Console

from dsqlkit import accounts, indexes, tables
from dsqlkit.aws.invocation import invoke
from dsqlkit.cli.workshop_view import played_view
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import Endpoint
from dsqlkit.workshop import accounts7
from dsqlkit.workshop.chapter import Outside, Played
from dsqlkit.workshop.chapters import CHAPTERS
from dsqlkit.workshop.playing import play
from tests.support.commands import Command, Finished
from tests.support.screen import screen_after

TABLES = ("accounts", "accounts2", "accounts7", "transfers")
OUTSIDE = Outside(
    invoke=lambda chapter, request: invoke(chapter, request, _no_endpoint),
    describe=lambda: {"pid": 1, "server_version": "16", "data_dir": "/here"},
    stack="one cluster.",
)


def _no_endpoint() -> Endpoint:
    raise AssertionError("chapter 1 needs no database")


@pytest.fixture
def nothing(connections: KeptConnection) -> Iterator[KeptConnection]:
    """A cluster without the workshop's tables, before and after."""
    _drop_all(connections)
    yield connections
    _drop_all(connections)


def _drop_all(connections: KeptConnection) -> None:
    with connections.connection() as connection:
        for table in TABLES:
            connection.execute(f"DROP TABLE IF EXISTS {table}".encode())


def _tables(connections: KeptConnection) -> set[str]:
    with connections.connection() as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {row[0] for row in rows}


def _assert_whole(played: Finished) -> None:
    """What holds for a run of all chapters, whoever else is there."""
    assert played.code == 0, played.out
    chapters = played.document["chapters"]
    assert [one["chapter"] for one in chapters] == [1, 2, 3, 4, 5, 6, 7]
    for one in chapters:
        assert list(one) == ["chapter", "title", "lesson", "statements", "result", "elapsed_ms"]
    results = {one["chapter"]: one["result"] for one in chapters}
    assert results[1]["response"] == {"greeting": "hello reinvent"}
    assert results[1]["without_a_name"]["Payload"]["errorType"] == "InvalidRequest"
    assert results[2]["kind"] == "local"
    assert results[3]["tls"] == "verify-full"
    assert results[4]["refused"].startswith("Insufficient balance")
    assert (results[5]["race_won_by"], results[5]["race_lost_with"]) == ("B", "40001")
    assert (results[5]["clients"], results[5]["accounts"]) == (8, 10)
    assert results[5]["transfers"] == 200
    assert Decimal(results[5]["balance_before"]) == Decimal(results[5]["balance_after"]) == 1000
    assert results[5]["lost_answers"] == 1
    lost = [each["sql"] for each in chapters[4]["statements"] if each["answer"].startswith("no an")]
    assert lost == ["COMMIT"]
    assert results[6]["bench_transfers"] == results[6]["bench_in_ledger"] > 0
    assert results[6]["bench_balance_before"] == results[6]["bench_balance_after"]
    assert (results[6]["refused_rows"], results[6]["refused_with"]) == (3001, "54000")
    assert results[6]["sent_twice_with"] == "23505"
    assert results[6]["fewest_in_a_sixteenth"] > 20
    assert results[7]["rows"] == 180
    assert results[7]["rows_scanned_after"] < 1000 < results[7]["rows_scanned_before"]
    sent = {one["chapter"]: [each["sql"] for each in one["statements"]] for one in chapters}
    assert any(sql.startswith("UPDATE accounts SET balance = balance - 10") for sql in sent[4])
    assert sent[4][-1] == "ROLLBACK"
    assert any(sql.startswith("EXPLAIN (ANALYZE") for sql in sent[7])
    assert sum(sql.startswith("CREATE INDEX ASYNC") for sql in sent[7]) == 2
    answers = [each["sqlstate"] for each in chapters[4]["statements"]]
    assert answers.count("40001") == 1


def test_the_workshop_runs_from_nothing_reads_as_sentences_and_runs_again(
    dsqlkit: Command, endpoint: Endpoint, nothing: KeptConnection
) -> None:
    played = list(play(endpoint, CHAPTERS, OUTSIDE))
    _assert_tables_are_left(nothing)
    assert played[6].shown.facts["note"] is None
    for columns in (80, 120):
        _assert_reads_well(played, columns)
    again = dsqlkit("workshop", "--json")
    _assert_whole(again)
    assert again.document["chapters"][6]["result"]["note"] is None
    _assert_tables_are_left(nothing)
    assert {each.name for each in indexes.of_table(nothing, "accounts7") if each.valid} == {
        "accounts7_pkey",
        *accounts7.INDEX_NAMES,
    }


def _assert_tables_are_left(connections: KeptConnection) -> None:
    assert _tables(connections) >= set(TABLES)
    with connections.connection() as connection:
        held = connection.execute("SELECT count(*), sum(balance) FROM accounts").fetchone()
    assert held == (1000, 100_000)


def _assert_reads_well(played: Sequence[Played], columns: int) -> None:
    console = Console(file=io.StringIO(), width=columns, force_terminal=False)
    for each in played:
        console.print(played_view(each))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    lines = text.splitlines()
    assert max(map(len, lines)) <= columns
    assert not [line for line in lines if line != line.rstrip()]
    said = " ".join(text.split())
    assert said.index("Transaction A Transaction B") < said.index("Then 8 clients at a time")
    assert "between 10 accounts, 200 times in all" in said
    assert "54000 transaction row limit exceeded" in said
    assert "rows/s" not in said
    assert said.count("index condition: ") == 2


@pytest.mark.slow
def test_several_at_once_on_a_fresh_cluster_do_not_break_each_other(
    process: Command, nothing: KeptConnection
) -> None:
    with ThreadPoolExecutor(3) as executor:
        runs = list(executor.map(lambda _: process("workshop", "--json"), range(3)))
    for played in runs:
        _assert_whole(played)
    assert not [name for name in _tables(nothing) if name.startswith("accounts7_")]
    with nothing.connection() as connection:
        assert connection.execute("SELECT count(*) FROM accounts7").fetchone() == (5000,)
        held = connection.execute("SELECT count(*), sum(balance) FROM accounts").fetchone()
    assert held == (1000, 100_000)


def test_a_table_of_one_account_is_enough_and_keeps_it(
    dsqlkit: Command, connections: KeptConnection
) -> None:
    accounts.initialise(connections, 1)
    told = dsqlkit("workshop", "3", "4", "5")
    assert told.code == 0, told.err
    assert "the chapter opened two of its own" in " ".join(told.out.split())
    with connections.connection() as connection:
        rows = connection.execute("SELECT id, balance FROM accounts").fetchall()
    assert rows == [(1, Decimal(100))]


def test_chapters_leave_the_accounts_that_are_there(dsqlkit: Command, bank: KeptConnection) -> None:
    assert dsqlkit("workshop", "4", "5").code == 0
    held = [accounts.balance(bank, each).balance for each in range(1, 11)]
    assert sorted(held) == [90, *[100] * 8, 110]
    with bank.connection() as connection:
        assert connection.execute("SELECT count(*) FROM accounts").fetchone() == (10,)


@pytest.mark.slow
def test_chapter_7_says_why_the_second_plan_costs_less(
    dsqlkit: Command, nothing: KeptConnection
) -> None:
    told = dsqlkit("workshop", "7")
    assert told.code == 0, told.err
    said = " ".join(told.out.split())
    assert "The Storage Lookup is gone" in said
    assert (
        "metadata_key = 'account_tier_1' moved into the key from the look-up in the table" in said
    )
    assert "region_code = 'US' and status = 'active' moved from the look-up in the table" in said
    assert "still left to the query processor" in said
    assert "computed by the local cluster's model" in said
    assert "writes 0.02500 DPU instead of 0.01250" in said
    result = dsqlkit("workshop", "7", "--json").document["chapters"][0]["result"]
    assert Decimal(result["dpu_before"]) > 5 * Decimal(result["dpu_after"]) > 0


def test_an_index_of_others_that_serves_the_query_is_named_and_left(
    dsqlkit: Command, connections: KeptConnection
) -> None:
    accounts7.set_up(connections)
    ddl = "CREATE INDEX ASYNC mine ON accounts7 (metadata_key, region_code, account_type, status)"
    indexes.build(connections, ddl)
    accounts7.analyze(connections)
    told = dsqlkit("workshop", "7")
    assert told.code == 0, told.err
    said = " ".join(told.out.split())
    assert "mine, which is not one of the chapter's indexes, already serves the query" in said
    assert "the query reads 800 instead of 4,000" in said
    assert {each.name for each in indexes.of_table(connections, "accounts7")} >= {"mine"}
    assert not [name for name in _tables(connections) if name.startswith("accounts7_")]
    tables.drop(connections, "accounts7")


def test_a_table_that_others_emptied_is_left_and_said(
    dsqlkit: Command, nothing: KeptConnection
) -> None:
    tables.create(nothing, "accounts7")
    told = dsqlkit("workshop", "7", "--json")
    assert told.code == 0, told.err
    assert "the query finds 0 rows" in told.document["chapters"][0]["result"]["note"]
    with nothing.connection() as connection:
        assert connection.execute("SELECT count(*) FROM accounts7").fetchone() == (0,)


@pytest.mark.parametrize(
    ("table", "columns", "chapter", "flaw"),
    [
        ("accounts", "name text PRIMARY KEY, balance numeric", "4", "it has no column id"),
        ("accounts", "id int PRIMARY KEY, balance text", "5", "column balance is text"),
        (
            "accounts2",
            "id uuid PRIMARY KEY, balance numeric, owner text NOT NULL",
            "6",
            "column owner must be given a value",
        ),
        ("accounts7", "id int PRIMARY KEY", "7", "it has no column account_type"),
    ],
)
def test_a_table_of_somebody_elses_is_a_clear_error_and_is_left(
    dsqlkit: Command,
    nothing: KeptConnection,
    table: str,
    columns: str,
    chapter: str,
    flaw: str,
) -> None:
    with nothing.connection() as connection:
        connection.execute(f"CREATE TABLE {table} ({columns})".encode())
    refused = dsqlkit("workshop", chapter, "--json")
    assert (refused.code, refused.error["code"]) == (1, "wrong_shape")
    assert f"Table {table} is not the workshop's: " in refused.error["message"]
    assert flaw in refused.error["message"]
    assert table in _tables(nothing)


@pytest.mark.slow
def test_a_terminal_shows_it_within_its_width(
    local_cluster: object, nothing: KeptConnection
) -> None:
    lines = screen_after("workshop", columns=80)
    assert max(map(len, lines)) <= 80
    assert "\n\n\n" not in "\n".join(lines)
    assert "Chapter 7: Plans and indexes" in "\n".join(lines)

"""How results stand on a terminal and in a pipe: nothing left over, nothing cut, one blank line."""

import re
from itertools import pairwise

import pytest

from dsqlkit import tables
from dsqlkit.connection import KeptConnection
from dsqlkit.workshop import accounts7
from tests.support.commands import Command
from tests.support.screen import screen_after

LONG = "a_name_that_is_longer_than_the_room_that_a_tree_has_for_it"
QUERY = f"SELECT 1 FROM accounts7 {LONG} WHERE account_type = 'x'"
MANY = " AND ".join(f"balance <> {number}.5" for number in range(30))


@pytest.fixture(scope="module", autouse=True)
def _chapter(endpoint: object) -> None:
    with KeptConnection(endpoint) as connections:  # type: ignore[arg-type]
        tables.drop(connections, accounts7.TABLE)
        accounts7.set_up(connections)


def blank_twice(lines: list[str]) -> bool:
    return any(not one and not other for one, other in pairwise(lines))


@pytest.mark.parametrize(
    ("command", "columns"),
    [
        (["optimize"], 80),
        (["optimize", "query", "--apply"], 80),
        *(
            (command, columns)
            for columns in (80, 120)
            for command in (["explain", "query"], ["conflict"], ["connect"], ["workshop", "3"])
        ),
    ],
)
def test_a_result_begins_at_the_top_and_no_blank_line_is_doubled(
    bank: KeptConnection, command: list[str], columns: int
) -> None:
    lines = screen_after(*command, columns=columns)
    assert lines[0]
    assert not blank_twice(lines)
    assert max(map(len, lines)) <= columns


def test_no_line_of_progress_is_left_above_a_result(bank: KeptConnection) -> None:
    first = screen_after("optimize")[0]
    assert first.split() == ["before", "after"]


def test_a_name_is_cut_on_a_terminal_and_nowhere_else(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    piped = dsqlkit("explain", QUERY).out
    assert LONG in piped
    assert "…" not in piped
    tree = [line for line in screen_after("explain", QUERY) if " on accounts7" in line]
    assert tree[0].partition("…")[1]


def test_a_long_condition_is_whole_in_a_pipe(dsqlkit: Command, bank: KeptConnection) -> None:
    piped = dsqlkit("explain", f"SELECT 1 FROM accounts7 WHERE {MANY}").out
    words = piped.replace("│", " ").split()  # what leads to the node's children
    assert " ".join(words).count("balance <> ") == 30


@pytest.mark.slow
def test_a_name_in_a_table_is_whole_in_a_pipe_and_broken_on_a_terminal(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    row = re.compile(r"^idx_accounts7_\w+_region_code_covering +180 ", re.MULTILINE)
    accounts7.set_up(bank)
    assert row.search(dsqlkit("optimize", "query", "--apply").out)
    accounts7.set_up(bank)
    assert not row.search("\n".join(screen_after("optimize", "query", "--apply")))


def test_sentences_are_wrapped_in_a_pipe(dsqlkit: Command, bank: KeptConnection) -> None:
    piped = dsqlkit("explain", f"SELECT 1 FROM accounts7 WHERE {MANY}").out
    assert max(map(len, piped.splitlines())) <= 80

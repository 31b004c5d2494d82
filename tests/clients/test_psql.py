"""psql, by `dsqlkit psql` and by `dsqlkit env`."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.clients.conftest import Ledger
from tests.support.processes import backends
from tests.support.shell import environment, shell
from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")

PSQL = "dsqlkit psql -X -At -v ON_ERROR_STOP=1"
SLEEP = "SELECT pg_sleep(50)"


def test_a_script_of_several_statements_runs_in_its_order(ledger: Ledger) -> None:
    script = """
        BEGIN;
        UPDATE ledger SET balance = balance - :amount WHERE id = 1;
        UPDATE ledger SET balance = balance + :amount WHERE id = 2;
        COMMIT;
        SELECT id, balance FROM ledger ORDER BY id;
        SELECT count(*) FROM ledger WHERE balance = 90 \\gset
        \\if :count
        \\echo one holds 90
        \\endif
    """
    ended = shell(f"{PSQL} -v amount=10", stdin=script)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [
        *("BEGIN", "UPDATE 1", "UPDATE 1", "COMMIT"),
        *("1|90.000000", "2|110.000000", "one holds 90"),
    ]
    assert ledger.balances() == [90, 110]


def test_psql_under_env_is_another_way_in(ledger: Ledger) -> None:
    ended = shell('eval "$(dsqlkit env)" && psql -X -At -c "SELECT balance FROM ledger"')
    assert ended.stdout.split() == ["100.000000", "100.000000"], ended.stderr


def test_one_argument_of_several_statements_is_one_transaction(ledger: Ledger) -> None:
    ended = shell(f'{PSQL} -c "UPDATE ledger SET balance = 7 WHERE id = 1; SELECT 5; SELECT 1 / 0"')
    assert ended.returncode == 1
    assert ended.stdout.splitlines() == ["UPDATE 1", "5"]
    assert ledger.balances() == [100, 100]
    ended = shell(f'{PSQL} -c "UPDATE ledger SET balance = 7 WHERE id = 1; SELECT 5"')
    assert ended.returncode == 0, ended.stderr
    assert ledger.balances() == [7, 100]


def test_tables_are_listed_and_described(ledger: Ledger) -> None:
    ended = shell(
        "dsqlkit psql -X -A -c '\\dt' -c '\\d' -c '\\d ledger' -c '\\d+ ledger' -c '\\di'"
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = [line.strip() for line in ended.stdout.splitlines()]
    assert lines.count("public|ledger|table|admin") == 2
    assert "balance|numeric(18,6)||not null|" in lines
    key = '"ledger_pkey" PRIMARY KEY, btree_index (id) INCLUDE (balance, '
    assert sum(line.startswith(key) for line in lines) == 2
    assert "public|ledger_pkey|index|admin|ledger" in lines


def test_copy_both_ways(ledger: Ledger, tmp_path: Path) -> None:
    rows = "".join(f'{each},{each}.5,"note, {each}"\n' for each in range(10, 200))
    (tmp_path / "in.csv").write_text(rows)
    ended = shell(
        f"cd {tmp_path} && {PSQL}"
        " -c '\\copy ledger (id, balance, note) FROM in.csv CSV'"
        " -c '\\copy (SELECT id, trim_scale(balance), note FROM ledger WHERE id >= 10 ORDER BY id)"
        " TO out.csv CSV'"
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == ["COPY 190", "COPY 190"]
    assert (tmp_path / "out.csv").read_text() == rows


def test_a_copy_that_fails_leaves_nothing_and_the_session_goes_on(ledger: Ledger) -> None:
    script = "\\copy ledger (id, balance) FROM stdin\n10\t1\n11\tmuch\n\\.\nSELECT 'after';\n"
    ended = shell("dsqlkit psql -X -At", stdin=script)
    assert "invalid input syntax for type numeric" in ended.stderr
    assert ended.stdout == "after\n"
    assert len(ledger.balances()) == 2


def test_a_transaction_that_lost_a_race_is_told_at_its_commit(ledger: Ledger) -> None:
    script = """
        \\set VERBOSITY verbose
        BEGIN;
        SELECT balance FROM ledger WHERE id = 1;
        \\! psql -X -q -c 'UPDATE ledger SET balance = 1 WHERE id = 1'
        UPDATE ledger SET balance = balance + 5 WHERE id = 1 RETURNING balance;
        COMMIT;
        SELECT balance FROM ledger WHERE id = 1;
    """
    ended = shell("dsqlkit psql -X -At", stdin=script)
    assert ended.stdout.splitlines() == [
        *("BEGIN", "100.000000", "105.000000", "UPDATE 1", "1.000000")
    ]
    assert "ERROR:  40001: change conflicts with another transaction (OC000)" in ended.stderr


def test_an_interrupt_cancels_the_statement_under_way(ledger: Ledger) -> None:
    with subprocess.Popen(
        ["dsqlkit", "psql", "-X", "-c", "UPDATE ledger SET balance = 3", "-c", SLEEP],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as psql:
        assert eventually(lambda: any("SELECT" in each for each in backends()))
        os.kill(psql.pid, signal.SIGINT)
        out, err = psql.communicate(timeout=30)
    assert err == "Cancel request sent\nERROR:  canceling statement due to user request\n"
    assert out == "UPDATE 2\n"
    assert ledger.balances() == [3, 3]

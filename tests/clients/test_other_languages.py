"""ruby-pg, DBD::Pg, PDO, JDBC, libpqxx and pgx: smoke runs in processes of their own.

Each is skipped where its language or its driver is not installed.
"""

import json
import os
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import Ledger
from tests.support.inside import activity
from tests.support.shell import shell

HERE = Path(__file__).parent
JDBC = Path("/usr/share/java/postgresql.jar")
GO = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode"}
"""Where Debian puts Go's packages."""
COLUMNS = ["id", "balance", "note", "moved_at", "batch", "sealed", "scan"]
TYPES = ["int4", "numeric", "text", "timestamptz", "uuid", "bool", "bytea"]
LOST = {"code": "40001", "message": "change conflicts with another transaction (OC000)"}
COPIED = [Decimal(1), Decimal(2)]


def needs(*command: str) -> None:
    """Skip the test unless the command can be run."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    if subprocess.run(command, check=False, capture_output=True, timeout=60).returncode:
        pytest.skip(f"the driver is not installed: {' '.join(command)}")


def run(command: str) -> str:
    try:
        ended = shell(f'eval "$(dsqlkit env)" && {command}')
    except subprocess.TimeoutExpired as error:
        error.add_note(shell("dsqlkit local status --sessions").stdout)
        error.add_note(activity())
        raise
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def listed(text: str) -> set[str]:
    """The items of a list as Java prints it."""
    return set(text.strip("[]").split(", "))


def seen_by(command: str) -> dict[str, Any]:
    seen = json.loads(run(command))
    assert isinstance(seen, dict)
    return seen


def moved(ledger: Ledger) -> list[Decimal]:
    """The balances, after a look at what every program does to accounts 1 and 2, and adds as 10."""
    one, two, ten, *more = ledger.balances()
    assert (one, two, ten) == (Decimal(91), Decimal(110), Decimal("12.345678"))
    return more


def test_ruby_pg(ledger: Ledger) -> None:
    needs("ruby", "-e", "require 'pg'")
    seen = seen_by(f"ruby {HERE / 'ledger.rb'}")
    assert seen == {
        "row": {
            "id": "10",
            "balance": "12.345678",
            "note": "käse",
            "moved_at": "2026-11-25 12:30:15.123+00",
            "batch": None,
            "sealed": "t",
            "scan": [0, 1, 255],
        },
        "many": [{"b": "2"}],
        "error": "22012",
        "typed": [1, "1.5", True],
        "within": {"balance": "95.000000"},
        "commit": LOST,
        "copied": 2,
        "rows": 3,
    }
    assert moved(ledger) == COPIED


def test_dbd_pg(ledger: Ledger) -> None:
    needs("perl", "-MDBD::Pg", "-e", "1")
    seen = seen_by(f"perl {HERE / 'ledger.pl'}")
    assert [name for name, _ in seen.pop("columns")] == COLUMNS
    assert seen.pop("key")[0] == "id"
    assert seen == {
        "row": {
            "id": 10,
            "balance": "12.345678",
            "note": "käse",
            "moved_at": "2026-11-25 12:30:15.123+00",
            "batch": None,
            "sealed": 1,
            "scan": [0, 1, 255],
        },
        "error": "22012",
        "tables": ["public.ledger"],
        "within": "95.000000",
        "commit": {**LOST, "message": f"ERROR:  {LOST['message']}"},
        "copied": 2,
    }
    assert moved(ledger) == COPIED


def test_pdo(ledger: Ledger) -> None:
    needs("php", "-r", "exit(extension_loaded('pdo_pgsql') ? 0 : 1);")
    seen = seen_by(f"php {HERE / 'ledger.php'}")
    assert seen == {
        "row": {
            "id": 10,
            "balance": "12.345678",
            "note": "käse",
            "moved_at": "2026-11-25 12:30:15.123+00",
            "batch": None,
            "sealed": True,
            "scan": [0, 1, 255],
        },
        "meta": ["numeric", "ledger"],
        "error": "22012",
        "within": "95.000000",
        "commit": "40001",
        "copied": 2,
    }
    assert moved(ledger) == COPIED


@pytest.mark.slow
def test_jdbc_and_its_database_metadata(ledger: Ledger, tmp_path: Path) -> None:
    if not JDBC.exists():
        pytest.skip("the JDBC driver is not installed")
    needs("javac", "-version")
    subprocess.run(["javac", "-d", tmp_path, HERE / "Ledger.java"], check=True, timeout=60)
    lines = run(f"java -cp {JDBC}:{tmp_path} Ledger").splitlines()
    seen = dict(line.split("=", 1) for line in lines)
    assert seen["key"].startswith("[id")
    assert seen["indexes"].startswith("[ledger_pkey")
    wanted = {
        "batch": "10",
        "row": "12.345678 4 true 3",
        "product": "PostgreSQL",
        "tables": "[ledger]",
        "columns": f"[{', '.join(COLUMNS)}]",
        "types": f"[{', '.join(TYPES)}]",
        "catalogs": "[postgres]",
        "imported": "[]",
        "exported": "[]",
        "allTypes": "true",
        "keywords": "true",
        "nameLength": "63",
        "commit": "40001",
        "readOnly": "25006",
    }
    assert {name: seen.get(name) for name in wanted} == wanted
    # Other tests may have left something in the cluster that they share.
    assert {"information_schema", "pg_catalog", "public", "sys"} <= listed(seen["schemas"])
    assert "wait_for_job" in listed(seen["procedures"])
    assert "ledger" in listed(seen["userTypes"])
    assert "dsqlkit" not in " ".join(seen.values())
    assert {"DELETE", "INSERT", "SELECT", "UPDATE"} <= listed(seen["tablePrivileges"])
    assert ledger.balances()[:2] == [Decimal(91), Decimal(110)]


@pytest.mark.slow
def test_libpqxx(ledger: Ledger, tmp_path: Path) -> None:
    needs("pkg-config", "--exists", "libpqxx")
    needs("g++", "--version")
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "libpqxx", "libpq"],
        check=True, capture_output=True, text=True, timeout=60,
    ).stdout.split()  # fmt: skip
    program = tmp_path / "ledger"
    build = ["g++", "-std=c++17", str(HERE / "ledger.cpp"), "-o", str(program), *flags]
    subprocess.run(build, check=True, capture_output=True, timeout=300)
    seen = dict(line.split("=", 1) for line in run(str(program)).splitlines() if line)
    assert seen == {
        "row": "12.345678 käse 1",
        "readOnly": "0A000",  # it asks for it by SET TRANSACTION, which DSQL refuses
        "pipeline": "2 7",
        "pages": "3",
        "error": "22012",
        "within": "95.000000",
        "commit": f"ERROR:  {LOST['message']}",
    }
    assert moved(ledger) == [Decimal(20), Decimal(21)]


@pytest.mark.slow
def test_pgx(ledger: Ledger, tmp_path: Path) -> None:
    needs("go", "version")
    env = os.environ | GO | {"GOCACHE": str(tmp_path)}
    package = ["go", "list", "github.com/jackc/pgx/v4"]
    if subprocess.run(package, check=False, capture_output=True, env=env, timeout=60).returncode:
        pytest.skip("the driver is not installed: Debian's golang-github-jackc-pgx-v4-dev")
    program = tmp_path / "ledger"
    build = ["go", "build", "-o", str(program), str(HERE / "ledger.go")]
    subprocess.run(build, check=True, capture_output=True, env=env, timeout=300)
    assert seen_by(str(program)) == {
        "row": ["12.345678", "käse", "2026-11-25T12:30:15.123Z", None, True, 3],
        "simple": "1",
        "batch": [3, 7],
        "copied": 2,
        "error": "22012",
        "serializable": "0A000",
        "readOnly": "25006",
        "nested": "0A000",  # it is a savepoint
        "timedOut": True,
        "within": "95.000000",
        "commit": "40001",
    }
    assert moved(ledger) == COPIED

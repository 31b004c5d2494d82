"""Data to begin with: those of a server that never ran, kept to be copied."""

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from dsqlkit.errors import LocalClusterFailed
from dsqlkit.local.server.home import ServerHome
from dsqlkit.local.state import StateFolder, take_lock
from dsqlkit.whole_file import write_whole

_WAIT_LIMIT_S: Final = 60.0
_SPARE: Final = "spare"


@contextmanager
def sole_user(template: Path) -> Generator[ServerHome, None, None]:
    """The home of a template, for one process at a time; whoever comes meanwhile waits.

    Raises LocalClusterFailed where it cannot be kept there.
    """
    state = StateFolder(template)
    state.create()
    lock = take_lock(state.lifecycle_lock, timeout_s=_WAIT_LIMIT_S)
    if lock is None:
        raise LocalClusterFailed(f"Another process is using {template}.")
    try:
        yield ServerHome.of(state)
    finally:
        os.close(lock)


def copy_if_made(template: Path, state: StateFolder) -> None:
    """Copy a template's data to where this cluster's server has its own, if there is a template."""
    if not (template / "server" / "data").exists():
        return
    with sole_user(template) as made:
        copy_data(made, ServerHome.of(state))


def copy_data(made: ServerHome, home: ServerHome) -> None:
    """Copy data, which appear under their name when complete. Raises LocalClusterFailed.

    A copy that was made before they were needed is taken, where there is one.
    """
    write_whole(home.catalog, made.catalog.read_text())
    spare = _spare_of(made)
    if spare.exists():
        with suppress(OSError):  # it is on another file system
            spare.rename(home.data)
            return
    _copy(made, home.data)


def keep_spare(template: Path) -> None:
    """Make the copy that the next cluster takes, unless there is one. Raises LocalClusterFailed."""
    with sole_user(template) as made:
        spare = _spare_of(made)
        if made.data.exists() and not spare.exists():
            for old in made.path.glob(f"{_SPARE}*"):
                shutil.rmtree(old)
            _copy(made, spare)


def _spare_of(made: ServerHome) -> Path:
    """Where the spare copy of the data is, as they are now."""
    version = made.catalog.read_text() if made.catalog.exists() else ""
    return made.path / f"{_SPARE}-{version[:16]}"


def _copy(made: ServerHome, target: Path) -> None:
    unfinished = target.with_name(f"{target.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    done = made.run(["cp", "-R", str(made.data), str(unfinished)])
    if done.returncode != 0:
        raise LocalClusterFailed(f"The data could not be copied:\n{done.stderr.strip()}")
    unfinished.rename(target)

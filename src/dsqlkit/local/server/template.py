"""Data to begin with: those of a server that never ran, kept to be copied."""

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from dsqlkit.errors import LocalClusterFailed
from dsqlkit.file_lock import is_locked, take_lock
from dsqlkit.local.server.home import ServerHome
from dsqlkit.local.server.new_data import initialised
from dsqlkit.local.server.programs import programs_for
from dsqlkit.local.state import StateFolder
from dsqlkit.whole_file import write_whole

_WAIT_LIMIT_S: Final = 60.0
_ORPHAN_LIMIT_S: Final = 10.0
"""How long a program is waited for whose process was killed: what it does takes a second or two."""
_SPARE: Final = "spare"


@contextmanager
def sole_user(template: Path) -> Generator[ServerHome, None, None]:
    """The home of a template, for one process at a time; whoever comes meanwhile waits.

    Its lock is held too: a program that writes there may have outlived the process that ran it.

    Raises LocalClusterFailed where it cannot be kept there.
    """
    state = StateFolder(template)
    state.create()
    lock = take_lock(state.lifecycle_lock, timeout_s=_WAIT_LIMIT_S)
    if lock is None:
        raise LocalClusterFailed(f"Another process is using {template}.")
    try:
        made = ServerHome.of(state)
        made.take(timeout_s=_ORPHAN_LIMIT_S)
        try:
            yield made
        finally:
            made.release()
    finally:
        os.close(lock)


def is_made(template: Path) -> bool:
    """Whether there are data to copy."""
    return os.path.exists(template / "server" / "data")  # noqa: PTH110 - one we may not see is none


def begin_data(template: Path | None, state: StateFolder) -> None:
    """Do what takes longest in making a new cluster's data, and needs little code.

    That is a copy of the template's, or initdb for it, or for this cluster where it has none.
    Raises LocalClusterFailed and OSError.
    """
    home = ServerHome.of(state)
    if home.data.exists():
        return
    if template is None:
        home.take()
        try:
            initialised(programs_for(home), home)
        finally:
            home.release()
        return
    with sole_user(template) as made:
        if made.data.exists():
            copy_data(made, home)
        else:
            initialised(programs_for(made), made)


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


def remove_outdated(template: Path) -> None:
    """Remove the templates beside this one, which hold data as earlier versions made them."""
    for old in template.parent.glob(f"{template.name.partition('-')[0]}*"):
        if old != template and not is_locked(StateFolder(old).lifecycle_lock):
            shutil.rmtree(old, ignore_errors=True)


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

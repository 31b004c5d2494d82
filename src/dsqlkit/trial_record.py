"""What index trials have begun to build, written down until it is dropped or kept.

A trial drops what it does not keep, however it ends; only one that is killed outright, or that
loses its cluster, cannot. Its file stays in the user's data folder then, unlocked, and the next run
on this machine finds in it what may be left.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

import platformdirs

from dsqlkit import indexes
from dsqlkit.connection import Connections
from dsqlkit.file_lock import is_locked, try_lock

_BEGUN: Final = "begun"
_ENDED: Final = "ended"

Name = tuple[str, str]
"""An index's schema and name."""


class TrialRecord:
    """The file of one trial, locked while it runs, and gone after it unless something is left.

    A folder that cannot be written is no reason to build no index: then nothing is recorded.
    """

    def __init__(self, connections: Connections) -> None:
        self._open: set[Name] = set()
        self._file: int | None = None
        self._path = _folder(connections) / f"{uuid4()}.jsonl"
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            try_lock(self._file)

    def begun(self, schema: str, name: str) -> None:
        """An index is about to be built."""
        self._open.add((schema, name))
        self._write(_BEGUN, schema, name)

    def ended(self, schema: str, name: str) -> None:
        """An index was dropped, was never there, or stays because it is wanted."""
        self._open.discard((schema, name))
        self._write(_ENDED, schema, name)

    def close(self) -> None:
        """End the record; its file stays if something was begun and did not end."""
        if self._file is None:
            return
        with suppress(OSError):
            if not self._open:
                self._path.unlink()
        os.close(self._file)
        self._file = None

    def _write(self, *words: str) -> None:
        if self._file is not None:
            with suppress(OSError):
                os.write(self._file, json.dumps(words).encode() + b"\n")


def left_behind(connections: Connections) -> tuple[Name, ...]:
    """The indexes of trials that were killed on this machine, and that are still there.

    Files that name none any more are removed.
    """
    left: list[Name] = []
    for path, names in _abandoned(_folder(connections)):
        there = [each for each in names if indexes.name_is_taken(connections, each[1], each[0])]
        left += there
        if not there:
            with suppress(OSError):
                path.unlink()
    return tuple(dict.fromkeys(left))


def _abandoned(folder: Path) -> Iterator[tuple[Path, list[Name]]]:
    for path in sorted(folder.glob("*.jsonl")):
        try:
            if not is_locked(path):
                yield path, _open_names(path.read_bytes())
        except OSError:
            continue  # it runs, or is not ours to read


def _open_names(content: bytes) -> list[Name]:
    names: dict[Name, None] = {}
    # What follows the last line's end was cut off while it was written.
    for line in content.split(b"\n")[:-1]:
        word, schema, name = json.loads(line)
        if word == _BEGUN:
            names[schema, name] = None
        else:
            names.pop((schema, name), None)
    return list(names)


def _folder(connections: Connections) -> Path:
    """Where the trials on this cluster are recorded."""
    with connections.connection() as connection:
        host = connection.info.host
    return Path(platformdirs.user_data_dir("dsqlkit")) / "trials" / host

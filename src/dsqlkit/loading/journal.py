"""The journal of a load: what is needed to end it after whatever cut it off.

Its head has the seed from which all ids are made and the plan, so it knows each batch before it is
sent. Then a line says which table the load has made, and one more each batch that was committed.
Lines that a crash has lost do no harm: such a batch is sent again, and its ids are refused.

The loader that works on a journal locks it; its end, by a crash too, releases the lock.
"""

import errno
import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final
from uuid import uuid4

from dsqlkit.errors import DsqlkitError, UsageError
from dsqlkit.file_lock import try_lock
from dsqlkit.loading import batch
from dsqlkit.loading.batch import Batch
from dsqlkit.loading.head import Head
from dsqlkit.loading.head import read as read_head
from dsqlkit.loading.plan import LoadPlan
from dsqlkit.whole_file import is_stdout

SUFFIX: Final = ".journal"
_TABLE: Final = "table"
_DONE: Final = "done"


class JournalFailed(DsqlkitError):
    """The journal could not be written: a full disk, say. What was committed stays so."""

    code = "journal"


class FileInUse(DsqlkitError):
    """Another load writes the same file of ids."""

    code = "load_runs"


class Journal:
    """An open journal. `table_id` is None until the load has made its table."""

    def __init__(self, path: Path, descriptor: int, head: Head) -> None:
        self.head = head
        self.table_id: int | None = None
        self.is_resumed = False
        self._path = path
        self._descriptor = descriptor
        # All batches below this number are done, and those beyond it that came out of turn.
        self._below = 0
        self._beyond: set[int] = set()

    @classmethod
    def create(cls, file: Path, plan: LoadPlan, host: str) -> "Journal":
        """Begin a load whose ids go to `file`, in place of one that may have been cut off there.

        Raises UsageError when there can be no such file, FileInUse and JournalFailed.
        """
        path = path_of(file)
        descriptor = _locked(path, file, os.O_RDWR | os.O_CREAT)
        seed = os.urandom(batch.SEED_BYTES)
        head = Head(uuid4(), seed, host, file.name, plan.transactions, plan.rows)
        journal = cls(path, descriptor, head)
        try:
            os.ftruncate(descriptor, 0)
            journal._append(head.line(), sync=True)
        except BaseException:
            path.unlink(missing_ok=True)
            os.close(descriptor)
            raise
        return journal

    @classmethod
    def resume(cls, file: Path) -> "Journal":
        """Open the journal of a load that was cut off. Raises UsageError when there is none for
        `file`, and FileInUse.
        """
        path = path_of(file)
        if not os.path.exists(path):  # noqa: PTH110 - a name that cannot be is none
            raise UsageError(
                f"There is no load to resume: {file} has no journal {path.name}.",
                hint="Give the `file` of the load that was cut off.",
            )
        descriptor = _locked(path, file, os.O_RDWR)
        try:
            with path.open("rb") as content:
                head = read_head(content.readline(), path)
                if head.file != file.name:
                    raise UsageError(
                        f"The journal {path} belongs to a load into {head.file}.",
                        hint="Give the `file` of the load that was cut off.",
                    )
                journal = cls(path, descriptor, head)
                journal.is_resumed = True
                whole = content.tell() + sum(map(journal._read, content))
            os.ftruncate(descriptor, whole)
        except BaseException:
            os.close(descriptor)
            raise
        return journal

    @property
    def done(self) -> int:
        """How many batches were committed."""
        return self._below + len(self._beyond)

    def begin(self, table_id: int) -> None:
        """Write down the table that was made. Raises JournalFailed."""
        self._append(f"{_TABLE} {table_id}", sync=True)
        self.table_id = table_id

    def commit(self, number: int) -> None:
        """Write down that a batch was committed. Raises JournalFailed, and knows of it still."""
        self._know(number)
        self._append(f"{_DONE} {number}")

    def open_numbers(self) -> Iterator[int]:
        """The batches that were not known to be committed when this was called."""
        below, beyond = self._below, frozenset(self._beyond)
        return (each for each in range(below, self.head.transactions) if each not in beyond)

    def batches(self) -> Iterator[Batch]:
        """The batches that were committed, in order."""
        for number in chain(range(self._below), sorted(self._beyond)):
            yield batch.make(self.head.seed, number, self.head.rows)

    def remove(self) -> None:
        """End it: the load is done, and its file is there."""
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Release the lock. A journal of a load that has not begun is removed."""
        if self.table_id is None and not self.is_resumed:
            self.remove()
        os.close(self._descriptor)

    def _know(self, number: int) -> None:
        self._beyond.add(number)
        while self._below in self._beyond:
            self._beyond.remove(self._below)
            self._below += 1

    def _read(self, line: bytes) -> int:
        """Take a line in; its length, 0 for one that was cut off."""
        if not line.endswith(b"\n"):
            return 0
        word, number = line.split()
        if word.decode() == _TABLE:
            self.table_id = int(number)
        else:
            self._know(int(number))
        return len(line)

    def _append(self, line: str, *, sync: bool = False) -> None:
        data = f"{line}\n".encode()
        try:
            os.lseek(self._descriptor, 0, os.SEEK_END)
            if os.write(self._descriptor, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if sync:
                os.fsync(self._descriptor)
        except OSError as error:
            raise JournalFailed(
                f"The journal {self._path} could not be written: {error.strerror}.",
                hint="Make room, and run it again.",
            ) from error


def path_of(file: Path) -> Path:
    """Where the journal of a load into that file is."""
    return file.with_name(file.name + SUFFIX) if file.name else file


def _locked(path: Path, file: Path, flags: int) -> int:
    try:
        if (file.exists() and not file.is_file()) or not file.name:
            raise UsageError(f"{file} is not a plain file.", hint="Give a file's name as `file`.")
        if is_stdout(file):
            raise UsageError(
                f"{file} is where the results go.", hint="Give another `file`, or `-` for stdout."
            )
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written: {error.strerror}.", hint="Give another `file`."
        ) from error
    if not try_lock(descriptor):
        os.close(descriptor)
        raise FileInUse(
            f"Another load writes {file}.", hint="Wait for its end, or give another `file`."
        )
    return descriptor

"""A file of ids, one a line, that appears whole or not at all."""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from uuid import UUID

from dsqlkit.whole_file import draft_of_users


class IdFile:
    """Collects ids beside `path` and puts the file in place when the `with` block ends.

    That holds for a block that ends by an error too: the ids in the file are those that were
    added, neither more nor fewer. A block that did not come to `supersede` leaves an older file
    alone. Raises UsageError at once when the folder cannot be written, or when `path` is a folder
    or a device.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._draft = draft_of_users(path, hint="Give --output another file name.")
        self._supersedes = False
        self.count = 0

    def supersede(self) -> None:
        """Say that from now on an older file's ids are no longer true."""
        self._supersedes = True

    def add(self, ids: Iterable[UUID]) -> None:
        """Write some ids; `count` has how many there are."""
        for each in ids:
            self._draft.file.write(b"%s\n" % str(each).encode())
            self.count += 1

    def __enter__(self) -> "IdFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        try:
            if self._supersedes:
                self._draft.put()
        finally:
            self._draft.discard()

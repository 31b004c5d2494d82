"""A file of ids, one a line, that appears whole or not at all."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from uuid import UUID

from dsqlkit.errors import UsageError
from dsqlkit.whole_file import umask


class IdFile:
    """Collects ids beside `path` and puts the file in place when the `with` block ends.

    That holds for a block that ends by an error too: the ids in the file are those that were
    added, neither more nor fewer. A block that did not come to `supersede` leaves an older file
    alone. Raises UsageError at once when the folder cannot be written, or when `path` is a folder
    or a device.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is not a plain file.", hint="Give --output a file name.")
        try:
            self._file = tempfile.NamedTemporaryFile(  # noqa: SIM115 - closed in __exit__
                "w", encoding="ascii", dir=path.parent, prefix=f".{path.name}.", delete=False
            )
        except OSError as error:
            raise UsageError(
                f"{path} cannot be written: {error.strerror}.", hint="Give another --output."
            ) from error

        self._supersedes = False
        self.count = 0

    def supersede(self) -> None:
        """Say that from now on an older file's ids are no longer true."""
        self._supersedes = True

    def add(self, ids: Iterable[UUID]) -> None:
        """Write some ids; `count` has how many there are."""
        for each in ids:
            self._file.write(f"{each}\n")
            self.count += 1

    def __enter__(self) -> "IdFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        temporary = Path(self._file.name)
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            # As for any new file of the user's; temporary ones are closed to others.
            temporary.chmod(0o666 & ~umask())
            if self._supersedes:
                temporary.replace(self.path)
        finally:
            temporary.unlink(missing_ok=True)

"""Files that appear whole or not at all: written beside their place, and put there when complete.

`Draft` is how; `whole_file` and `write_whole` are the two usual ways.
"""

import io
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from dsqlkit.errors import UsageError


class Draft:
    """A file beside `path`, open for bytes as `file`, that takes its place by `put`.

    Until then nobody sees it but by a hidden name; `discard` removes it, and does nothing after
    `put`. Raises OSError where the folder cannot be written.
    """

    def __init__(self, path: Path) -> None:
        # It takes a while to load, and most commands write nothing.
        import tempfile

        self._path = path
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
        self._name = Path(name)
        self.file = os.fdopen(descriptor, "wb")

    def put(self, *, mode: int | None = None, durable: bool = True) -> None:
        """Close the file and have it at `path`, in place of what was there.

        `mode` None is that of any new file of the user's: what the umask leaves of rw-rw-rw-.
        `durable` waits until its bytes are on the disk: what a crash leaves is the old or the new.
        """
        self.file.flush()
        os.fchmod(self.file.fileno(), 0o666 & ~_umask() if mode is None else mode)
        if durable:
            os.fsync(self.file.fileno())
        self.file.close()
        self._name.replace(self._path)

    def discard(self) -> None:
        """Close and remove the file, unless it was put in place."""
        # What the disk has no room for is thrown away all the same.
        with suppress(OSError):
            self.file.close()
        self._name.unlink(missing_ok=True)


@contextmanager
def whole_file(path: Path) -> Generator[IO[str], None, None]:
    """A text file (UTF-8) that is put at `path` when the `with` block ends, unless by an error.

    Raises UsageError at once when `path` cannot be written there, or is a folder or a device.
    """
    draft = draft_of_users(path, hint="Give another name.")
    try:
        text = io.TextIOWrapper(draft.file, encoding="utf-8", write_through=True)
        yield text
        text.flush()
        draft.put()
    finally:
        draft.discard()


def followed(path: Path) -> Path:
    """The file that a name leads to: a symbolic link stays, and its target is what is replaced."""
    return Path(os.path.realpath(path))


def is_stdout(path: Path) -> bool:
    """Whether this process's results go into that file: to replace it would lose them."""
    try:
        there = path.stat()
        return stat.S_ISREG(there.st_mode) and os.path.samestat(there, os.fstat(1))
    except OSError:
        return False


def draft_of_users(path: Path, *, hint: str) -> Draft:
    """A draft of a file that a user named. Raises UsageError, with `hint`, where it cannot be."""
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is not a plain file.", hint=hint)
        if is_stdout(path):
            raise UsageError(f"{path} is where the results go.", hint=hint)
        return Draft(followed(path))
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.", hint=hint) from error


def write_whole(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Write a file so that a reader sees the old content or the new, never a part."""
    draft = Draft(path)
    try:
        draft.file.write(text.encode())
        draft.put(mode=mode, durable=False)
    finally:
        draft.discard()


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
